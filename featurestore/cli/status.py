"""`status`: how fresh each view is, in the warehouse and online."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.cells import age_cell, bytes_cell, count_cell, minute_cell
from featurestore.cli.exit_codes import ExitCode
from featurestore.cli.option_values import optional_age
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
    from sync.status import StatusReport, ViewStatus

__all__ = ["status_command"]

_COLUMNS: dict[str, Callable[[ViewStatus], object]] = {
    "view": lambda view: view.view,
    "level": lambda view: view.level,
    "state": lambda view: view.state,
    "fresh": lambda view: age_cell(view.age),
    "lag": lambda view: age_cell(view.lag),
    "up to date": lambda view: view.newest_is_online,
    "rows": lambda view: count_cell(view.rows),
    "memory": lambda view: bytes_cell(view.memory),
    "last run": lambda view: minute_cell(view.synced_at),
    "next expiry": lambda view: minute_cell(view.next_expiry),
}
"""A column of the table is a line here; JSON shows the fields of `ViewStatus`."""


def status_command(
    views: Views = None,
    warn_after: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Warn about a view that is older, such as '2 hours'."),
    ] = None,
    error_after: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Exit with 1 if a view is older, such as '1 day'."),
    ] = None,
    now: Now = None,
    redis_url: RedisUrl = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Report how fresh each view is in the warehouse and online.

    Exits with 1 if a view is in error. The limits apply to the age of the newest event and to the
    time since the last publication; a view's own `freshness` overrides them. The memory is an
    estimate.

    Example: featurestore status --warn-after '2 hours' --error-after '1 day'
    """
    limits = {"warn_after": optional_age(warn_after), "error_after": optional_age(error_after)}
    store = open_store(project_dir, target, now=now, redis_url=redis_url)
    with working("Comparing the warehouse with the online store"):
        report = store.status(views, **limits)
    if format_ is Format.JSON:
        print_json(report.to_dict())
    else:
        _print_status(report)
    if report.level == "error":
        raise typer.Exit(ExitCode.WRONG)


def _print_status(report: StatusReport) -> None:
    print_columns(_COLUMNS, report.views, right=("rows", "memory"))
    if report.owner is not None:
        note(f"Published as '{report.online_name}' by {report.owner}.")
    if report.owner not in (None, report.own):
        note(f"This run is another identity, which cannot sync: {report.own}.")
    if report.other_ledger:
        note(
            f"The ledger of the last sync is not here ({report.other_ledger}). States and rows are"
            " those that Redis tells."
        )
    if report.running:
        note(f"A sync is running, or died within the last minute: {report.running}.")
    for view in report.views:
        if view.reason:
            note(f"{view.view}: {view.reason}.")
