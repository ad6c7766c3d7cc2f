"""The connection to ClickHouse: the driver over HTTP, and the engine behind it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pyarrow as pa
import pytest

from featurestore.errors import (
    MissingExtra,
    RelationNotBuilt,
    UnsupportedDialect,
    WarehouseError,
    WarehouseUnavailable,
)
from featurestore.values.dbt_profile import Profile
from featurestore.warehouse import connect
from featurestore.warehouse.abilities import Estimate
from tests.engines.clickhouse_server import ClickHouseServer

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]
PASSWORD = "not-to-be-told ' %20"
FAILS = "SELECT throwIf(number = 3, 'Elsa''s row') FROM numbers(10)"


@pytest.fixture(scope="module")
def server():
    """Return a server that runs, in the zone of New York."""
    server = ClickHouseServer(password=PASSWORD)
    yield server
    server.close()


def profile(server, **changed):
    """Return a target of dbt-clickhouse."""
    settings = {"host": "127.0.0.1", "port": server.port, "user": "default", "schema": "shop"}
    return Profile("shop", "dev", "clickhouse", {**settings, "password": PASSWORD, **changed})


@pytest.fixture
def warehouse(server):
    """Return a connection."""
    with connect(profile(server)) as warehouse:
        yield warehouse


VALUES = {
    "Bool": ("true", "boolean", pa.bool_(), True),
    "Int8": ("-1", "int8", pa.int8(), -1),
    "UInt64": ("18446744073709551615", "uint64", pa.uint64(), 2**64 - 1),
    "Int128": ("-17", "int128", pa.decimal128(38, 0), Decimal(-17)),
    "Float32": ("1.5", "float32", pa.float32(), 1.5),
    "Decimal(10, 2)": ("1.5", "decimal(10,2)", pa.decimal128(10, 2), Decimal("1.50")),
    "Decimal(60, 3)": ("1.5", "decimal(60,3)", pa.decimal256(60, 3), Decimal("1.500")),
    "String": ("'ñ'", "string", pa.string(), "ñ"),
    "LowCardinality(String)": ("'x'", "string", pa.string(), "x"),
    "FixedString(4)": ("'ab'", "string", pa.string(), "ab"),
    "Enum8('a' = 1, 'b' = 2)": ("'b'", "string", pa.string(), "b"),
    "Date": ("'2024-03-10'", "date", pa.date32(), date(2024, 3, 10)),
    "Date32": ("'1950-03-10'", "date", pa.date32(), date(1950, 3, 10)),
    "DateTime": (
        "'2024-03-10 07:00:00'",
        "timestamptz",
        pa.timestamp("us", "UTC"),
        datetime(2024, 3, 10, 7, tzinfo=UTC),
    ),
    "DateTime('Asia/Kathmandu')": (
        "1710054000",
        "timestamptz",
        pa.timestamp("us", "UTC"),
        datetime(2024, 3, 10, 7, tzinfo=UTC),
    ),
    "DateTime64(3)": (
        "'1950-03-10 07:00:00.123'",
        "timestamptz",
        pa.timestamp("us", "UTC"),
        datetime(1950, 3, 10, 7, 0, 0, 123_000, tzinfo=UTC),
    ),
    "DateTime64(9, 'UTC')": (
        "'1950-03-10 07:00:00.123456789'",
        "timestamptz_ns",
        pa.timestamp("us", "UTC"),
        datetime(1950, 3, 10, 7, 0, 0, 123_456, tzinfo=UTC),
    ),
    "UUID": (
        "'61f0c404-5cb3-11e7-907b-a6006ad3dba0'",
        "uuid",
        pa.string(),
        "61f0c404-5cb3-11e7-907b-a6006ad3dba0",
    ),
    "IPv4": ("'1.2.3.4'", "IPv4", pa.string(), "1.2.3.4"),
    "JSON": ("'{\"a\":1}'", "json", pa.string(), '{"a":1}'),
}


@pytest.mark.parametrize("wrapped", ["{}", "Nullable({})", "Array({})"])
@pytest.mark.parametrize("spelling", VALUES)
def test_a_value_has_the_type_that_duckdb_gives_it(warehouse, spelling, wrapped):
    """Also in an array, and where it may be NULL."""
    value, logical, arrow, expected = VALUES[spelling]
    inner = spelling
    if wrapped == "Nullable({})" and spelling.startswith("Low"):
        inner, wrapped = "LowCardinality(Nullable(String))", "{}"
    if wrapped == "Array({})":
        value, logical = f"[{value}]", f"array<{logical}>"
        arrow, expected = pa.list_(arrow), [expected]
    quoted = wrapped.format(inner).replace("'", "\\'")
    sql = f"SELECT CAST({value}, '{quoted}') AS x"

    assert {"x": logical} == {k: str(t) for k, t in warehouse.columns(sql, is_query=True).items()}
    found = warehouse.stream(sql).read_all()
    assert pa.schema([("x", arrow)]) == found.schema
    assert [expected] == found["x"].to_pylist()


ZONED = pa.timestamp("us", "America/New_York")
FRAME = pa.table({
    "text": pa.array(["a\x00b", None], pa.large_string()),
    'we"ird \\name': pa.array(["x", None]).dictionary_encode(),
    "number": pa.array([1, None], pa.uint8()),
    "wide": pa.array([2**64 - 1, None], pa.uint64()),
    "price": pa.array([Decimal("1.50"), None], pa.decimal128(12, 4)),
    "flag": [True, None],
    "day": pa.array([date(1900, 1, 1), None], pa.date64()),
    "at": pa.array([datetime(1950, 1, 1, 0, 0, 0, 1, UTC), None], ZONED),
    "naive": pa.array([datetime.fromisoformat("2024-03-10 02:30"), None], pa.timestamp("ns")),
    "clock": pa.array([time(1, 2, 3, 4), None], pa.time64("us")),
    "things": pa.array([[1, None], []], pa.large_list(pa.int32())),
    "nothing": pa.nulls(2),
    "id": pa.array([UUID(int=10).bytes, None], pa.uuid()),
})  # fmt: skip


@pytest.mark.parametrize("rows", [2, 0])
def test_a_data_frame_goes_there_and_back(warehouse, rows):
    """Values stay; every instant has a zone, because ClickHouse knows no other."""
    name = warehouse.upload("frame", FRAME.slice(0, rows))
    found = warehouse.stream(f"SELECT * FROM {name}").read_all()

    expected = FRAME.slice(0, rows).to_pylist()
    for row in expected:
        row["naive"] = row["naive"] and datetime(2024, 3, 10, 2, 30, tzinfo=UTC)
        row["at"] = row["at"] and row["at"].astimezone(UTC)
        row["id"] = row["id"] and str(row["id"])
    assert expected == found.to_pylist()
    assert found.schema.field("number").type == pa.int16()
    assert found.schema.field("at").type == pa.timestamp("us", "UTC")


def test_a_temporary_table_is_replaced(warehouse):
    """A second upload or stage under a name takes the place of the first."""
    warehouse.upload("frame", pa.table({"a": [1, 2]}))
    warehouse.upload("frame", pa.table({"b": ["x"]}))
    warehouse.stage("staged", "SELECT 1 AS x")
    warehouse.stage("staged", "SELECT b FROM frame")

    assert [{"b": "x"}] == warehouse.stream("SELECT * FROM staged").read_all().to_pylist()


def test_connections_do_not_see_each_others_temporary_tables(server, warehouse):
    """Each has a session of its own, and leaves nothing when it closes."""
    warehouse.stage("mine", "SELECT 1 AS x")
    with connect(profile(server)) as other, pytest.raises(RelationNotBuilt, match="mine"):
        other.columns("mine")
    warehouse.close()

    assert [] == server.rows("SELECT name FROM system.tables WHERE name = 'mine'")


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array([b"\xff"]), "'x' of the data frame is binary"),
        (pa.array([None, [1]]), "'x' of the data frame has a list that is NULL"),
        (pa.array([{"a": 1}]), "'x' of the data frame is struct"),
    ],
)
def test_a_value_that_clickhouse_would_change_is_refused(warehouse, column, words):
    """The column is named."""
    with pytest.raises(WarehouseError, match=words):
        warehouse.upload("frame", pa.table({"x": column}))


def test_an_outer_join_misses_with_null(warehouse):
    """The engine's own default is 0."""
    sql = "SELECT r.b FROM (SELECT 1 AS a) AS l LEFT JOIN (SELECT 2 AS a, 3 AS b) AS r ON l.a = r.a"

    assert [{"b": None}] == warehouse.stream(sql).read_all().to_pylist()


