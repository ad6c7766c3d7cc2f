"""Training sets: `sql`, `train`, `why_command`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.options import (
    AllowPiiOption,
    AsFormat,
    Features,
    Format,
    FullNames,
    Now,
    ProjectDir,
    Service,
    Target,
    key_values,
    moment,
    open_store,
    optional_moment,
)
from featurestore.cli.output import (
    note,
    print_diff,
    print_json,
    print_sql,
    print_table,
    working,
)
from featurestore.errors import EntityFrameError, FeatureStoreError

if TYPE_CHECKING:
    import pyarrow as pa

    from featurestore.training.job import TrainingJob

__all__ = ["COMMANDS"]

_PREVIEW_ROWS = 10

EntityRows = Annotated[
    str | None,
    typer.Argument(
        metavar="[ENTITIES]",
        help="The rows to enrich: a SELECT, a table, ref:<model>, or a .parquet or .csv file;"
        " without it, the views' own entities.",
    ),
]
Start = Annotated[
    str | None, typer.Option(metavar="TIME", help="Without ENTITIES: the first instant.")
]
End = Annotated[str | None, typer.Option(metavar="TIME", help="The last instant; else now.")]
Every = Annotated[str | None, typer.Option(help="The step from --start to --end: '1 day'.")]
Timestamp = Annotated[
    str, typer.Option("--event-timestamp", help="The column with the time of each row.")
]
FeatureTimestamps = Annotated[
    bool, typer.Option("--feature-timestamps", help="Add the time of the row each value is from.")
]
AsKnown = Annotated[
    bool, typer.Option("--as-known", help="Leave out rows written after the entity row's time.")
]
StrategyOption = Annotated[
    str | None, typer.Option(help="The shape of join: asof, window or lateral.")
]


def sql(
    entities: EntityRows = None,
    features: Features = None,
    service: Service = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Count what each view contributes, and why not more.")
    ] = False,
    start: Start = None,
    end: End = None,
    every: Every = None,
    event_timestamp: Timestamp = "event_timestamp",
    full_feature_names: FullNames = False,
    feature_timestamps: FeatureTimestamps = False,
    as_known: AsKnown = False,
    strategy: StrategyOption = None,
    allow_pii: AllowPiiOption = None,
    now: Now = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Print the SQL of a training set, or count what it will find.

    Example: featurestore sql ref:flight_delay_labels -f 'plane_features:*' --explain
    """
    job = open_store(project_dir, target, now=now).get_historical_features(
        _entity_source(entities),
        features,
        feature_service=service,
        start=optional_moment(start),
        end=optional_moment(end),
        every=every,
        event_timestamp=event_timestamp,
        full_feature_names=full_feature_names,
        feature_timestamps=feature_timestamps,
        as_known=as_known,
        strategy=strategy,
        allow_pii=allow_pii or False,
    )
    _note_withheld(job)
    if explain:
        _explain(job, format_)
    else:
        print_sql(job.to_sql())


def _explain(job: TrainingJob, format_: Format) -> None:
    with working("Counting"):
        reports = job.explain()
    if format_ is Format.JSON:
        print_json([{**asdict(r), "match_rate": r.match_rate, "remark": r.remark} for r in reports])
        return
    columns = ("view", "strategy", "history", "asked", "matched", "expired", "missing", "no key")
    rows = [
        (
            report.view,
            report.strategy,
            *(f"{count:,}" for count in (report.history_rows, report.entity_rows)),
            f"{report.matched:,} ({report.match_rate:.0%})",
            *(f"{count:,}" for count in (report.expired, report.missing, report.null_keys)),
        )
        for report in reports
    ]
    print_table(columns, rows, right=columns[2:])
    for report in reports:
        if report.remark:
            note(f"{report.view}: {report.remark}")


