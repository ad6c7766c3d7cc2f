"""A project on an engine whose tables are built again as dbt does, and the law of every sync."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from featurestore import FeatureStore
from featurestore.values.durations import parse_duration
from tests.engines.clickhouse_server import ClickHouseServer
from tests.engines.postgres_engine import Postgres
from tests.engines.snowflake_server import SnowflakeServer
from tests.engines.spark_engine import Spark
from tests.oracle import History, newest
from tests.support.bigquery_on_duckdb import Driver
from tests.support.builders import PROJECT, manifest_json, model
from tests.support.scenarios import arrow
from tests.support.sync_project import comparable, plain, rows_in_redis

NOW = datetime(2024, 3, 31, tzinfo=UTC)
GONE = frozenset({"NOT_FOUND", "EXPIRED"})
READER = "reader"
"""A role of PostgreSQL that may connect and read, and nothing else."""
KEEPER = "keeper"
"""A role of PostgreSQL that may read, and keep a ledger in a schema of its own."""


@dataclass(frozen=True)
class View:
    """A feature view: its columns in order, with the types of the scenarios.

    Attributes:
        name: The name of the view and of its table.
        keys: The join keys.
        types: All columns.
        own: Further keys of the model's meta.
        config: Further keys of the model's config.
    """

    name: str
    keys: tuple[str, ...]
    types: Mapping[str, str]
    own: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stamps(self) -> tuple[str | None, ...]:
        """The event and created timestamps and the end of validity."""
        return tuple(
            self.own.get(name) for name in ("event_timestamp", "created_timestamp", "valid_until")
        )

    @property
    def features(self) -> tuple[str, ...]:
        """The features, in order."""
        return tuple(name for name in self.types if name not in (*self.keys, *self.stamps))

    def row(self, *values: Any) -> dict[str, Any]:
        """Return a row."""
        return dict(zip(self.types, values, strict=True))

    def model(self, relation: str) -> dict[str, Any]:
        """Return the node of the manifest."""
        entities = {f"one_{self.name}": list(self.keys)} if self.keys else {}
        node = {"relation_name": relation}
        return model(
            self.name,
            dict.fromkeys(self.types),
            node=node,
            config=self.config,
            entities=entities,
            **self.own,
        )

    def history(self, rows: Sequence[dict[str, Any]]) -> History:
        """Return the rows for the oracle."""
        event, created, until = self.stamps
        return History(
            self.name,
            rows,
            self.keys,
            self.features,
            event=str(event),
            created=created,
            until=until,
            ttl=parse_duration(self.own["ttl"]) if "ttl" in self.own else None,
            available_after=parse_duration(self.own.get("available_after", "0 minutes")),
        )


class Home(Protocol):
    """Where the tables of a project are.

    Attributes:
        adapter: dbt's name for it.
        target: The target of the profile.
        own: The project's `vars`.
        breaks: The SQL of a double that fails in the middle of a query, and the words of the error.
    """

    adapter: str
    target: dict[str, Any]
    own: dict[str, Any]
    breaks: tuple[str, str]

    def create(self, name: str, types: Mapping[str, str], rows: Sequence[dict[str, Any]]) -> None:
        """Replace a table."""

    def relation(self, name: str) -> str:
        """Return a table's name as dbt writes it."""

    def execute(self, *statements: str) -> None:
        """Run statements as the owner of the tables."""


class DuckDBHome:
    """A file of DuckDB; the ledger is in it, or beside the job."""

    adapter = "duckdb"
    breaks = ("CAST(error('no such rate') AS DOUBLE)", "no such rate")

    def __init__(self, folder, *, beside=False) -> None:
        self.path = folder / "warehouse.duckdb"
        self.target = {"type": "duckdb", "path": str(self.path), "schema": "main"}
        self.own = {"state": "state/ledger.duckdb"} if beside else {}

    def create(self, name, types, rows):
        """Replace a table."""
        with duckdb.connect(str(self.path)) as connection:
            connection.register("incoming", arrow(dict(types), list(rows)))
            typed = ", ".join(f'CAST("{c}" AS {kind}) AS "{c}"' for c, kind in types.items())
            connection.execute(f'CREATE OR REPLACE TABLE "{name}" AS SELECT {typed} FROM incoming')

    def relation(self, name):
        """Return a table's name as dbt writes it."""
        return f'"warehouse"."main"."{name}"'

    def execute(self, *statements):
        """Run statements."""
        with duckdb.connect(str(self.path)) as connection:
            for statement in statements:
                connection.execute(statement)