def test_values_and_the_span_are_counted_of_some_rows(warehouse):
    """The server keeps no such statistics; a small table is not read for them."""
    warehouse.write_table(
        "days",
        "SELECT number % 7 AS `a key`, toDateTime64('2024-01-01 00:00:00', 9, 'UTC')"
        " + INTERVAL number DAY AS at FROM numbers(30)",
    )

    assert Estimate(30, 7, timedelta(days=29)) == warehouse.estimate("days", ["a key"], over="at")
    assert Estimate(30, 7) == warehouse.estimate("`shop`.`days`", ["a key"])
    assert Estimate(30) == warehouse.estimate("days", ["a key"], over="at", above=30)


def test_a_table_is_written_and_counted(warehouse):
    """The second run puts new rows in the place of the old; ClickHouse counts them itself."""
    warehouse.write_table("out", "SELECT number AS n FROM numbers(5)")

    assert 3 == warehouse.write_table(
        "out", "SELECT number AS n, NULL::Nullable(Int8) AS m FROM numbers(3)"
    )
    assert Estimate(3) == warehouse.estimate("`shop`.`out`")
    assert Estimate(3) == warehouse.estimate("out")
    assert warehouse.estimate("nowhere") is None
    warehouse.execute("CREATE OR REPLACE VIEW seen AS SELECT 1 AS x")
    assert warehouse.estimate("`shop`.`seen`") is None
    with pytest.raises(WarehouseError, match="Elsa's row"):
        warehouse.write_table("out", FAILS)
    assert 3 == warehouse.stream("SELECT count() AS n FROM out").read_all()["n"][0].as_py()


