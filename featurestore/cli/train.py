"""`train`: a training set as a file, a table, a dbt model or a preview."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.options import AsFormat, Format, Now, ProjectDir, Target, open_store
from featurestore.cli.output import note, print_arrow, print_diff, print_json
from featurestore.cli.progress import working
from featurestore.cli.training_arguments import TrainingArguments
from featurestore.errors import FeatureStoreError
from featurestore.values.far_instants import python_rows

if TYPE_CHECKING:
    from featurestore.store.feature_store import FeatureStore
    from featurestore.training.training_job import TrainingJob

__all__ = ["train_command"]

_PREVIEW_ROWS = 10

Written = Mapping[str, str | int | None]
"""An output in JSON: its name, its rows and the file of its card."""


def train_command(
    training_set: TrainingArguments,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.parquet", help="Write this file.")
    ] = None,
    table: Annotated[
        str | None,
        typer.Option("--table", metavar="TABLE", help="Write this warehouse table."),
    ] = None,
    dbt_model: Annotated[
        Path | None,
        typer.Option("--dbt-model", metavar="FILE.sql", help="Write this dbt model and its yml."),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Replace a file or a table that featurestore did not write."
        ),
    ] = False,
    check: Annotated[
        Path | None,
        typer.Option(
            "--check",
            metavar="CARD",
            help="Instead: build the training set of this card again, and compare.",
        ),
    ] = None,
    now: Now = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Build a training set as a file, a table or a dbt model.

    Without --output, --table or --dbt-model, it shows the first rows. With one of them and
    --format json, it prints the output, its rows and its card; with several, a list of these.

    Example: featurestore train ref:flight_delay_labels -f 'plane_features:*' -o training.parquet
    """
    store = open_store(project_dir, target, now=now)
    if check is not None:
        _check(store, check, format_)
        return
    job = training_set.job(store)
    written = []
    if output is not None:
        written.append(_write_file(job, output, overwrite=overwrite))
    if table is not None:
        written.append(_write_table(job, table, overwrite=overwrite))
    if dbt_model is not None:
        written.append(_write_model(job, dbt_model, format_, overwrite=overwrite))
    if not written:
        _preview(job, format_)
    elif format_ is Format.JSON:
        print_json(written[0] if len(written) == 1 else written)


def _check(store: FeatureStore, card: Path, format_: Format) -> None:
    with working("Building the training set again"):
        differences = store.check_training_set(card)
    if format_ is Format.JSON:
        print_json({"card": str(card), "same": not differences, "differences": differences})
    else:
        for sentence in differences:
            note(sentence)
    if differences:
        raise FeatureStoreError("The same request gives other rows today.")
    note("The same request gives the same rows today.")


def _write_file(job: TrainingJob, output: Path, *, overwrite: bool) -> Written:
    from featurestore.training.outputs import parquet_card_path

    if output.suffix != ".parquet":
        raise FeatureStoreError(f"--output must end in .parquet, got '{output}'.")
    with working(f"Writing {output}"):
        rows = job.to_parquet(output, overwrite=overwrite)
    note(f"Wrote {rows:,} rows to {output}, and their card beside it.")
    return {"output": str(output), "rows": rows, "card": str(parquet_card_path(output))}


def _write_table(job: TrainingJob, table: str, *, overwrite: bool) -> Written:
    with working(f"Writing the table {table}"):
        rows = job.to_table(table, overwrite=overwrite)
    note(f"Wrote {rows:,} rows to the table {table}, and their card.")
    return {"output": table, "rows": rows, "card": str(job.card_file(table))}


def _write_model(job: TrainingJob, path: Path, format_: Format, *, overwrite: bool) -> Written:
    change = job.to_dbt_model(path.resolve(), overwrite=overwrite)
    if format_ is not Format.JSON:
        print_diff(change)
    note(f"Wrote {path} and its yml." if change else f"{path} is up to date.")
    # dbt builds the rows later.
    return {"output": str(path), "rows": None, "card": None, "diff": change}


def _preview(job: TrainingJob, format_: Format) -> None:
    with working("Building the training set"):
        result = job.to_arrow()
    spine = job.plan.spine
    if spine.order_by is None:
        # The rows of a query have no order of their own, and would come in another one each time.
        result = result.sort_by(spine.event_timestamp)
    if format_ is Format.JSON:
        print_json(python_rows(result))
        return
    print_arrow(result.slice(0, _PREVIEW_ROWS))
    shown = min(_PREVIEW_ROWS, result.num_rows)
    note(f"{shown} of {result.num_rows:,} rows; --output writes all.")