class PostgresHome:
    """A server; the sync may read alone, or keeps its ledger in a schema that it creates."""

    adapter = "postgres"
    # The server ends the session of the statement that reads this.
    breaks = (
        "CASE WHEN pg_terminate_backend(pg_backend_pid()) THEN 1.5::double precision END",
        "terminating connection due to administrator command",
    )

    def __init__(self, engine: Postgres, *, inside: bool = False) -> None:
        self.engine = engine
        self.own: dict[str, Any] = {}
        if inside:
            self.own = {"state": "warehouse", "state_schema": "features online"}
            self.execute('DROP SCHEMA IF EXISTS "features online" CASCADE')
        self.target = {
            "type": "postgres",
            "host": "127.0.0.1",
            "port": engine.connection.info.port,
            "user": KEEPER if inside else READER,
            "password": "secret",
            "dbname": "shop",
            "schema": "public",
        }

    def create(self, name, types, rows):
        """Replace a table."""
        self.engine.create(name, types, rows)

    def relation(self, name):
        """Return a table's name as dbt writes it."""
        return f'"shop"."public"."{name}"'

    def execute(self, *statements):
        """Run statements as the owner."""
        for statement in statements:
            self.engine.connection.execute(statement)


class ClickHouseHome:
    """A database of ClickHouse, reached as a server is."""

    adapter = "clickhouse"
    breaks = ("throwIf(tailnum = 'N250', 'no such rate') + 0.0", "no such rate")

    def __init__(self, engine: ClickHouseServer) -> None:
        self.engine = engine
        self.own: dict[str, Any] = {}
        self.target = {
            "type": "clickhouse",
            "host": "127.0.0.1",
            "port": engine.port,
            "user": "default",
            "password": "secret",
            "schema": "shop",
        }

    def create(self, name, types, rows):
        """Replace a table."""
        self.engine.create(name, types, rows)

    def relation(self, name):
        """Return a table's name as dbt writes it."""
        return f"`shop`.`{name}`"

    def execute(self, *statements):
        """Run statements."""
        for statement in statements:
            self.engine.session.query(statement)


class SnowflakeHome:
    """An emulated account; the ledger is in a schema of it, or beside the job."""

    adapter = "snowflake"
    breaks = ("CAST('no rate of ' || tailnum AS DOUBLE)", "no rate of N250")

    def __init__(self, engine: SnowflakeServer, *, inside: bool = False) -> None:
        self.engine = engine
        self.own: dict[str, Any] = {}
        if inside:
            self.own = {"state": "warehouse", "state_schema": "features_online"}
            self.execute("DROP SCHEMA IF EXISTS FEATURES_ONLINE CASCADE")
        self.target = {
            "type": "snowflake",
            "account": "emulated",
            "user": "ann",
            "password": "secret",
            "database": "SHOP",
            "schema": "PUBLIC",
            "host": "127.0.0.1",
            "port": engine.port,
            "protocol": "http",
        }

    def create(self, name, types, rows):
        """Replace a table."""
        self.engine.create(name, types, rows)

    def relation(self, name):
        """Return a table's name as dbt writes it."""
        return f"SHOP.PUBLIC.{name}"

    def execute(self, *statements):
        """Run statements."""
        for statement in statements:
            self.engine.execute(statement)