def test_rows_have_a_hash_that_ignores_their_order(warehouse):
    """A NULL counts, and no rows have none."""

    def hash_of(rows):
        hashed = warehouse.content_hash({"a": None, "b": None})
        sql = f"SELECT {hashed} AS h FROM values('a Nullable(Int8), b Nullable(String)', {rows})"
        return warehouse.stream(sql).read_all()["h"][0].as_py()

    assert hash_of("(1, 'x'), (2, NULL)") == hash_of("(2, NULL), (1, 'x')")
    assert hash_of("(1, 'x'), (NULL, '2')") != hash_of("(1, 'x'), (2, NULL)")
    empty = f"SELECT {warehouse.content_hash({'a': None})} AS h FROM (SELECT 1 AS a WHERE false)"
    assert [{"h": None}] == warehouse.stream(empty).read_all().to_pylist()


@pytest.mark.parametrize("relation", ["`shop`.`nowhere`", "`nothing`.`x`", "nowhere"])
def test_a_missing_table_is_named(warehouse, relation):
    """A missing database is the same: the model is not built."""
    with pytest.raises(RelationNotBuilt, match=r"nowhere|nothing") as found:
        warehouse.columns(relation)
    assert "dbt build" in found.value.remedy


def test_an_error_among_the_rows_is_the_engines_own(server, warehouse):
    """The engine writes it where the rows end."""
    server.broken = b"Code: 395. DB::Exception: Division by zero: row 'Elsa'. (X) (version 26.9)\n"

    with pytest.raises(WarehouseError, match=r"^Cannot fetch the query's rows: Division by zero"):
        warehouse.stream("SELECT 1 AS x").read_all()


def test_bytes_that_are_not_text_are_refused(warehouse):
    """ClickHouse has one type for both."""
    with pytest.raises(WarehouseError, match="column 'b' holds bytes") as found:
        warehouse.stream("SELECT unhex('ff') AS b").read_all()
    assert "hex()" in found.value.remedy


@pytest.mark.parametrize("sql", [FAILS, "SELECT toInt32('Elsa') AS x"])
def test_values_are_hidden_where_data_is_personal(warehouse, sql):
    """The engine's words about the statement are shown, those about data are not."""
    with pytest.raises(WarehouseError, match="Elsa"):
        warehouse.stream(sql)
    warehouse.hides_values = True
    with pytest.raises(WarehouseError) as found:
        warehouse.stream(sql)
    assert "Elsa" not in f"{found.value!r}{found.value.__cause__!r}"
    with pytest.raises(WarehouseError, match="nocolumn"):
        warehouse.stream("SELECT nocolumn FROM system.one")


@pytest.mark.parametrize(
    ("changed", "message", "remedy"),
    [
        ({"password": f"{PASSWORD}?"}, "Authentication failed", "correct the target"),
        ({"port": 1}, "Connection refused", "Is it running"),
        ({"host": "nowhere.invalid"}, "nowhere.invalid", "Is it running"),
    ],
)
def test_a_server_that_cannot_be_reached_is_named(server, changed, message, remedy, capfd):
    """The address is told, the password never; the driver prints nothing."""
    with pytest.raises(WarehouseUnavailable, match=r"^Cannot connect to ClickHouse at") as found:
        connect(profile(server, connect_timeout=1, **changed))

    assert message in str(found.value)
    assert remedy in found.value.remedy
    assert "not-to-be-told" not in f"{found.value!r}{found.value.__cause__!r}"
    assert "" == capfd.readouterr().err


def test_the_native_protocol_is_refused(server):
    """The supported one is named."""
    with pytest.raises(UnsupportedDialect, match="'native'") as found:
        connect(profile(server, driver="native"))
    assert "Supported: http" in found.value.remedy


def test_a_missing_driver_names_the_extra(server, monkeypatch):
    """As for every engine."""
    monkeypatch.setitem(__import__("sys").modules, "clickhouse_connect", None)

    with pytest.raises(MissingExtra, match=r"featurestore\[clickhouse\]"):
        connect(profile(server))
