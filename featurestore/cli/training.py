"""Training sets: `sql`, `train`, `why`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.options import (
    AsFormat,
    Features,
    Format,
    FullNames,
    ProjectDir,
    Service,
    Target,
    key_values,
    moment,
    open_store,
)
from featurestore.cli.output import note, print_json, print_sql, print_table
from featurestore.definitions import FeatureRef
from featurestore.errors import EntityFrameError, FeatureStoreError
from featurestore.values import parse_value

if TYPE_CHECKING:
    from featurestore.training import TrainingJob

__all__ = ["COMMANDS"]

_PREVIEW_ROWS = 10

EntityRows = Annotated[
    str,
    typer.Argument(
        metavar="ENTITIES",
        help="The rows to enrich: a SELECT, a table, ref:<model>, or a .parquet or .csv file.",
    ),
]
Timestamp = Annotated[
    str, typer.Option("--event-timestamp", help="The column with the time of each row.")
]
FeatureTimestamps = Annotated[
    bool, typer.Option("--feature-timestamps", help="Add the time of the row each value is from.")
]
AsKnown = Annotated[
    bool, typer.Option("--as-known", help="Leave out rows written after the entity row's time.")
]
Strategy = Annotated[str | None, typer.Option(help="The shape of join: asof or window.")]


def sql(
    entities: EntityRows,
    features: Features = None,
    service: Service = None,
    event_timestamp: Timestamp = "event_timestamp",
    full_feature_names: FullNames = False,
    feature_timestamps: FeatureTimestamps = False,
    as_known: AsKnown = False,
    strategy: Strategy = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
) -> None:
    """Print the SQL of a training set.

    Example: featurestore sql ref:flight_delay_labels --service flight_delay
    """
    store = open_store(project_dir, target)
    job = store.get_historical_features(
        _entity_source(entities),
        features,
        feature_service=service,
        event_timestamp=event_timestamp,
        full_feature_names=full_feature_names,
        feature_timestamps=feature_timestamps,
        as_known=as_known,
        strategy=strategy,
    )
    print_sql(job.to_sql())


def train(
    entities: EntityRows,
    features: Features = None,
    service: Service = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .parquet file to write.")
    ] = None,
    table: Annotated[
        str | None, typer.Option("--table", help="A warehouse table to create or replace.")
    ] = None,
    event_timestamp: Timestamp = "event_timestamp",
    full_feature_names: FullNames = False,
    feature_timestamps: FeatureTimestamps = False,
    as_known: AsKnown = False,
    strategy: Strategy = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Build a training set: to a file, to a table, or a look at its first rows.

    Example: featurestore train ref:flight_delay_labels -s flight_delay -o training.parquet
    """
    job = open_store(project_dir, target).get_historical_features(
        _entity_source(entities),
        features,
        feature_service=service,
        event_timestamp=event_timestamp,
        full_feature_names=full_feature_names,
        feature_timestamps=feature_timestamps,
        as_known=as_known,
        strategy=strategy,
    )
    if output is not None:
        note(f"Wrote {_write(job, output):,} rows to {output}.")
    if table is not None:
        note(f"Wrote {job.to_table(table):,} rows to the table {table}.")
    if output is None and table is None:
        _preview(job, format_)


def _write(job: TrainingJob, output: Path) -> int:
    if output.suffix != ".parquet":
        raise FeatureStoreError(f"'{output}' is no .parquet file.", remedy="Name it so.")
    return job.to_parquet(output)


def _preview(job: TrainingJob, format_: Format) -> None:
    result = job.to_arrow()
    if format_ is Format.JSON:
        print_json(result.to_pylist())
        return
    first = result.slice(0, _PREVIEW_ROWS)
    print_table(first.column_names, [list(row.values()) for row in first.to_pylist()])
    note(f"{min(_PREVIEW_ROWS, result.num_rows)} of {result.num_rows:,} rows; --output writes all.")


def _entity_source(text: str) -> str:
    """Return a file as a query over it, anything else as it is."""
    readers = {".parquet": "read_parquet", ".csv": "read_csv"}
    path = Path(text)
    if "\n" in text or path.suffix not in readers:
        return text
    if not path.is_file():
        raise EntityFrameError(f"There is no file {path}.")
    quoted = str(path.resolve()).replace("'", "''")
    return f"SELECT * FROM {readers[path.suffix]}('{quoted}')"


def why(
    feature: Annotated[str, typer.Argument(metavar="VIEW:FEATURE", help="The feature.")],
    key: Annotated[str, typer.Option("--key", "-k", help="The entity: key=value[,key=value].")],
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="The instant asked for, in UTC.")],
    as_known: AsKnown = False,
    limit: Annotated[int, typer.Option(min=1, help="The most rows to show.")] = 20,
    project_dir: ProjectDir = Path(),
    target: Target = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Explain one value: the row it is from, and why each other was rejected.

    Example: featurestore why plane_features:seats -k tailnum=N14228 --at 2013-07-01T12:00
    """
    store = open_store(project_dir, target)
    reference = FeatureRef.parse(feature)
    types = {
        column.name: column.data_type for column in store.registry.view(reference.view).join_keys
    }
    keys = {
        name: parse_value(name, value, types.get(name)) if isinstance(value, str) else value
        for name, value in key_values(key).items()
    }
    result = store.why(feature, keys, moment(at), as_known=as_known, limit=limit)
    if format_ is Format.JSON:
        print_json(result.to_pylist())
    elif result.num_rows:
        print_table(result.column_names, [list(row.values()) for row in result.to_pylist()])
    else:
        note(f"The view has no row for {key}, so the value is NULL.")


COMMANDS = (sql, train, why)
