"""The abilities of a connection: declared once, asked for by name, and refused with a reason."""

from __future__ import annotations

import duckdb
import pytest

from featurestore.values.missing import Missing
from featurestore.warehouse import ADAPTERS, KEPT_OPEN, missing_ledger
from featurestore.warehouse.abilities import (
    HashesRows,
    KeepsLedger,
    KeepsStatistics,
    KnowsIndexes,
    estimate_of,
    indexes_of,
)
from featurestore.warehouse.adbc import AdbcWarehouse
from featurestore.warehouse.bigquery import BigQueryWarehouse
from featurestore.warehouse.duckdb import DuckDBWarehouse
from featurestore.warehouse.postgres import PostgresWarehouse
from featurestore.warehouse.snowflake import SnowflakeWarehouse
from featurestore.warehouse.spark import SparkWarehouse


def test_an_engine_with_statistics_estimates():
    """DuckDB returns the number of rows without a scan."""
    with DuckDBWarehouse(duckdb.connect()) as warehouse:
        warehouse.execute("CREATE TABLE numbers AS SELECT range AS n FROM range(500)")

        assert 500 == estimate_of(warehouse, "numbers").rows


def test_an_engine_without_statistics_has_no_estimate():
    """Nothing is asked of an engine that keeps no statistics."""
    assert estimate_of(SparkWarehouse(session=None), "numbers") is None


@pytest.mark.parametrize(
    ("engine", "keeps"),
    [
        (DuckDBWarehouse, True),
        (PostgresWarehouse, True),
        (AdbcWarehouse, False),
        (SparkWarehouse, False),
    ],
)
def test_a_class_has_the_ability_by_its_method(engine, keeps):
    """The protocol is structural: an engine declares statistics by writing `estimate`."""
    assert keeps == issubclass(engine, KeepsStatistics)


@pytest.mark.parametrize(
    ("engine", "knows"),
    [(PostgresWarehouse, True), (AdbcWarehouse, False), (SparkWarehouse, False)],
)
def test_indexes_are_an_ability_too(engine, knows):
    """An engine without indexes has no method for them."""
    assert knows == issubclass(engine, KnowsIndexes)
    assert () == indexes_of(SparkWarehouse(session=None), "numbers")


def test_the_ledger_is_in_one_of_four_warehouses():
    """For the other adapters it is not written yet, which is not the engine's fault."""
    keeps = ("bigquery", "duckdb", "postgres", "snowflake")
    missing = {adapter: missing_ledger(adapter) for adapter in (*ADAPTERS, "mysql")}

    assert [None] * 4 == [missing.pop(adapter) for adapter in keeps]
    assert [] == [name for name, reason in missing.items() if reason.engine_cannot]
    assert "not written yet: the sync can keep its ledger in" in str(missing["spark"])
    assert isinstance(missing["mysql"], Missing)


@pytest.mark.parametrize(
    ("engine", "keeps", "hashes"),
    [
        (DuckDBWarehouse, True, True),
        (PostgresWarehouse, True, False),
        (SnowflakeWarehouse, True, False),
        (BigQueryWarehouse, True, False),
        (AdbcWarehouse, False, False),
        (SparkWarehouse, False, False),
    ],
)
def test_who_can_keep_a_ledger_has_the_words_for_it(engine, keeps, hashes):
    """Where a hash of a row does not pay, the sync compares the rows themselves."""
    assert keeps == (KeepsLedger in engine.__mro__) == hasattr(engine, "compared_as")
    assert hashes == hasattr(engine, "row_hash") == issubclass(engine, HashesRows)


def test_a_session_keeps_only_cheap_connections():
    """A second connection to DuckDB is cheap; no other adapter says so."""
    assert ("duckdb",) == KEPT_OPEN


def test_a_second_stage_takes_the_place_of_the_first():
    """A command may stage rows under one name twice on a connection."""
    with DuckDBWarehouse(duckdb.connect()) as warehouse:
        warehouse.stage("staged", "SELECT 1 AS x")
        warehouse.stage("staged", "SELECT 2 AS x")

        assert [2] == warehouse.stream("SELECT x FROM staged").read_all()["x"].to_pylist()
