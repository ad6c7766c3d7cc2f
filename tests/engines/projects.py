"""One tiny project on several warehouses: the same tables, the same manifest, another profile."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import yaml

from featurestore import FeatureStore
from tests.engines.base import ZONE
from tests.support.builders import PROJECT, manifest_json, model, service

PLANES = {
    "tailnum": "varchar",
    "observed_at": "timestamptz",
    "written_at": "timestamp",
    "delay": "double",
    "seats": "integer",
    "price": "decimal(10,2)",
    "hops": "bigint[]",
    "late": "boolean",
    "built": "date",
    "Order No": "bigint",
}
ROUTES = {"src": "varchar", "number": "bigint", "day": "date", "miles": "bigint"}
LABELS = {"tailnum": "varchar", "happened_at": "timestamp", "label": "boolean"}
SECRET = "not-to-be-told"
PASSWORD = f"{SECRET} '\\ %20"
"""It needs quoting wherever it is written."""


def at(day, hour=0, micros=0):
    """Return an instant in March 2024, at the month whose second Sunday moves New York's clocks."""
    return datetime(2024, 3, day, hour, 0, 0, micros, tzinfo=UTC)


def naive(*parts):
    """Return the same without a zone, which means UTC."""
    return at(*parts).replace(tzinfo=None)


def _plane(*values: Any) -> dict[str, Any]:
    return dict(zip(PLANES, values, strict=True))


TABLES = {
    "plane_features": (
        PLANES,
        [
            _plane(
                "N1", at(1), naive(1), 1.5, 2, Decimal("1.10"), [1, 2], True, date(1999, 1, 1), 1
            ),
            _plane(
                "N1", at(10, 6), naive(10, 7), 2.5, 3, Decimal("-3.00"), [], None, None, 2**63 - 1
            ),
            _plane("N1", at(10, 6), naive(10, 8), 3.5, 4, None, [3], False, date(2001, 1, 1), 3),
            _plane("N1", at(20), naive(25), None, 5, Decimal(0), None, False, None, 4),
            _plane(
                "ñ'\"2", at(2, 3, 1), None, 7.25, None, Decimal("99999999.99"), [4], True, None, 5
            ),
            _plane(None, at(1), naive(1), 8.0, 1, None, None, None, None, 6),
            _plane("N4", None, naive(1), 9.0, 1, None, None, None, None, 7),
        ],
    ),
    "route_features": (
        ROUTES,
        [
            dict(zip(ROUTES, row, strict=True))
            for row in (("A", 1, date(2024, 3, 5), 10), ("A", 2, date(2024, 3, 6), 20))
        ],
    ),
    "labels": (
        LABELS,
        [
            dict(zip(LABELS, row, strict=True))
            for row in (("N1", naive(10, 6), True), ("N1", naive(9), False), (None, naive(9), True))
        ],
    ),
}


@dataclass(frozen=True)
class Home:
    """Where a project's tables are.

    Attributes:
        adapter: dbt's name for it.
        relation: Writes the name of a table.
        target: The target of the profile.
    """

    adapter: str
    relation: str
    target: dict[str, Any]


def write_project(folder, home, tables=TABLES):
    """Write a dbt project as it lies after `dbt build`, and open it."""
    models = [
        _model("plane_features", home, created_timestamp="written_at", ttl="12 days"),
        _model(
            "route_features",
            home,
            entities={"route": ["src", "number"]},
            event_timestamp="day",
            available_after="36 hours",
        ),
        _model("labels", home, meta={}),
    ]
    exposures = [service("delays", ["plane_features:delay", "route_features:miles"])]
    content = manifest_json(*models, exposures=exposures, adapter=home.adapter)
    profiles = {"shop": {"target": "dev", "outputs": {"dev": home.target}}}
    (folder / "target").mkdir(parents=True)
    for name, text in (
        ("dbt_project.yml", yaml.safe_dump({"name": PROJECT, "profile": "shop"})),
        ("profiles.yml", yaml.safe_dump(profiles)),
        ("target/manifest.json", json.dumps(content)),
    ):
        (folder / name).write_text(text, encoding="utf-8")
    return FeatureStore(folder, now=at(31))


def _model(name, home, **own):
    types = dict.fromkeys(TABLES[name][0])
    relation = {"relation_name": home.relation.format(name)}
    return model(name, types, node=relation, **own)


def duckdb_home(folder, tables=TABLES):
    """Fill a DuckDB file."""
    import duckdb

    from tests.support.scenarios import arrow

    path = folder / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        for name, (types, rows) in tables.items():
            connection.register("incoming", arrow(types, rows))
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
    target = {"type": "duckdb", "path": str(path), "schema": "main"}
    return Home("duckdb", '"warehouse"."main"."{}"', target)


def postgres_home(engine):
    """Fill a database whose sessions are in another zone, for a role with an awkward password."""
    for name, (types, rows) in TABLES.items():
        engine.create(name, types, rows)
    escaped = PASSWORD.replace("'", "''")
    engine.connection.execute(f"ALTER ROLE postgres PASSWORD '{escaped}'")
    engine.connection.execute(f"ALTER DATABASE shop SET timezone = '{ZONE}'")
    target = {
        "type": "postgres",
        "host": "127.0.0.1",
        "port": engine.connection.info.port,
        "user": "postgres",
        "password": PASSWORD,
        "dbname": "shop",
        "schema": "training sets",
        "threads": 1,
    }
    engine.connection.execute('CREATE SCHEMA "training sets"')
    return Home("postgres", '"shop"."public"."{}"', target)


def clickhouse_home(server, tables):
    """Fill a database of a server whose sessions are in another zone."""
    for name, (types, rows) in tables.items():
        server.create(name, types, rows)
    target = {
        "type": "clickhouse",
        "host": "127.0.0.1",
        "port": server.port,
        "user": "default",
        "password": PASSWORD,
        "schema": "shop",
    }
    return Home("clickhouse", "`shop`.`{}`", target)


def spark_home(engine, folder):
    """Fill a database of this process's session."""
    engine.session.sql(f"CREATE DATABASE training LOCATION '{folder}'")
    engine.session.catalog.setCurrentDatabase("training")
    for name, (types, rows) in TABLES.items():
        view = engine.create("incoming", types, rows)
        engine.session.table(view).write.saveAsTable(f"training.{name}")
    engine.session.catalog.dropTempView("incoming")
    target = {"type": "spark", "method": "session", "host": "NA", "schema": "training"}
    return Home("spark", "`training`.`{}`", target)
