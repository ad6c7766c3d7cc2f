"""Each engine with the tables of a folder of Parquet files, and a project over them.

The servers are those of the engines' tests: an embedded PostgreSQL, a local Spark, and ClickHouse
as a library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.engines.histories import TTL_DAYS
from benchmarks.project import duckdb_target, view_node, write_project

__all__ = ["HOMES", "Home", "write_views"]

Types = Mapping[str, Mapping[str, str]]
"""The types of the columns of each table."""


@dataclass(frozen=True)
class Home:
    """Where tables are.

    Attributes:
        target: The target of a profile.
        relation: The template of a table's name.
        execute: Runs a statement that returns nothing.
        servers: The process ids of the engine's servers.
    """

    target: Mapping[str, object]
    relation: str
    execute: Callable[[str], object]
    servers: tuple[int, ...] = ()


def write_views(folder: Path, home: Home, views: Types) -> None:
    """Write a project whose feature views are tables of an engine."""
    meta = {
        "entities": {"entity": "entity_id"},
        "event_timestamp": "event_ts",
        "ttl": f"{TTL_DAYS} days",
    }
    folder.mkdir(parents=True, exist_ok=True)
    nodes = {
        name: view_node(name, types, meta, relation=home.relation.format(name))
        for name, types in views.items()
    }
    write_project(folder, nodes, home.target)


@contextmanager
def duckdb_home(files: Path, tables: Types, folder: Path) -> Iterator[Home]:
    """Load a DuckDB file."""

    def execute(sql: str) -> None:
        with duckdb.connect(str(folder / "warehouse.duckdb"), config={"threads": 2}) as con:
            con.execute(sql)

    for name in tables:
        execute(f"CREATE TABLE {name} AS FROM '{files}/{name}.parquet'")
    yield Home(duckdb_target({"threads": 2}), '"warehouse"."main"."{}"', execute)


@contextmanager
def postgres_home(files: Path, tables: Types, folder: Path) -> Iterator[Home]:
    """Load a PostgreSQL server of its own."""
    from tests.engines.postgres_engine import Postgres

    with closing(Postgres()) as engine:
        connection: Any = engine.connection
        for name, types in tables.items():
            columns = ", ".join(f"{c} {engine.types.get(t, t)}" for c, t in types.items())
            connection.execute(f"CREATE TABLE {name} ({columns})")
            lines = folder / f"{name}.csv"
            duckdb.sql(f"FROM '{files}/{name}.parquet'").write_csv(str(lines), header=False)
            with connection.cursor().copy(f"COPY {name} FROM STDIN (FORMAT csv)") as copy:
                copy.write(lines.read_bytes())
            lines.unlink()
            connection.execute(f"VACUUM ANALYZE {name}")
        target = _target("postgres", connection.info.port, password="postgres", schema="public")
        pid = int((engine.folder / "data" / "postmaster.pid").read_text().split()[0])
        yield Home(target, '"shop"."public"."{}"', connection.execute, (pid,))


@contextmanager
def indexed_postgres_home(files: Path, tables: Types, folder: Path) -> Iterator[Home]:
    """Load the same, with an index on the keys and the event timestamp of each view."""
    with postgres_home(files, tables, folder) as home:
        for name, types in tables.items():
            if "event_ts" in types:
                home.execute(f"CREATE INDEX ON {name} (entity_id, event_ts)")
                home.execute(f"VACUUM ANALYZE {name}")
        yield home


@contextmanager
def spark_home(files: Path, tables: Types, folder: Path) -> Iterator[Home]:
    """Read the files as tables of a Spark session with two threads."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.join.asofJoin.enabled": "true",
        "spark.sql.warehouse.dir": str(folder / "spark"),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "4g",
        "spark.log.level": "ERROR",
    }
    builder: Any = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    try:
        for name in tables:
            path = files / f"{name}.parquet"
            session.sql(f"CREATE TABLE {name} USING parquet OPTIONS (path '{path}')")
        target = {"type": "spark", "method": "session", "host": "NA", "schema": "default"}
        yield Home(target, "`default`.`{}`", session.sql)
    finally:
        session.stop()


@contextmanager
def clickhouse_home(files: Path, tables: Types, _: Path) -> Iterator[Home]:
    """Load ClickHouse, as a library behind a few lines of HTTP."""
    from tests.engines.clickhouse_server import ClickHouseServer

    with closing(ClickHouseServer(password="bench")) as engine:
        query: Any = engine.session.query
        for name, types in tables.items():
            columns = ", ".join(f"{c} {engine.types[t]}" for c, t in types.items())
            query(f"CREATE TABLE shop.{name} ({columns}) ENGINE = MergeTree ORDER BY tuple()")
            query(
                f"INSERT INTO shop.{name} SELECT * FROM file('{files}/{name}.parquet', Parquet)"
                " SETTINGS session_timezone = 'UTC'"
            )
        target = _target("clickhouse", engine.port, password="bench", schema="shop")
        yield Home(target, "`shop`.`{}`", query)


def _target(kind: str, port: int, *, password: str, schema: str) -> dict[str, object]:
    user = {"postgres": "postgres", "clickhouse": "default"}[kind]
    server = {"type": kind, "host": "127.0.0.1", "port": port, "dbname": "shop"}
    return {**server, "user": user, "password": password, "schema": schema}


HOMES: dict[str, Callable[[Path, Types, Path], AbstractContextManager[Home]]] = {
    "duckdb": duckdb_home,
    "postgres": postgres_home,
    "postgres, indexed": indexed_postgres_home,
    "spark": spark_home,
    "clickhouse": clickhouse_home,
}
"""The engines, each a function of the files, the types of the tables and a folder of its own."""
