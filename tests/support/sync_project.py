"""A dbt project with an editable history, and the law that every sync must keep."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pyarrow as pa

from featurestore import FeatureStore
from featurestore.online.key_values import key_writer
from featurestore.online.keys import entity_key, row_prefix
from featurestore.online.redis.connection import client
from featurestore.warehouse.duckdb import DuckDBWarehouse
from tests.support.builders import manifest_json, model

NOW = datetime(2024, 3, 1, tzinfo=UTC)
EVENT, CREATED, ENDS = "observed_at", "written_at", "ends_at"


@dataclass(frozen=True)
class View:
    """A feature view and its table.

    Attributes:
        name: The name of the view and of its table.
        keys: The join keys with their types, all of one entity.
        features: The features with their types.
        created: Whether its rows have a created timestamp.
        event_type: The type of the event timestamp.
        own: Further keys of the model's meta, such as `ttl`.
        ends: Whether its rows have an end of validity.
    """

    name: str
    keys: Mapping[str, str]
    features: Mapping[str, str]
    created: bool = False
    event_type: str = "TIMESTAMP"
    own: Mapping[str, Any] = field(default_factory=dict)
    ends: bool = False

    @property
    def columns(self) -> dict[str, str]:
        """All columns with their types."""
        written = {CREATED: "TIMESTAMP"} if self.created else {}
        ends = {ENDS: "TIMESTAMP"} if self.ends else {}
        return {**self.keys, EVENT: self.event_type, **written, **ends, **self.features}

    def but(self, **own: Any) -> View:
        """Return the view with other declarations; None removes one."""
        return replace(self, own={**self.own, **own})

    def model(self, relation: str) -> dict[str, Any]:
        """Return the model's node in a manifest."""
        declared: dict[str, Any] = {
            "entities": {f"one_{self.name}": list(self.keys)} if self.keys else {},
            "event_timestamp": EVENT,
            "created_timestamp": CREATED if self.created else None,
            "valid_until": ENDS if self.ends else None,
            **self.own,
        }
        node = {"relation_name": relation}
        return model(self.name, dict.fromkeys(self.columns), node=node, **declared)


PLANES = View(
    "plane_status",
    {"tailnum": "VARCHAR"},
    {"delay": "DOUBLE", "seats": "INTEGER", "note": "VARCHAR"},
    created=True,
    own={"ttl": "30 days"},
)
"""A view with a ttl and a created timestamp."""
ROUTES = View("route_load", {"origin": "VARCHAR", "flight": "BIGINT"}, {"load": "DECIMAL(9,3)"})
"""A composite key, without a ttl."""
WEATHER = View("weather", {}, {"wind": "DOUBLE", "storm": "BOOLEAN"})
"""Global features: one row without a join key."""
MANY_TYPES = View(
    "many_types",
    {"number": "INTEGER"},
    {
        "a_bool": "BOOLEAN",
        "a_tiny": "TINYINT",
        "a_small": "SMALLINT",
        "a_int": "INTEGER",
        "a_big": "BIGINT",
        "an_ubig": "UBIGINT",
        "a_float": "FLOAT",
        "a_double": "DOUBLE",
        "a_decimal": "DECIMAL(38,10)",
        "a_text": "VARCHAR",
        "a_blob": "BLOB",
        "a_date": "DATE",
        "a_time": "TIME",
        "an_instant": "TIMESTAMP",
        "a_zoned": "TIMESTAMPTZ",
        "a_second": "TIMESTAMP_S",
        "an_enum": "ENUM('low', 'high')",
        "numbers": "BIGINT[]",
        "words": "VARCHAR[]",
        "decimals": "DECIMAL(9,2)[]",
        "nested": "DOUBLE[][]",
    },
    created=True,
    event_type="TIMESTAMPTZ",
)
"""One feature of every kind."""


