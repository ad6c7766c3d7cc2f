"""`diff`: the changes between two manifests, and who is affected."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.exit_codes import ExitCode
from featurestore.cli.options import ProjectDir, open_store
from featurestore.cli.output import note, print_columns, print_json, stdout
from featurestore.cli.progress import reading_models

if TYPE_CHECKING:
    from featurestore.impact.changes import Change

__all__ = ["diff_command"]


class DiffFormat(StrEnum):
    """How `diff` writes the changes."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


class FailOn(StrEnum):
    """Which changes make the exit code 1."""

    BREAKING = "breaking"
    ANY = "any"


def diff_command(
    state: Annotated[
        Path,
        typer.Option(
            "--state",
            metavar="PATH",
            help="The manifest to compare with, or its folder, as in dbt.",
        ),
    ],
    fail_on: Annotated[
        FailOn | None, typer.Option("--fail-on", help="Exit with 1 on such changes.")
    ] = None,
    project_dir: ProjectDir = Path(),
    format_: Annotated[
        DiffFormat, typer.Option("--format", help="For people, machines or a pull request.")
    ] = DiffFormat.TABLE,
) -> None:
    """Compare the features with another manifest; name who is affected.

    Example: featurestore diff --state production/manifest.json --fail-on breaking
    """
    with reading_models() as progress:
        changes, remark = open_store(project_dir).diff(state, progress)
    if remark:
        note(remark)
    _WRITERS[format_](changes)
    if any(fail_on in (FailOn.ANY, change.effect.value) for change in changes):
        raise typer.Exit(ExitCode.WRONG)


def _as_table(changes: list[Change]) -> None:
    from featurestore.impact.markdown import describe_change, headline

    columns: dict[str, Callable[[Change], object]] = {
        "effect": lambda change: change.effect,
        "what": lambda change: change.subject,
        "change": describe_change,
        "services": lambda change: ", ".join(change.services),
        "owners": lambda change: ", ".join(change.owners),
    }
    if changes:
        print_columns(columns, changes)
    verdict = headline(changes)
    note(f"{verdict[:1].upper()}{verdict[1:]}.")


def _as_json(changes: list[Change]) -> None:
    print_json([_json(change) for change in changes])


def _json(change: Change) -> dict[str, object]:
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