def train(
    entities: EntityRows = None,
    features: Features = None,
    service: Service = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .parquet file to write.")
    ] = None,
    table: Annotated[
        str | None, typer.Option("--table", help="A warehouse table to create or replace.")
    ] = None,
    dbt_model: Annotated[
        Path | None,
        typer.Option("--dbt-model", metavar="FILE.sql", help="A dbt model to write, with its yml."),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="CARD", help="Whether a card's request gives its rows."),
    ] = None,
    start: Start = None,
    end: End = None,
    every: Every = None,
    event_timestamp: Timestamp = "event_timestamp",
    full_feature_names: FullNames = False,
    feature_timestamps: FeatureTimestamps = False,
    as_known: AsKnown = False,
    strategy: StrategyOption = None,
    allow_pii: AllowPiiOption = None,
    now: Now = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Build a training set: to a file, a table or a dbt model, or a look at its first rows.

    Example: featurestore train ref:flight_delay_labels -f 'plane_features:*' -o training.parquet
    """
    store = open_store(project_dir, target, now=now)
    if check is not None:
        with working("Building the training set again"):
            differences = store.check_training_set(check)
        _check(differences)
        return
    job = store.get_historical_features(
        _entity_source(entities),
        features,
        feature_service=service,
        start=optional_moment(start),
        end=optional_moment(end),
        every=every,
        event_timestamp=event_timestamp,
        full_feature_names=full_feature_names,
        feature_timestamps=feature_timestamps,
        as_known=as_known,
        strategy=strategy,
        allow_pii=allow_pii or False,
    )
    _note_withheld(job)
    if output is not None:
        with working(f"Writing {output}"):
            rows = _write(job, output)
        note(f"Wrote {rows:,} rows to {output}, and their card beside it.")
    if table is not None:
        with working(f"Writing the table {table}"):
            rows = job.to_table(table)
        note(f"Wrote {rows:,} rows to the table {table}, and their card.")
    if dbt_model is not None:
        _write_model(job, dbt_model)
    if output is None and table is None and dbt_model is None:
        _preview(job, format_)


def _note_withheld(job: TrainingJob) -> None:
    if job.withheld:
        note(f"Left out as personal data: {', '.join(job.withheld)}; --allow-pii includes it.")


def _check(differences: list[str]) -> None:
    for sentence in differences:
        note(sentence)
    if differences:
        raise FeatureStoreError("The same request gives other rows today.")
    note("The same request gives the same rows today.")


def _write_model(job: TrainingJob, path: Path) -> None:
    change = job.to_dbt_model(path.resolve())
    print_diff(change)
    note(f"Wrote {path} and its yml." if change else f"{path} says the same already.")


def _write(job: TrainingJob, output: Path) -> int:
    if output.suffix != ".parquet":
        raise FeatureStoreError(f"'{output}' is no .parquet file.", remedy="Name it so.")
    return job.to_parquet(output)


def _preview(job: TrainingJob, format_: Format) -> None:
    with working("Building the training set"):
        result = job.to_arrow()
    if format_ is Format.JSON:
        print_json(result.to_pylist())
        return
    first = result.slice(0, _PREVIEW_ROWS)
    print_table(first.column_names, [list(row.values()) for row in first.to_pylist()])
    note(f"{min(_PREVIEW_ROWS, result.num_rows)} of {result.num_rows:,} rows; --output writes all.")


def _entity_source(text: str | None) -> str | None:
    """Return a file as a query over it, anything else as it is."""
    if text is None:
        return None
    readers = {".parquet": "read_parquet", ".csv": "read_csv"}
    path = Path(text)
    if "\n" in text or path.suffix not in readers:
        return text
    if not path.is_file():
        raise EntityFrameError(f"There is no file {path}.")
    quoted = str(path.resolve()).replace("'", "''")
    return f"SELECT * FROM {readers[path.suffix]}('{quoted}')"


def why_command(
    feature: Annotated[str, typer.Argument(metavar="VIEW:FEATURE", help="The feature.")],
    key: Annotated[
        str,
        typer.Option("--key", "-k", "--entity", "-e", help="The entity: key=value[,key=value]."),
    ],
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="The instant asked for, in UTC.")],
    as_known: AsKnown = False,
    limit: Annotated[int, typer.Option(min=1, help="The most rows to show.")] = 20,
    allow_pii: Annotated[
        list[str] | None,
        typer.Option("--allow-pii", metavar="VIEW:FEATURE", help="Personal data to show, by name."),
    ] = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Explain one value: the row it is from, and why each other was rejected.

    The values are shown, so personal data (`pii: true`) needs --allow-pii with its name.

    Example: featurestore why plane_features:seats -k tailnum=N14228 --at 2013-07-01T12:00
    """
    store = open_store(project_dir, target)
    result = store.why(
        feature,
        key_values(key),
        moment(at),
        as_known=as_known,
        limit=limit,
        allow_pii=allow_pii or False,
    )
    _note_what_is_missing(result, limit)
    if format_ is Format.JSON:
        print_json(result.to_pylist())
    elif result.num_rows:
        print_table(result.column_names, [list(row.values()) for row in result.to_pylist()])
    else:
        note(f"The view has no row for {key}, so the value is NULL.")


def _note_what_is_missing(result: pa.Table, limit: int) -> None:
    from featurestore.sql.why import CHOSEN

    if result.num_rows and CHOSEN not in result.column("verdict").to_pylist():
        note("No row could be used at that instant: the value is NULL.")
    if result.num_rows == limit:
        note(f"These are the {limit} rows nearest to that instant; --limit shows more.")


COMMANDS = (sql, train, why_command)
