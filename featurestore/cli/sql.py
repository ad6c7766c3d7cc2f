"""`sql`: the statement of a training set, or what its joins will match."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.cells import count_cell, plain
from featurestore.cli.options import AsFormat, Format, Now, ProjectDir, Target, open_store
from featurestore.cli.output import note, print_columns, print_json, print_sql
from featurestore.cli.progress import working
from featurestore.cli.training_arguments import TrainingArguments
from featurestore.errors import MissingExtra
from featurestore.store.declared_store import without_connection
from featurestore.warehouse import missing_connection

if TYPE_CHECKING:
    from featurestore.store.feature_store import FeatureStore
    from featurestore.training.explain import JoinReport
    from featurestore.training.training_job import TrainingJob

__all__ = ["sql_command"]

_NUMBERS: dict[str, Callable[[JoinReport], object]] = {
    "history": lambda report: count_cell(report.history_rows),
    "asked": lambda report: count_cell(report.entity_rows),
    "matched": lambda report: f"{report.matched:,} ({report.match_rate:.0%})",
    "expired": lambda report: count_cell(report.expired),
    "missing": lambda report: count_cell(report.missing),
    "no key": lambda report: count_cell(report.null_keys),
}
_EXPLAIN_COLUMNS: dict[str, Callable[[JoinReport], object]] = {
    "view": lambda report: report.view,
    "strategy": lambda report: report.strategy,
    **_NUMBERS,
}


def sql_command(
    training_set: TrainingArguments,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Count matched, expired and missing rows per view, and say what is read.",
        ),
    ] = False,
    now: Now = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Print the SQL of a training set, or count what it matches.

    Example: featurestore sql ref:flight_delay_labels -f 'plane_features:*' --explain
    """
    store = open_store(project_dir, target, now=now)
    job = training_set.job(store) if explain else _written(training_set, store)
    if explain:
        _explain(job, format_)
    elif format_ is Format.JSON:
        print_json({"sql": job.to_sql()})
    else:
        print_sql(job.to_sql())


def _written(training_set: TrainingArguments, store: FeatureStore) -> TrainingJob:
    """Return the job; without a connection, from the types that dbt's files declare."""
    missing = missing_connection(store.registry.dialect)
    reason = f"No connection to {store.registry.dialect} ({missing})."
    if missing is None:
        try:
            return training_set.job(store)
        except MissingExtra as error:
            reason = str(error)
    job = training_set.job(without_connection(store))
    note(f"{reason} The statement is written from the declared types.")
    return job


def _explain(job: TrainingJob, format_: Format) -> None:
    with working("Counting"):
        reports = job.explain()
    if format_ is Format.JSON:
        print_json([{**asdict(r), "match_rate": r.match_rate, "remark": r.remark} for r in reports])
        return
    from featurestore.warehouse.planned_reads import PlannedRead

    print_columns(_EXPLAIN_COLUMNS, reports, right=list(_NUMBERS))
    for report in reports:
        if report.last_read is not None:
            note(f"{report.view}: {_read(report.first_read, report.last_read)}")
        if report.defaults:
            filled = ", ".join(f"{name} = {plain(each)}" for name, each in report.defaults.items())
            note(f"{report.view}: rows without a value get {filled}.")
        if report.remark:
            note(f"{report.view}: {report.remark}")
    planned = PlannedRead(reports[0].statement_rows, reports[0].statement_bytes)
    if planned != PlannedRead():
        note(f"The engine estimates that a training set reads {planned}.")


def _read(first: datetime | None, last: datetime) -> str:
    start = "the start of the history" if first is None else f"{first:%Y-%m-%d %H:%M}"
    return f"a training set reads the event timestamps from {start} to {last:%Y-%m-%d %H:%M} UTC."
