"""`verify`: compare the published rows with the warehouse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.cells import count_cell, exact_cell, plain
from featurestore.cli.exit_codes import ExitCode
from featurestore.cli.options import (
    AsFormat,
    Format,
    Now,
    ProjectDir,
    RedisUrl,
    Target,
    Views,
    open_store,
)
from featurestore.cli.output import note, print_columns, print_json
from featurestore.cli.progress import working

if TYPE_CHECKING:
    from sync.verify import Difference, VerifyReport, ViewVerdict

__all__ = ["verify_command"]

_MOST_DIFFERENCES = 20
_NUMBERS: dict[str, Callable[[ViewVerdict], object]] = {
    "checked": lambda view: count_cell(view.checked),
    "differing": lambda view: count_cell(view.differing),
    "damaged": lambda view: count_cell(view.damaged),
    "unknown": lambda view: count_cell(view.unknown),
}
_COLUMNS: dict[str, Callable[[ViewVerdict], object]] = {
    "view": lambda view: view.view,
    "as of": lambda view: view.as_of,
    **_NUMBERS,
}
_DIFFERENCE_COLUMNS: dict[str, Callable[[Difference], object]] = {
    "view": lambda found: found.view,
    "key": lambda found: _key(found.key),
    "feature": lambda found: found.feature,
    "expected": lambda found: exact_cell(found.expected),
    "found": lambda found: exact_cell(found.found),
}


def verify_command(
    views: Views = None,
    sample: Annotated[int, typer.Option(min=1, help="Rows to compare per view.")] = 1000,
    all_: Annotated[
        bool,
        typer.Option("--all", help="Compare all rows, and find rows that should not be online."),
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Publish damaged rows again, and compare once more.")
    ] = False,
    now: Now = None,
    redis_url: RedisUrl = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Compare the published rows with the warehouse, value by value.

    Exits with 1 if anything differs. The comparison uses the warehouse as it is now, as of each
    view's last publication: rows that arrived late since then differ until the next sync.
    A row is damaged if its checksum fails.

    Example: featurestore verify --view plane_features --all
    """
    store = open_store(project_dir, target, now=now, redis_url=redis_url)
    with working("Reading back"):
        report = store.verify(views, sample="all" if all_ else sample, repair=repair)
    if format_ is Format.JSON:
        print_json(report.to_dict())
    else:
        _print_verdicts(report)
    if not report.good:
        raise typer.Exit(ExitCode.WRONG)


def _print_verdicts(report: VerifyReport) -> None:
    print_columns(_COLUMNS, report.views, right=list(_NUMBERS))
    differences = [found for view in report.views for found in view.differences]
    if differences:
        print_columns(_DIFFERENCE_COLUMNS, differences[:_MOST_DIFFERENCES])
    for view in report.views:
        if view.problem:
            note(f"{view.view}: {view.problem}.")
        if view.repaired:
            note(f"{view.view}: {count_cell(view.repaired)} damaged rows were published again.")
        elif view.damaged:
            note(f"{view.view}: `featurestore verify --repair` publishes damaged rows again.")
    note("All good." if report.good else "The next `featurestore sync --full` repairs it.")


def _key(key: Mapping[str, object]) -> str:
    return ",".join(f"{name}={plain(value)}" for name, value in key.items())