class BigQueryHome:
    """A project of BigQuery, whose statements are translated; the ledger is in a dataset of it."""

    adapter = "bigquery"
    breaks = ("CAST(error('no such rate') AS DOUBLE)", "no such rate")

    def __init__(self, driver: Driver, *, inside: bool = False) -> None:
        self.driver = driver
        self.own: dict[str, Any] = {}
        if inside:
            self.own = {"state": "warehouse", "state_schema": "features_online"}
        self.target = {"type": "bigquery", "method": "oauth", "project": "shop", "dataset": "marts"}

    def create(self, name, types, rows):
        """Replace a table."""
        database = self.driver.database
        database.register("incoming", arrow(dict(types), list(rows)))
        typed = ", ".join(f'CAST("{c}" AS {kind}) AS "{c}"' for c, kind in types.items())
        database.execute(
            f"CREATE OR REPLACE TABLE shop.marts.{name} AS SELECT {typed} FROM incoming"
        )
        database.unregister("incoming")

    def relation(self, name):
        """Return a table's name as dbt writes it."""
        return f"`shop`.`marts`.`{name}`"

    def execute(self, *statements):
        """Run statements."""
        for statement in statements:
            self.driver.database.execute(statement.replace("`", '"'))


class SparkHome:
    """A database of this process's session."""

    adapter = "spark"
    breaks = ("CAST(raise_error('no such rate') AS DOUBLE)", "no such rate")

    def __init__(self, engine: Spark) -> None:
        self.engine = engine
        self.own: dict[str, Any] = {}
        self.target = {"type": "spark", "method": "session", "host": "NA", "schema": "shop"}

    def create(self, name, types, rows):
        """Replace a table, as dbt-spark does: the old one is dropped first."""
        view = self.engine.create("incoming", types, rows)
        self.engine.session.sql(f"DROP TABLE IF EXISTS shop.{name}")
        self.engine.session.table(view).write.saveAsTable(f"shop.{name}")

    def relation(self, name):
        """Return a table's name as dbt writes it."""
        return f"`shop`.`{name}`"

    def execute(self, *statements):
        """Run statements."""
        for statement in statements:
            self.engine.session.sql(statement)


def started_postgres() -> Postgres:
    """Start a server with a role that may only read, and one that may create a schema too."""
    engine = Postgres()
    for statement in (
        f"CREATE ROLE {READER} LOGIN PASSWORD 'secret'",
        f"CREATE ROLE {KEEPER} LOGIN PASSWORD 'secret' IN ROLE {READER}",
        "REVOKE ALL ON DATABASE shop FROM PUBLIC",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE shop TO {READER}",
        f"GRANT CREATE, TEMPORARY ON DATABASE shop TO {KEEPER}",
        f"GRANT USAGE ON SCHEMA public TO {READER}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {READER}",
    ):
        engine.connection.execute(statement)
    return engine


class Shop:
    """A project in its state after `dbt build`, whose rows the test knows.

    Args:
        folder: The project's folder.
        home: Where its tables are.
        views: Its feature views; the tables start empty.
    """

    def __init__(self, folder, home: Home, *views: View) -> None:
        self.folder = folder
        self.home = home
        self.views = {view.name: view for view in views}
        self.rows: dict[str, list[dict[str, Any]]] = {view.name: [] for view in views}
        self.ever: dict[str, set[tuple[Any, ...]]] = {view.name: set() for view in views}
        (folder / "target").mkdir(parents=True)
        own = {"vars": {"featurestore": home.own}} if home.own else {}
        profiles = {"shop": {"target": "dev", "outputs": {"dev": home.target}}}
        self._write("dbt_project.yml", {"name": PROJECT, "profile": "shop", **own})
        self._write("profiles.yml", profiles)
        for view in views:
            self.build(view)

    def build(self, view: View, *rows: dict[str, Any]) -> None:
        """Build a model again: its table is replaced."""
        self.views[view.name] = view
        self.rows[view.name] = list(rows)
        self.home.create(view.name, view.types, rows)
        keys = {tuple(row[name] for name in view.keys) for row in rows}
        self.ever[view.name] |= {key for key in keys if None not in key}
        self.declare()

    def declare(self) -> None:
        """Write the manifest."""
        models = (view.model(self.home.relation(name)) for name, view in self.views.items())
        self._write("target/manifest.json", manifest_json(*models, adapter=self.home.adapter))

    def store(self, url: str, now: datetime = NOW) -> FeatureStore:
        """Open the project at a moment."""
        return FeatureStore(self.folder, redis_url=url, now=now)

    def _write(self, name: str, content: Any) -> None:
        # JSON is YAML.
        (self.folder / name).write_text(json.dumps(content), encoding="utf-8")


