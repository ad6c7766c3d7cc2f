"""What a change does to those who use the features: `diff`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featurestore.cli.options import ProjectDir, open_store
from featurestore.cli.output import note, print_json, print_table, reading_models, stdout

if TYPE_CHECKING:
    from featurestore.impact.changes import Change

__all__ = ["COMMANDS"]


class DiffFormat(StrEnum):
    """How the changes are written."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


class FailOn(StrEnum):
    """Which changes make the exit code 1."""

    BREAKING = "breaking"
    ANY = "any"


def diff(
    state: Annotated[
        Path,
        typer.Option("--state", help="The manifest to compare with, or its folder, as in dbt."),
    ],
    fail_on: Annotated[
        FailOn | None, typer.Option("--fail-on", help="Exit with 1 if there are such changes.")
    ] = None,
    project_dir: ProjectDir = Path(),
    format_: Annotated[
        DiffFormat, typer.Option("--format", help="For people, machines or a pull request.")
    ] = DiffFormat.TABLE,
) -> None:
    """Compare the features with another manifest's, such as production's, and say who is hit.

    Example: featurestore diff --state production/manifest.json --fail-on breaking
    """
    with reading_models() as progress:
        changes, remark = open_store(project_dir).diff(state, progress)
    if remark:
        note(remark)
    _WRITERS[format_](changes)
    if any(fail_on in (FailOn.ANY, change.effect.value) for change in changes):
        raise typer.Exit(1)


def _as_table(changes: list[Change]) -> None:
    from featurestore.impact.markdown import headline, told

    if changes:
        rows = [
            (c.effect.value, c.subject, told(c), ", ".join(c.services), ", ".join(c.owners))
            for c in changes
        ]
        print_table(("effect", "what", "change", "services", "owners"), rows)
    note(f"{headline(changes)[:1].upper()}{headline(changes)[1:]}.")


def _as_json(changes: list[Change]) -> None:
    print_json([_json(change) for change in changes])


def _json(change: Change) -> dict[str, Any]:
    return {
        "effect": change.effect.value,
        "kind": change.kind,
        "subject": change.subject,
        "before": change.before or None,
        "after": change.after or None,
        "features": list(change.features),
        "services": list(change.services),
        "owners": list(change.owners),
        "online_keys": change.online_keys or None,
        "note": change.note or None,
    }


def _as_markdown(changes: list[Change]) -> None:
    from featurestore.impact.markdown import as_markdown

    stdout.file.write(as_markdown(changes))


_WRITERS = {
    DiffFormat.TABLE: _as_table,
    DiffFormat.JSON: _as_json,
    DiffFormat.MARKDOWN: _as_markdown,
}

COMMANDS = (diff,)
