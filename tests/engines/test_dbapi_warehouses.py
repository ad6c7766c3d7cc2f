"""The connections behind DB-API drivers: Redshift's on PostgreSQL, and what needs no server.

Neither Redshift nor Trino nor Databricks can be had here. Redshift descends from PostgreSQL and
has its protocol, so its driver, types, errors and tables are tried there, but for the hash of rows,
whose function PostgreSQL lacks.
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from featurestore.errors import (
    EntityFrameError,
    MissingExtra,
    MissingRight,
    RelationNotBuilt,
    UnsupportedDialect,
    WarehouseError,
    WarehouseUnavailable,
)
from featurestore.values.dbt_profile import Profile
from featurestore.warehouse import connect
from tests.engines.postgres_engine import Postgres
from tests.engines.redshift_door import RedshiftDoor

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]
PASSWORD = "not-to-be-told"


@pytest.fixture(scope="module")
def server():
    """Return a server whose sessions are in another zone."""
    engine = Postgres()
    engine.connection.execute(f"ALTER ROLE postgres PASSWORD '{PASSWORD}'")
    engine.connection.execute("CREATE ROLE reader LOGIN PASSWORD 'reader'")
    engine.connection.execute('CREATE SCHEMA "training sets"')
    engine.connection.execute("CREATE TABLE public.secret (x int)")
    engine.door = RedshiftDoor(engine.connection.info.port)
    yield engine
    engine.door.close()
    engine.close()


def target(server, **changed):
    """Return a target of dbt-redshift."""
    settings = {
        "host": "127.0.0.1",
        "port": server.door.port,
        "user": "postgres",
        "password": PASSWORD,
        "dbname": "shop",
        "schema": "training sets",
        "sslmode": "disable",
    }
    return Profile("shop", "dev", "redshift", {**settings, **changed})


@pytest.fixture
def warehouse(server):
    """Return a connection."""
    with connect(target(server)) as warehouse:
        yield warehouse


QUERY = """
    SELECT 1::int AS i, 2::bigint AS b, 1.5::numeric(10, 2) AS p, 'x'::varchar AS t, true AS f,
        DATE '2024-03-10' AS d, TIMESTAMP '2024-03-10 02:30' AS n, 1.5::float8 AS e,
        TIMESTAMPTZ '2024-03-10 02:30:00.000001+05:45' AS z, NULL::varchar AS nothing