def sync_process(shop: Shop, url: str) -> subprocess.Popen[bytes]:
    """Start a sync in a process of its own."""
    words = [sys.executable, "-m", "sync", "--quiet", "--project-dir", str(shop.folder)]
    return subprocess.Popen(
        [*words, "--redis-url", url, "--now", NOW.isoformat()],
        cwd=Path(__file__).parents[2],
        stderr=subprocess.PIPE,
    )


def counts(report) -> dict[str, tuple[int, int]]:
    """Return the rows that a sync wrote and deleted, by view."""
    failed = [view.failed for view in report.views if view.failed]
    assert [] == failed, failed
    return {view.view: (view.written, view.deleted) for view in report.views}


def assert_law(shop: Shop, url: str, now: datetime = NOW) -> None:
    """Check the rows online: by the oracle, by the training set of this moment, and by verify."""
    store = shop.store(url, now)
    there = sum(_assert_view(shop, store, view, now) for view in shop.views.values())
    assert there == len(rows_in_redis(url, PROJECT))
    for verdict in store.verify(sample="all").views:
        assert ("", 0, 0, 0) == (
            verdict.problem,
            verdict.differing,
            verdict.damaged,
            verdict.unknown,
        ), verdict


def _assert_view(shop: Shop, store: FeatureStore, view: View, now: datetime) -> int:
    """Check one view; return the number of its rows in Redis."""
    keys = sorted(shop.ever[view.name]) if view.keys else [()]
    if not keys:
        return 0
    asked = {name: [key[i] for key in keys] for i, name in enumerate(view.keys)}
    online = store.get_online_features([f"{view.name}:*"], asked or {"asked": [1]})
    history = _training_set(shop, store, view, keys, now)
    rows = view.history(shop.rows[view.name])
    found = [newest(rows, key, now) for key in keys]
    table = online.to_arrow()
    for name in view.features:
        values = comparable(online.values[name])
        assert plain(history.column(name).type) == table.column(name).type, name
        trained = history.column(name).to_pylist()
        if shop.home.adapter == "clickhouse" and view.types[name].endswith("[]"):
            # A list cannot be NULL there, also in a row that matches nothing.
            trained = [row and value for row, value in zip(found, trained, strict=True)]
        if shop.home.adapter == "snowflake" and view.types[name].endswith("[]"):
            # Its driver passes on a list as the text of its JSON.
            trained, values = ([v and json.loads(v) for v in each] for each in (trained, values))
        assert comparable(trained) == values, (name, trained, values)
        assert comparable([row and row[name] for row in found]) == values, name
    statuses = [str(status) for status in online.statuses[view.features[0]]]
    assert [row is None for row in found] == [status in GONE for status in statuses]
    for key, status in zip(keys, statuses, strict=True):
        # A row that the source does not have at any age is not there, expired or not.
        if not any(tuple(row[name] for name in view.keys) == key for row in rows.rows):
            assert "NOT_FOUND" == status, key
    return sum(status != "NOT_FOUND" for status in statuses)


def _training_set(shop, store, view, keys, now) -> pa.Table:
    """Return the training set of all keys at one moment, in order; the spine is a table."""
    types = {"asked": "bigint", **{name: view.types[name] for name in view.keys}}
    spine = [
        {"asked": number, **dict(zip(view.keys, key, strict=True)), "event_timestamp": now}
        for number, key in enumerate(keys)
    ]
    shop.home.create("asked", {**types, "event_timestamp": "timestamptz"}, spine)
    # fakesnow does not know Snowflake's ASOF join.
    strategy = "window" if shop.home.adapter == "snowflake" else None
    job = store.get_historical_features(
        shop.home.relation("asked"), [f"{view.name}:*"], strategy=strategy
    )
    return job.to_arrow().sort_by("asked")


def ago(days: float = 0, hours: float = 0, *, micros: int = 0) -> datetime:
    """Return a moment before now, without a zone."""
    past = timedelta(days=days, hours=hours, microseconds=micros)
    return (NOW - past).replace(tzinfo=None)