class SyncProject:
    """A project on disk in its state after `dbt build`, with an editable history.

    Args:
        folder: The folder to write to.
        views: Its feature views; the tables start empty.
        project: The dbt project's name.
        memory: Keep the warehouse in memory, for tests with a great many steps.
        state: The file of the ledger; by default the ledger is in the warehouse.
    """

    def __init__(
        self,
        folder: Path,
        *views: View,
        project: str = "shop",
        memory: bool = False,
        state: str = "",
    ) -> None:
        self.folder = folder
        self.name = project
        self.views: dict[str, View] = {}
        self._memory = duckdb.connect() if memory else None
        target = {"type": "duckdb", "path": "warehouse.duckdb", "schema": "main"}
        profiles = {"shop": {"target": "dev", "outputs": {"dev": target}}}
        (folder / "target").mkdir(parents=True, exist_ok=True)
        own = {"vars": {"featurestore": {"state": state}}} if state else {}
        self._write("dbt_project.yml", {"name": project, "profile": "shop", **own})
        self._write("profiles.yml", profiles)
        self.declare(*views)
        self.create(*views)

    @property
    def warehouse(self) -> Path:
        """The warehouse's file."""
        return self.folder / "warehouse.duckdb"

    def declare(self, *views: View) -> None:
        """Write the manifest for exactly these views; tables keep their rows."""
        self.views = {view.name: view for view in views}
        database = "memory" if self._memory is not None else "warehouse"
        manifest = manifest_json(
            *(view.model(f'"{database}"."main"."{view.name}"') for view in views)
        )
        manifest["metadata"]["project_name"] = self.name
        self._write("target/manifest.json", manifest)

    def create(self, *views: View) -> None:
        """Replace the tables of views by empty ones."""
        for view in views:
            typed = ", ".join(f'"{name}" {kind}' for name, kind in view.columns.items())
            self.execute(f'CREATE OR REPLACE TABLE "{view.name}" ({typed})')

    def insert(self, view: View, *rows: Sequence[Any]) -> None:
        """Add rows, in the order of the view's columns."""
        marks = ", ".join("?" for _ in view.columns)
        with self.connect() as connection:
            connection.executemany(f'INSERT INTO "{view.name}" VALUES ({marks})', rows)
            self._remember(connection)

    def execute(self, *statements: str) -> None:
        """Run statements in the warehouse, and remember the keys that they delete."""
        with self.connect() as connection:
            self._remember(connection)
            for statement in statements:
                connection.execute(statement)
            self._remember(connection)

    def store(self, url: str, now: datetime = NOW) -> FeatureStore:
        """Open the project as a feature store whose clock shows a given moment."""
        if self._memory is None:
            return FeatureStore(self.folder, redis_url=url, now=now)
        return _InMemory(self.folder, self._memory, url, now)

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the warehouse."""
        if self._memory is not None:
            yield self._memory
            return
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection

    def known_keys(self, view: View) -> pa.Table:
        """Return every key without NULL that a view ever held; for a global view, one row."""
        if not view.keys:
            return pa.table({"asked": [1]})
        names = ", ".join(f'"{name}"' for name in view.keys)
        where = " AND ".join(f'"{name}" IS NOT NULL' for name in view.keys)
        with self.connect() as connection:
            return connection.sql(
                f'SELECT {names} FROM "ever__{view.name}" WHERE {where} ORDER BY ALL'
            ).to_arrow_table()

    def _remember(self, connection: duckdb.DuckDBPyConnection) -> None:
        tables = {row[0] for row in connection.execute("SHOW TABLES").fetchall()}
        for view in self.views.values():
            if not view.keys or view.name not in tables:
                continue
            names = ", ".join(f'"{name}"' for name in view.keys)
            typed = ", ".join(f'"{name}" {kind}' for name, kind in view.keys.items())
            ever = f'"ever__{view.name}"'
            connection.execute(f"CREATE TABLE IF NOT EXISTS {ever} ({typed})")
            connection.execute(
                f'INSERT INTO {ever} SELECT {names} FROM "{view.name}"'
                f" EXCEPT SELECT {names} FROM {ever}"
            )

    def _write(self, name: str, content: Any) -> None:
        # JSON is YAML.
        (self.folder / name).write_text(json.dumps(content), encoding="utf-8")


class _InMemory(FeatureStore):
    """A feature store whose warehouse is a database in memory."""

    def __init__(
        self, folder: Path, connection: duckdb.DuckDBPyConnection, url: str, now: datetime
    ) -> None:
        super().__init__(folder, redis_url=url, now=now)
        self._session.warehouse = lambda **_: DuckDBWarehouse(connection.cursor())


def assert_parity(
    project: SyncProject, url: str, now: datetime = NOW, *, keys: pa.Table | None = None
) -> None:
    """Check the law: online values equal those of the history now.

    Redis holds no other rows but expired ones, whose readers get EXPIRED.

    Args:
        project: The project.
        url: The online store.
        now: The moment.
        keys: The keys to read; by default all keys that ever existed, and then the rows in Redis
            are counted too.
    """
    store = project.store(url, now)
    expected: set[str] = set()
    for view in project.views.values():
        if view.own.get("online", True):
            asked = project.known_keys(view) if keys is None else keys
            expected |= _assert_view(project, store, view, asked, now)
    if keys is None:
        assert expected == rows_in_redis(url, project.name)


def rows_in_redis(url: str, project: str) -> set[str]:
    """Return the keys of all rows of a project."""
    with closing(client(url)) as connection:
        found = connection.scan_iter(match=f"fs:{quote(project, safe='')}:*", count=1000)
        return {key.decode() for key in found}


def _assert_view(
    project: SyncProject, store: FeatureStore, view: View, keys: pa.Table, now: datetime
) -> set[str]:
    """Check one view; return the keys of the rows that Redis should hold."""
    if not keys.num_rows:
        return set()
    moment = pa.array([now] * keys.num_rows, pa.timestamp("us", "UTC"))
    job = store.get_historical_features(
        keys.append_column("event_timestamp", moment), [f"{view.name}:*"], feature_timestamps=True
    )
    history = job.to_arrow()
    response = store.get_online_features([f"{view.name}:*"], keys.to_pydict())
    online = response.to_arrow()
    known = history.column(f"{view.name}__event_timestamp")
    for name in view.features:
        column = history.column(name)
        assert plain(column.type) == online.column(name).type, name
        wanted, got = comparable(column.to_pylist()), comparable(online.column(name).to_pylist())
        assert wanted == got, f"{view.name}:{name} as of {now}"
    statuses = [str(status) for status in response.statuses[next(iter(view.features))]]
    for there, status in zip(known.is_valid().to_pylist(), statuses, strict=True):
        assert (status not in ("NOT_FOUND", "EXPIRED")) == there, f"{view.name} as of {now}"
    return _redis_keys(project, view, keys, [status != "NOT_FOUND" for status in statuses])


def _redis_keys(
    project: SyncProject, view: View, keys: pa.Table, known: Sequence[bool]
) -> set[str]:
    prefix = row_prefix(project.name, view.name)
    kinds = {"VARCHAR": "string", "DATE": "date", "BOOLEAN": "bool", "UUID": "uuid"}
    writers = [
        key_writer(name, kinds.get(kind, "decimal" if kind[:3] == "DEC" else "int64"))
        for name, kind in view.keys.items()
    ]
    columns = [
        [write(value) for value in keys.column(name).to_pylist()]
        for write, name in zip(writers, view.keys, strict=True)
    ]
    rows = list(zip(*columns, strict=True)) if columns else [()]
    return {entity_key(prefix, row) for row, there in zip(rows, known, strict=True) if there}


def plain(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values; for a dictionary type, such as an enum's, its value type."""
    if pa.types.is_list(kind):
        return pa.list_(plain(kind.value_type))
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def comparable(value: Any) -> Any:
    """Return values in a form where NaN equals itself, and 0.0 differs from -0.0."""
    if isinstance(value, list):
        return [comparable(element) for element in value]
    return repr(value) if isinstance(value, float) else value


def day(number: float, *, of: datetime = NOW) -> datetime:
    """Return a moment some days before now (or after, where negative), without a zone."""
    return datetime.fromtimestamp(of.timestamp() - number * 86_400, UTC).replace(tzinfo=None)
