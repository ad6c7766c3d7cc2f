"""The online store: `sync` and `get`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featurestore.cli.options import (
    AllowPiiOption,
    AsFormat,
    Features,
    Format,
    FullNames,
    Now,
    ProjectDir,
    RedisUrl,
    Service,
    Target,
    bytes_shown,
    key_values,
    moment_or_age,
    open_store,
)
from featurestore.cli.output import note, print_json, print_table, stderr
from featurestore.values.parsing import parse_values

if TYPE_CHECKING:
    from sync.report import ProgressEvent, SyncReport

__all__ = ["COMMANDS", "print_report", "progress_shown"]

_DRY_COLUMNS = (
    "view",
    "read",
    "changed",
    "would write",
    "would delete",
    "skipped",
    "newest",
    "memory",
)
_REPORT_COLUMNS = ("view", "read", "changed", "written", "deleted", "skipped", "newest", "seconds")


def sync(
    views: Annotated[
        list[str] | None, typer.Option("--view", "-v", help="A view to publish; else all.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Publish every row, not only what changed.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            help="Look only at entities with an event since this time, or age such as '2 hours'.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing, and say what would be done.")
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print nothing; with --format json, one line of it."),
    ] = False,
    allow_pii: AllowPiiOption = None,
    now: Now = None,
    redis_url: RedisUrl = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Publish the newest row of each entity to the online store.

    Example: featurestore sync --view plane_features --format json
    """
    store = open_store(project_dir, target, now=now, redis_url=redis_url)
    with progress_shown(wanted=not quiet) as progress:
        report = store.sync(
            views,
            full=full,
            since=moment_or_age(since),
            dry_run=dry_run,
            progress=progress,
            allow_pii=allow_pii or False,
        )
    if format_ is Format.JSON and quiet:
        typer.echo(_one_line(report))
    elif format_ is Format.JSON:
        print_json(report.to_dict())
    elif not quiet:
        print_report(report)


def _one_line(report: SyncReport) -> str:
    def text(moment: datetime) -> str:
        return moment.isoformat()

    return json.dumps(report.to_dict(), default=text, ensure_ascii=False)


def print_report(report: SyncReport) -> None:
    """Write what a sync did, or would do, a line per view."""
    columns = _DRY_COLUMNS if report.dry_run else _REPORT_COLUMNS
    rows = [
        (
            view.view,
            f"{view.rows_read:,}",
            f"{view.changed:,}",
            f"{view.written:,}",
            f"{view.deleted:,}",
            f"{view.skipped:,}",
            view.newest_event_timestamp,
            bytes_shown(view.memory) if report.dry_run else f"{view.seconds:.2f}",
        )
        for view in report.views
    ]
    print_table(columns, rows, right=(*columns[1:6], columns[-1]))
    done = "would be published" if report.dry_run else "published"
    for view in report.views:
        if view.reason:
            note(f"{view.view}: {done} in full, because {view.reason}.")
    if report.personal_data:
        note(f"Personal data {done}, as allowed: {', '.join(report.personal_data)}.")
    if report.dry_run:
        memory = bytes_shown(sum(view.memory or 0 for view in report.views))
        note(f"Nothing was written. All rows together would take about {memory} of Redis' memory.")


@contextmanager
def progress_shown(*, wanted: bool) -> Iterator[Callable[[ProgressEvent], None] | None]:
    """Show progress as a bar on a terminal and as plain lines in a log."""
    if not wanted:
        yield None
    elif stderr.is_terminal:
        with _bars() as show:
            yield show
    else:
        yield _line


@contextmanager
def _bars() -> Iterator[Callable[[ProgressEvent], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    tasks: dict[str, Any] = {}
    with Progress(*columns, console=stderr, transient=True) as progress:

        def show(event: ProgressEvent) -> None:
            if event.view not in tasks:
                tasks[event.view] = progress.add_task(event.view, total=event.total)
            progress.update(tasks[event.view], completed=event.done, total=event.total)

        yield show


def _line(event: ProgressEvent) -> None:
    if event.done == event.total:
        note(f"{event.view}: {event.done:,} rows published")


def get(
    entity: Annotated[
        list[str],
        typer.Option(
            "--entity", "-e", "--key", "-k", help="One entity: key=value[,key=value], or JSON."
        ),
    ],
    features: Features = None,
    service: Service = None,
    full_feature_names: FullNames = False,
    now: Now = None,
    redis_url: RedisUrl = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Read the newest values of entities from the online store.

    Example: featurestore get -f 'plane_features:*' -e tailnum=N14228
    """
    store = open_store(project_dir, target, now=now, redis_url=redis_url)
    types = store.online_key_types(features, feature_service=service)
    rows = [parse_values(key_values(text), types) for text in entity]
    response = store.get_online_features(
        features, rows, feature_service=service, full_feature_names=full_feature_names
    )
    if format_ is Format.JSON:
        print_json(response.to_dict(include_statuses=True))
        return
    values, statuses = response.to_dict(), response.statuses
    for index, text in enumerate(entity):
        shown = [(name, values[name][index], found[index]) for name, found in statuses.items()]
        print_table(("feature", "value", "status"), shown, title=text)


COMMANDS = (sync, get)
