"""`validate`: every problem of the definitions, their SQL and their tables."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.exit_codes import ExitCode
from featurestore.cli.options import ProjectDir, Target, open_store
from featurestore.cli.output import complain, note, print_json, stdout
from featurestore.cli.progress import counting_views, reading_models
from featurestore.errors import FeatureStoreError, Problem

if TYPE_CHECKING:
    from featurestore.lint.linter import LintReport
    from featurestore.store.feature_store import FeatureStore

__all__ = ["validate_command"]


class ReportFormat(StrEnum):
    """How `validate` writes the problems."""

    TABLE = "table"
    JSON = "json"
    GITHUB = "github"


def validate_command(
    project_dir: ProjectDir = Path(),
    target: Target = None,
    connect: Annotated[
        bool, typer.Option(help="Compare the definitions with the warehouse's tables.")
    ] = True,
    lint: Annotated[
        bool | None,
        typer.Option(
            "--lint/--no-lint",
            help="Search the compiled SQL for leakage; by default where dbt has compiled it.",
            show_default=False,
        ),
    ] = None,
    select: Annotated[
        str | None,
        typer.Option(metavar="FS001,...", help="The lint rules to run; by default all."),
    ] = None,
    naming: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND=PATTERN",
            help="A naming rule, such as 'view=_features$'; it overrides the project's.",
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
    format_: Annotated[
        ReportFormat,
        typer.Option("--format", help="For people, machines, or annotations on a pull request."),
    ] = ReportFormat.TABLE,
) -> None:
    """Check every definition and its SQL; report all problems at once.

    Example: featurestore validate --no-connect
    """
    if lint is False and select is not None:
        raise FeatureStoreError(
            f"--select {select} needs the lint, and --no-lint turns it off.",
            remedy="Remove one of the two options.",
        )
    store = open_store(project_dir, target)
    report = None if lint is False else _linted(store, lint, select)
    rules = _rules(naming)
    with reading_models() as progress:
        problems = store.validate(connect=connect, lint=False, naming=rules, progress=progress)
    found = [*problems, *(report.problems if report else ())]
    _WRITERS[format_](sorted(found))
    if report and report.uncompiled:
        note(
            f"Not linted: {_counted(report.uncompiled, 'feature view')} without compiled SQL in the"
            " manifest. Run `dbt compile`."
        )
    if any(strict or problem.severity == "error" for problem in found):
        raise typer.Exit(ExitCode.WRONG)
    if format_ is ReportFormat.TABLE:
        unseen = _unseen(report, connect=connect, select=select)
        note(_summary(store, found, unseen))


def _rules(naming: list[str] | None) -> dict[str, str]:
    rules = {}
    for text in naming or ():
        kind, separator, pattern = text.partition("=")
        if not separator:
            raise typer.BadParameter(
                f"--naming must be KIND=PATTERN, such as 'view=_features$', got '{text}'"
            )
        rules[kind.strip()] = pattern
    return rules


def _linted(store: FeatureStore, lint: bool | None, select: str | None) -> LintReport:
    codes = None if select is None else [code for code in select.split(",") if code.strip()]
    with counting_views() as progress:
        required = bool(lint) or codes is not None
        return store.lint(select=codes, progress=progress, required=required)


def _write_lines(found: Sequence[Problem]) -> None:
    for problem in found:
        if problem.severity == "error":
            complain(str(problem))
        else:
            note(f"Warning: {problem}")


def _write_json(found: Sequence[Problem]) -> None:
    print_json([asdict(problem) for problem in found])


def _write_github(found: Sequence[Problem]) -> None:
    """Write the workflow commands with which GitHub annotates files.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
    """
    for problem in found:
        line = f",line={problem.line}" if problem.line else ""
        title = _escaped(f"{problem.resource} {problem.code}".strip(), properties=True)
        text = " ".join(part for part in (problem.message, problem.remedy) if part)
        place = _escaped(problem.path, properties=True)
        stdout.print(
            f"::{problem.severity} file={place}{line},title={title}::{_escaped(text)}",
            markup=False,
            soft_wrap=True,
        )


def _escaped(text: str, *, properties: bool = False) -> str:
    """Escape a text for a workflow command, where line breaks and commas are separators.

    >>> _escaped("50%, a:b", properties=True)
    '50%25%2C a%3Ab'
    """
    marks = "%\r\n:," if properties else "%\r\n"
    return "".join(f"%{ord(mark):02X}" if mark in marks else mark for mark in text)


_WRITERS = {
    ReportFormat.TABLE: _write_lines,
    ReportFormat.JSON: _write_json,
    ReportFormat.GITHUB: _write_github,
}


def _unseen(report: LintReport | None, *, connect: bool, select: str | None) -> list[str]:
    """Return what a run did not look at."""
    parts = {
        "the tables (--no-connect)": not connect,
        "the SQL (--no-lint)": report is None,
        f"other lint rules (--select {select})": select is not None,
        "SQL that dbt has not compiled": report is not None and bool(report.uncompiled),
    }
    return [part for part, is_unseen in parts.items() if is_unseen]


def _summary(store: FeatureStore, found: Sequence[Problem], unseen: Sequence[str]) -> str:
    registry = store.registry
    features = [name for view in registry.feature_views.values() for name in view.features]
    complete = "No problem found" if unseen else "All good"
    verdict = f"No error, {_counted(found, 'warning')}" if found else complete
    left_out = f" Not checked: {', '.join(unseen)}." if unseen else ""
    return (
        f"{verdict}: {_counted(registry.feature_views, 'feature view')},"
        f" {_counted(features, 'feature')}, {_counted(registry.feature_services, 'service')}."
        f"{left_out}"
    )


def _counted(things: Sized, noun: str) -> str:
    """Write a number with its noun.

    >>> _counted(["flight_delay"], "service"), _counted([], "service")
    ('1 service', '0 services')
    """
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"
