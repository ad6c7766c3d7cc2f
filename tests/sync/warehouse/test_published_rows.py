"""One table of published rows for each view, even if two names differ only in case."""

from __future__ import annotations

import duckdb
import pytest

from featurestore.warehouse.duckdb import DuckDBWarehouse
from sync.warehouse.ledger import Ledger
from sync.warehouse.ledger_tables import LedgerTables
from sync.warehouse.published_rows import PublishedRows
from sync.warehouse.source_rows import RowsInPlace


@pytest.fixture
def warehouse():
    """Return an empty DuckDB in memory."""
    with DuckDBWarehouse(duckdb.connect()) as opened:
        yield opened


def published(warehouse, project="shop"):
    """Return the tables of a project."""
    return PublishedRows(LedgerTables(warehouse, "main", project, RowsInPlace()))


def test_names_that_differ_in_case_have_two_tables(warehouse):
    """DuckDB compares names without case, for the view as for the project."""
    names = [
        published(warehouse, project).named(view)
        for project in ("shop", "Shop")
        for view in ("planes", "Planes", "PLANES")
    ]
    assert 6 == len({name.lower() for name in names})


def test_a_name_in_lower_case_is_that_of_older_releases(warehouse):
    """No view is republished for the sake of another name."""
    assert 'main."_featurestore_published__shop.planes"' == published(warehouse).named("planes")


def test_dropping_one_view_leaves_the_other(warehouse):
    """Once each has its own table."""
    rows = published(warehouse)
    for view in ("planes", "Planes"):
        warehouse.execute(f"CREATE TABLE {rows.named(view)} AS SELECT 1 AS x")

    rows.drop("Planes")

    assert ["x"] == list(warehouse.columns(rows.named("planes")))


def test_a_table_that_two_views_shared_is_dropped(warehouse):
    """The view that keeps the name lacks its table, so it is published in full."""
    tables = LedgerTables(warehouse, "main", "shop", RowsInPlace())
    rows = PublishedRows(tables)
    warehouse.execute('CREATE TABLE "_featurestore_published__shop.Planes" AS SELECT 1 AS x')
    assert tables.exists(rows.named("planes"))

    rows.drop("Planes")

    assert not tables.exists(rows.named("planes"))


def test_a_name_that_the_engine_would_cut_ends_with_a_hash(warehouse):
    """Names have at most so many bytes, are cut between two characters, and stay different."""
    warehouse.longest_name = 63
    short, *long = ("planes", "ä" * 40 + "1", "ä" * 40 + "2", "b" * 60, "B" * 60)
    names = [published(warehouse).named(view).split(".", 1)[1].strip('"') for view in long]

    assert 4 == len({name.lower() for name in names})
    assert all(60 <= len(name.encode()) <= 63 for name in names)
    assert published(warehouse).named(short).endswith('__shop.planes"')


def test_a_schema_that_does_not_exist_is_created(warehouse):
    """`state_schema` may name one that dbt does not build in."""
    Ledger(warehouse, "Our ledgers", "shop").create()

    assert ["id"] == list(warehouse.columns('"Our ledgers"."_featurestore_database"'))
