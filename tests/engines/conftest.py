"""The fixtures of the engines' tests, and the note of what they prove.

An engine run does not read the conftest of the folder above.
"""

from __future__ import annotations

import pytest

from tests.engines.clickhouse_server import ClickHouseServer
from tests.engines.proofs import pytest_collection_modifyitems, pytest_runtest_makereport
from tests.engines.shops import (
    BigQueryHome,
    ClickHouseHome,
    DuckDBHome,
    PostgresHome,
    Shop,
    SnowflakeHome,
    SparkHome,
    started_postgres,
)
from tests.engines.snowflake_server import SnowflakeServer
from tests.engines.spark_engine import Spark
from tests.support.bigquery_on_duckdb import Driver
from tests.support.redis_fixture import redis_client, redis_server

__all__ = [
    "pytest_collection_modifyitems",
    "pytest_runtest_makereport",
    "redis_client",
    "redis_server",
]


@pytest.fixture(scope="module")
def postgres_engine():
    """Run a server."""
    engine = started_postgres()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def spark_engine(tmp_path_factory):
    """Run a session with a database."""
    engine = Spark()
    folder = tmp_path_factory.mktemp("spark") / "tables"
    engine.session.sql(f"CREATE DATABASE shop LOCATION '{folder}'")
    yield engine
    engine.session.sql("DROP DATABASE shop CASCADE")
    engine.close()


@pytest.fixture(scope="module")
def clickhouse_engine():
    """Run a server."""
    engine = ClickHouseServer(password="secret")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def snowflake_engine():
    """Run an emulator."""
    engine = SnowflakeServer()
    yield engine
    engine.close()


HOMES = (
    "duckdb",
    "duckdb, beside the job",
    "postgres",
    "postgres, in the warehouse",
    "clickhouse",
    "spark",
    "snowflake on fakesnow",
    "snowflake on fakesnow, in the warehouse",
    "bigquery on duckdb",
    "bigquery on duckdb, in the warehouse",
)


@pytest.fixture(params=HOMES)
def home(request):
    """Return where the tables are; the first one is the control."""
    return request.getfixturevalue("homes")(request.param)


@pytest.fixture
def homes(request, tmp_path, monkeypatch):
    """Return a function that returns where the tables are, by its name."""

    def home(name):
        inside = "in the warehouse" in name
        if name.startswith("postgres"):
            return PostgresHome(request.getfixturevalue("postgres_engine"), inside=inside)
        if name == "spark":
            return SparkHome(request.getfixturevalue("spark_engine"))
        if name.startswith("snowflake"):
            return SnowflakeHome(request.getfixturevalue("snowflake_engine"), inside=inside)
        if name.startswith("bigquery"):
            driver = Driver()
            driver.install(monkeypatch)
            return BigQueryHome(driver, inside=inside)
        if name == "clickhouse":
            return ClickHouseHome(request.getfixturevalue("clickhouse_engine"))
        return DuckDBHome(tmp_path, beside="beside" in name)

    return home


@pytest.fixture
def make(home, tmp_path, redis_client):
    """Return a function that writes a project with empty tables."""
    return lambda *views: Shop(tmp_path / "project", home, *views)


@pytest.fixture
def url(redis_server):
    """Return the online store's URL."""
    return redis_server
