"""`why`: the row that one value comes from, and why the other rows were rejected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.cells import plain
from featurestore.cli.option_values import key_values
from featurestore.cli.options import AsFormat, Format, ProjectDir, Target, open_store
from featurestore.cli.output import note, print_arrow, print_json
from featurestore.cli.training_arguments import AsKnown
from featurestore.values.far_instants import python_rows
from featurestore.values.parsing import moment

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["why_command"]


def why_command(
    feature: Annotated[str, typer.Argument(metavar="VIEW:FEATURE", help="The feature.")],
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="The instant, in UTC.")],
    key: Annotated[
        str,
        typer.Option(
            "--key",
            "-k",
            "--entity",
            "-e",
            metavar="KEY=VALUE",
            help="The entity: key=value[,key=value]. A view without entities needs none.",
        ),
    ] = "",
    as_known: AsKnown = False,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many rows.")] = 20,
    allow_pii: Annotated[
        list[str] | None,
        typer.Option("--allow-pii", metavar="VIEW:FEATURE", help="Personal data to show, by name."),
    ] = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Explain one value: its row, and why other rows were rejected.

    The output shows values, so a feature that is personal data (`pii: true`) must be named with
    --allow-pii.

    Example: featurestore why plane_features:seats -k tailnum=N14228 --at 2013-07-01T12:00
    """
    store = open_store(project_dir, target)
    result = store.why(
        feature,
        key_values(key),
        moment(at),
        as_known=as_known,
        limit=limit,
        allow_pii=allow_pii or False,
    )
    _note_what_is_missing(result, limit, key)
    if format_ is Format.JSON:
        print_json(python_rows(result))
    elif result.num_rows:
        print_arrow(result)


def _note_what_is_missing(result: pa.Table, limit: int, key: str) -> None:
    from featurestore.sql.why import CHOSEN, DEFAULT, DELETED, ENDED

    first, value = python_rows(result.slice(0, 2)), "NULL"
    if first and first[0]["verdict"] == DEFAULT:
        value, result = f"the default {plain(first.pop(0)['value'])}", result.slice(1)
    verdict = first[0]["verdict"] if first else ""
    if verdict == ENDED:
        note(f"The newest row ended at {first[0]['valid_until']}, so the value is {value}.")
    elif verdict == DELETED:
        note(f"The entity was deleted at {first[0]['event_timestamp']}, so the value is {value}.")
    elif verdict == CHOSEN and value != "NULL":
        note(f"The chosen row has NULL, so the value is {value}.")
    elif verdict not in (CHOSEN, ""):
        note(f"No row is valid at that instant, so the value is {value}.")
    elif not verdict:
        note(f"The view has no row{key and f' for {key}'}, so the value is {value}.")
    if result.num_rows == limit:
        note(f"These are the {limit} rows nearest to that instant; --limit shows more.")
