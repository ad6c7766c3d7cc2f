"""Running the online store: `status`, `verify` and `purge_command`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featurestore.cli.options import (
    AsFormat,
    Format,
    Now,
    ProjectDir,
    RedisUrl,
    Target,
    Views,
    bytes_shown,
    open_store,
)
from featurestore.cli.output import note, plain, print_json, print_table, working
from featurestore.values.durations import format_duration, parse_duration

if TYPE_CHECKING:
    from sync.purge import PurgeReport
    from sync.status import StatusReport
    from sync.verify import Difference, VerifyReport

__all__ = ["COMMANDS"]

_MOST_SHOWN = 20
_STATUS_COLUMNS = (
    "view",
    "level",
    "state",
    "fresh",
    "lag",
    "up to date",
    "rows",
    "memory",
    "last run",
    "next expiry",
)


def _optional_duration(text: str | None) -> timedelta | None:
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def status(
    views: Views = None,
    warn_after: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Warn about what is older, such as '2 hours'."),
    ] = None,
    error_after: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Exit with 1 if anything is older, such as '1 day'."),
    ] = None,
    now: Now = None,
    redis_url: RedisUrl = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Say how fresh each view is, in the warehouse and online, and what is wrong.

    Exits with 1 if any view is in error. The ages are those of the newest event and of the last
    publication; a view's own `freshness` comes before the options. The memory is an estimate.

    Example: featurestore status --warn-after '2 hours' --error-after '1 day'
    """
    limits = _optional_duration(warn_after), _optional_duration(error_after)
    store = open_store(project_dir, target, now=now, redis_url=redis_url)
    with working("Looking at both sides"):
        report = store.status(views, warn_after=limits[0], error_after=limits[1])
    if format_ is Format.JSON:
        print_json(report.to_dict())
    else:
        _print_status(report)
    if report.level == "error":
        raise typer.Exit(1)


def _print_status(report: StatusReport) -> None:
    rows = [
        (
            view.view,
            str(view.level),
            str(view.state),
            _age(view.age),
            _age(view.lag),
            view.newest_is_online,
            None if view.rows is None else f"{view.rows:,}",
            bytes_shown(view.memory),
            _minute(view.synced_at),
            _minute(view.next_expiry),
        )
        for view in report.views
    ]
    print_table(_STATUS_COLUMNS, rows, right=("rows", "memory"))
    if report.running:
        note(f"A sync is at work, or died within the last minute: {report.running}.")
    for view in report.views:
        if view.reason:
            note(f"{view.view}: {view.reason}.")


def _age(age: timedelta | None) -> str:
    """Write an age with its two greatest units.

    >>> _age(timedelta(days=1, hours=2, minutes=3)), _age(timedelta(seconds=5.5)), _age(None)
    ('1 day 2 hours', '5 seconds', '')
    """
    if age is None:
        return ""
    return " ".join(format_duration(timedelta(seconds=int(age.total_seconds()))).split()[:4])


def _minute(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def verify(
    views: Views = None,
    sample: Annotated[int, typer.Option(min=1, help="Rows to compare of each view.")] = 1000,
    all_: Annotated[
        bool, typer.Option("--all", help="All rows; and find rows that should not be online.")
    ] = False,
    now: Now = None,
    redis_url: RedisUrl = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Read back what was published, and compare it with the warehouse value by value.

    Exits with 1 if anything differs. What is compared is the warehouse as it is today, as of each
    view's last publication: rows that came late since then differ until the next sync.

    Example: featurestore verify --view plane_features --all
    """
    store = open_store(project_dir, target, now=now, redis_url=redis_url)
    with working("Reading back"):
        report = store.verify(views, sample="all" if all_ else sample)
    if format_ is Format.JSON:
        print_json(report.to_dict())
    else:
        _print_verdicts(report)
    if not report.good:
        raise typer.Exit(1)


def _print_verdicts(report: VerifyReport) -> None:
    rows = [
        (view.view, view.as_of, f"{view.checked:,}", f"{view.differing:,}", _count(view.unknown))
        for view in report.views
    ]
    numbers = ("checked", "differing", "unknown")
    print_table(("view", "as of", *numbers), rows, right=numbers)
    differences = [found for view in report.views for found in view.differences][:_MOST_SHOWN]
    if differences:
        shown = [_cells(found) for found in differences]
        print_table(("view", "key", "feature", "expected", "found"), shown)
    for view in report.views:
        if view.problem:
            note(f"{view.view}: {view.problem}.")
    note("All good." if report.good else "The next `featurestore sync --full` repairs it.")


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _cells(found: Difference) -> tuple[str, ...]:
    return (
        found.view,
        _key(found.key),
        found.feature,
        _exact(found.expected),
        _exact(found.found),
    )


def _key(key: Mapping[str, Any]) -> str:
    return ",".join(f"{name}={plain(value)}" for name, value in key.items())


def _exact(value: Any) -> str:
    """Write a value so that two different ones never look the same."""
    if value is None:
        return "NULL"
    return repr(value) if isinstance(value, float | bytes) else plain(value)


def purge_command(
    view: Annotated[
        str | None, typer.Option("--view", "-v", help="The view; else the whole project.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove it; else only say what would be removed.")
    ] = False,
    redis_url: RedisUrl = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Remove one view from the online store, or everything that the project has there.

    Nothing of another project is touched, and nothing in the warehouse but the record of what was
    published: the next sync publishes it in full.

    Example: featurestore purge --view plane_features --yes
    """
    store = open_store(project_dir, target, redis_url=redis_url)
    with working("Removing" if yes else "Counting"):
        report = store.purge(view, dry_run=not yes)
    if format_ is Format.JSON:
        print_json(report.to_dict())
    else:
        _print_purge(report)


def _print_purge(report: PurgeReport) -> None:
    rows = [(view.view, f"{view.rows:,}") for view in report.views]
    print_table(("view", "rows"), rows, right=("rows",))
    if report.dry_run:
        note(f"Nothing was removed from project '{report.project}'. Add --yes to remove this.")
    else:
        note("Removed. The next sync publishes what is declared in full.")


COMMANDS = (status, verify, purge_command)
