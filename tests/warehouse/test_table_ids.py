"""How each warehouse is asked which table has a name, and what an answer is worth."""

from __future__ import annotations

import pytest

from featurestore.errors import MissingRight
from featurestore.warehouse.abilities import KnowsTables, table_id_of
from featurestore.warehouse.bigquery import creation_query
from featurestore.warehouse.duckdb import DuckDBWarehouse
from featurestore.warehouse.redshift import oid_query
from featurestore.warehouse.snowflake import created_query

SNOWFLAKE = """SELECT TO_VARCHAR(created, 'YYYY-MM-DD HH24:MI:SS.FF9 TZHTZM')
 FROM {database}information_schema.tables
 WHERE table_schema = {schema} AND table_name = {name} AND table_type = 'BASE TABLE'"""


@pytest.mark.parametrize(
    ("relation", "database", "schema", "name"),
    [
        ("SHOP.MARTS.plane_features", "SHOP.", "'MARTS'", "'PLANE_FEATURES'"),
        ('shop."marts"."plane_features"', "shop.", "'marts'", "'plane_features'"),
        ("plane_features", "", "CURRENT_SCHEMA()", "'PLANE_FEATURES'"),
    ],
)
def test_snowflake_is_asked_by_the_stored_name(relation, database, schema, name):
    """Snowflake stores an unquoted name in upper case."""
    expected = SNOWFLAKE.format(database=database, schema=schema, name=name)

    assert expected.replace("\n", "") == created_query(relation)


def test_bigquery_is_asked_in_the_dataset_of_the_table():
    """Its information schema is one for each dataset."""
    assert creation_query("`shop`.`marts`.`plane_features`") == (
        "SELECT CAST(UNIX_MICROS(creation_time) AS STRING)"
        " FROM `shop`.`marts`.INFORMATION_SCHEMA.TABLES"
        " WHERE table_name = 'plane_features' AND table_type = 'BASE TABLE'"
    )


def test_redshift_answers_for_the_database_of_the_connection():
    """A table of another database may have the same schema and name."""
    assert oid_query('"shop"."marts"."plane_features"') == (
        "SELECT c.oid FROM pg_catalog.pg_class AS c"
        " JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'r' AND c.relname = 'plane_features' AND n.nspname = 'marts'"
        " AND current_database() = 'shop'"
    )


def test_a_role_without_the_catalog_compares_all_rows():
    """It may read the table all the same, so its sync continues."""

    class WithoutCatalog(DuckDBWarehouse, KnowsTables):
        def table_id(self, relation):
            raise MissingRight(f"Cannot look up {relation}")

    with WithoutCatalog.in_memory() as warehouse:
        assert table_id_of(warehouse, "planes") == ""