"""


def test_values_have_the_types_that_duckdb_gives(warehouse):
    """Digits and zones are read from the description of the result."""
    types = [str(found) for found in warehouse.columns(QUERY, is_query=True).values()]
    found = warehouse.stream(QUERY).read_all()

    assert types == [
        "int32", "int64", "decimal(10,2)", "string", "boolean", "date", "timestamp", "float64",
        "timestamptz", "string",
    ]  # fmt: skip
    assert found.schema.types == [
        pa.int32(), pa.int64(), pa.decimal128(10, 2), pa.string(), pa.bool_(), pa.date32(),
        pa.timestamp("us"), pa.float64(), pa.timestamp("us", "UTC"), pa.string(),
    ]  # fmt: skip
    assert list(found.to_pylist()[0].values()) == [
        1, 2, Decimal("1.50"), "x", True, date(2024, 3, 10),
        datetime.fromisoformat("2024-03-10 02:30"), 1.5,
        datetime(2024, 3, 9, 20, 45, 0, 1, UTC), None,
    ]  # fmt: skip


def test_many_rows_come_in_batches(warehouse):
    """A batch is bounded; no row is lost between two."""
    reader = warehouse.stream("SELECT x FROM generate_series(1, 25000) AS x")
    batches = list(reader)

    assert [10_000, 10_000, 5_000] == [batch.num_rows for batch in batches]
    assert 25_000 == batches[-1]["x"][-1].as_py()


def test_tables_are_staged_and_replaced(server, warehouse, tmp_path):
    """A write that fails leaves the old table; what is staged goes with the connection."""
    staged = [warehouse.stage("rows", f"SELECT {n} AS x") for n in (1, 2)]
    found = [
        warehouse.stream(f"SELECT x FROM {name}").read_all()["x"][0].as_py() for name in staged
    ]

    assert [1, 2] == found
    assert 3 == warehouse.write_table("out", "SELECT x FROM generate_series(1, 3) AS x")
    assert 2 == warehouse.write_table("out", "SELECT x FROM generate_series(1, 2) AS x")
    with pytest.raises(WarehouseError, match="division by zero"):
        warehouse.write_table("out", "SELECT 1 / (1 - 1) AS x")
    assert 2 == warehouse.write_parquet(tmp_path / "x.parquet", "SELECT x FROM out")
    with pytest.raises(EntityFrameError, match="cannot be uploaded to redshift"):
        warehouse.upload("frame", pa.table({"x": [1]}))


def test_a_rebuilt_table_has_another_number(server, warehouse):
    """Added rows leave it; a view has none, and neither has a table of another database."""
    server.connection.execute("CREATE VIEW public.shown AS SELECT 1 AS x")
    warehouse.write_table("public.counted", "SELECT 1 AS x")
    first = warehouse.table_id('"shop"."public"."counted"')
    warehouse.execute("INSERT INTO public.counted VALUES (2)")
    same = warehouse.table_id('"shop"."public"."counted"')
    warehouse.write_table("public.counted", "SELECT 1 AS x")

    assert first == same != ""
    assert warehouse.table_id('"shop"."public"."counted"') not in ("", first)
    assert warehouse.table_id('"shop"."public"."shown"') == ""
    assert warehouse.table_id('"other"."public"."counted"') == ""


def test_errors_are_our_own(server, warehouse):
    """Missing table, missing right, hidden values."""
    with pytest.raises(RelationNotBuilt, match="nowhere"):
        warehouse.columns("nowhere")
    reader = connect(target(server, user="reader", password="reader"))
    with reader, pytest.raises(MissingRight, match="secret"):
        reader.columns("public.secret")
    with pytest.raises(WarehouseError, match="Elsa"):
        warehouse.stream("SELECT 'Elsa'::int")
    warehouse.hides_values = True
    with pytest.raises(WarehouseError) as found:
        warehouse.stream("SELECT 'Elsa'::int")
    assert "Elsa" not in str(found.value)


@pytest.mark.parametrize("changed", [{"dbname": "nothing"}, {"port": 1}])
def test_a_cluster_that_cannot_be_reached_is_named(server, changed):
    """The address is told, the password never."""
    with pytest.raises(WarehouseUnavailable, match=r"^Cannot connect to Redshift at") as found:
        connect(target(server, connect_timeout=2, **changed))

    assert PASSWORD not in f"{found.value!r}{found.value.__cause__!r}"


TRINO = {"host": "127.0.0.1", "port": 1, "user": "ann", "database": "hive", "schema": "f"}


def test_trino_that_cannot_be_reached_is_named():
    """The first statement connects."""
    profile = Profile("shop", "dev", "trino", TRINO)
    with connect(profile) as warehouse, pytest.raises(WarehouseUnavailable) as found:
        warehouse.columns("x")

    assert "Lost the connection to Trino at 127.0.0.1:1" in str(found.value)


@pytest.mark.parametrize(
    ("adapter", "settings", "words", "supported"),
    [
        ("redshift", {"method": "iam"}, "'iam' of dbt-redshift", "database"),
        (
            "trino",
            {"method": "kerberos"},
            "'kerberos' of dbt-trino",
            "none, ldap, jwt, certificate",
        ),
        ("databricks", {"auth_type": "oauth"}, "has no `token`", "`token`"),
    ],
)
def test_a_method_that_is_not_supported_is_refused(adapter, settings, words, supported):
    """The supported ones are listed."""
    with pytest.raises(UnsupportedDialect, match=words) as found:
        connect(Profile("shop", "dev", adapter, settings))
    assert supported in found.value.remedy


@pytest.mark.parametrize(
    ("adapter", "module"),
    [("redshift", "redshift_connector"), ("trino", "trino"), ("databricks", "databricks")],
)
def test_a_missing_driver_names_its_extra(monkeypatch, adapter, module):
    """As for every engine."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"featurestore\[{adapter}\]"):
        connect(Profile("shop", "dev", adapter, {"token": "t"}))
