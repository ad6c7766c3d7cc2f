"""`sync`: publish the newest rows to the online store."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.cells import bytes_cell, count_cell
from featurestore.cli.exit_codes import ExitCode
from featurestore.cli.option_values import moment_or_age
from featurestore.cli.options import (
    AllowPiiOption,
    AsFormat,
    Format,
    Now,
    ProjectDir,
    RedisUrl,
    Target,
    Views,
    open_store,
)
from featurestore.cli.output import complain, note, print_columns, print_json
from featurestore.cli.progress import publishing_views

if TYPE_CHECKING:
    from sync.report import SyncReport, ViewReport

__all__ = ["print_sync_report", "sync_command"]


class EngineName(StrEnum):
    """What may work on the rows of a sync."""

    SPARK = "spark"


_Columns = dict[str, Callable[["ViewReport"], object]]

_COLUMNS: _Columns = {
    "view": lambda view: view.view,
    "read": lambda view: count_cell(view.rows_read),
    "changed": lambda view: count_cell(view.changed),
    "written": lambda view: count_cell(view.written),
    "deleted": lambda view: count_cell(view.deleted),
    "skipped": lambda view: count_cell(view.skipped),
    "newest": lambda view: view.newest_event_timestamp,
    "seconds": lambda view: f"{view.seconds:.2f}",
}
_RENAMED = {"written": "would write", "deleted": "would delete"}
_DRY_COLUMNS: _Columns = {
    **{_RENAMED.get(name, name): cell for name, cell in _COLUMNS.items() if name != "seconds"},
    "memory": lambda view: bytes_cell(view.memory),
    "table": lambda view: view.relation,
}
_LEFT = ("view", "newest", "table")


def sync_command(
    views: Views = None,
    full: Annotated[
        bool, typer.Option("--full", help="Publish every row, not only the changed ones.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Only look at entities with an event since this time or age, such as '2 hours'.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; show what a sync would do.")
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print nothing, or one line with --format json."),
    ] = False,
    allow_pii: AllowPiiOption = None,
    allow_deletes: Annotated[
        bool,
        typer.Option(
            "--allow-deletes",
            help="Also delete more of a view's rows than its `max_deletes`, or more than half of"
            " all views.",
        ),
    ] = False,
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over",
            help="Replace all that another identity published to this Redis; it cannot sync from"
            " then on.",
        ),
    ] = False,
    require_ledger: Annotated[
        bool,
        typer.Option(
            "--require-ledger",
            help="Refuse to run with another ledger than the last run's, instead of publishing"
            " every row.",
        ),
    ] = False,
    engine: Annotated[
        EngineName | None,
        typer.Option("--engine", help="What works on the rows, instead of this process."),
    ] = None,
    now: Now = None,
    redis_url: RedisUrl = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Publish the newest row of each entity to the online store.

    A view is held back if the sync would delete too many of its rows, and fails if its table is not
    built or has a value that cannot be published. The other views are published, and the command
    exits with 1.

    Example: featurestore sync --view plane_features --format json
    """
    store = open_store(project_dir, target, now=now, redis_url=redis_url)
    with publishing_views(wanted=not quiet) as progress:
        report = store.sync(
            views,
            full=full,
            since=moment_or_age(since),
            dry_run=dry_run,
            progress=progress,
            allow_pii=allow_pii or False,
            allow_deletes=allow_deletes,
            take_over=take_over,
            require_ledger=require_ledger,
            engine="spark" if engine else None,
        )
    if format_ is Format.JSON and quiet:
        print_json(report.to_dict(), indent=None)
    elif format_ is Format.JSON:
        print_json(report.to_dict())
    elif not quiet:
        print_sync_report(report)
    for view, reason in report.failed.items():
        complain(f"{'Would not be' if report.dry_run else 'Not'} published: {view}: {reason}")
    if report.held_back:
        complain(_held_back(report))
    if report.failed or report.held_back:
        raise typer.Exit(ExitCode.WRONG)


def _held_back(report: SyncReport) -> str:
    """Return one line about all views that were held back, or would be."""
    views = "; ".join(f"{view} ({reason})" for view, reason in report.held_back.items())
    would = "Would be held back" if report.dry_run else "Held back"
    return (
        f"{would}: {views}. Check the table and the project; if the rows are meant to go, add"
        " --allow-deletes."
    )


def print_sync_report(report: SyncReport) -> None:
    """Write what a sync did, or what a dry run would do, one line per view."""
    columns = _DRY_COLUMNS if report.dry_run else _COLUMNS
    right = [name for name in columns if name not in _LEFT]
    print_columns(columns, report.views, right=right)
    done = "would be published" if report.dry_run else "published"
    for view in report.views:
        if view.reason:
            note(f"{view.view}: {done} in full, because {view.reason}.")
    if report.dry_run:
        note(f"The ledger is {report.ledger}.")
    if report.other_ledger and report.other_ledger == report.ledger:
        note(
            f"The rows online were published from an earlier ledger at {report.ledger}, which is"
            " gone; this run starts another one."
        )
    elif report.other_ledger:
        note(
            f"The rows online were published from another ledger, {report.other_ledger}, which"
            f" this run did not find; its own is {report.ledger}."
        )
    if report.personal_data:
        note(f"Personal data {done}, as allowed: {', '.join(report.personal_data)}.")
    if report.withheld:
        left_out = ", ".join(f"{name} ({why})" for name, why in report.withheld.items())
        note(f"Not {done}, as personal data: {left_out}; --allow-pii includes it.")
    if report.dry_run:
        memory = bytes_cell(sum(view.memory or 0 for view in report.views))
        note(f"Nothing was written. All rows together would take about {memory} in Redis.")
