"""Nanoseconds meet microseconds by rounding down: nothing is known a nanosecond early."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import parquet

from featurestore.registry.definitions import Column
from featurestore.sql.dialects import dialect_record
from featurestore.sql.expressions import column
from featurestore.sql.instants import ceil, floor, instant, naive
from featurestore.values.arrow_instants import floor_to_micros
from featurestore.values.type_spellings import parse_type
from featurestore.warehouse.arrow import canonical_table
from sync.encoding.arrow_values import micros
from tests.support.builders import model, tiny_project

LAST = "2024-01-01 23:59:59.999999999"
"""The last nanosecond before the second row."""
LAST_TICKS = 1_704_153_599_999_999_999
BEFORE_1970 = "1969-12-31 23:59:59.999999999"
TYPES = ("date", "timestamp", "timestamptz", "timestamp_s", "timestamp_ns", "timestamptz_ns")
# DuckDB keeps less than the whole range of 64 bits.
TICKS = st.integers(-9_223_200_000_000_000_000, 9_223_300_000_000_000_000)


@pytest.fixture(scope="module")
def connection():
    """Return a connection in a session whose zone is far from UTC."""
    with duckdb.connect() as connected:
        connected.execute("SET TimeZone = 'America/New_York'")
        yield connected


def store_of(folder, ts, *rows, **own):
    """Return a store with the view `f`, whose event timestamps have the type `ts`."""
    columns = {"id": "integer", "ts": ts, "v": "integer"}
    values = ", ".join(f"(1, '{at}'::{ts}, {value})" for at, value in rows)
    declared = model("f", columns, entities={"e": "id"}, event_timestamp="ts", **own)
    return tiny_project(folder, [declared], {"f": f"SELECT * FROM (VALUES {values}) t(id, ts, v)"})


@pytest.fixture(scope="module", params=TYPES)
def store(request, tmp_path_factory):
    """Return a store with a row on each of two days."""
    return store_of(
        tmp_path_factory.mktemp("f"), request.param, ("2024-01-01", 10), ("2024-01-02", 999)
    )


def values(store, entity_df, **options):
    """Return the feature of each entity row."""
    return (
        store.get_historical_features(entity_df, features=["f:v"], **options)
        .to_arrow()["v"]
        .to_pylist()
    )


def at(text, spelling="timestamp_ns"):
    """Return an entity row in SQL."""
    return f"SELECT 1 AS id, CAST('{text}' AS {spelling}) AS event_timestamp"


@given(TICKS)
@example(-1)
@example(-1000)
@example(-1001)
@example(999)
@example(LAST_TICKS)
def test_duckdb_rounds_as_pythons_integers_do(connection, ticks):
    """Floor and ceiling are Python's, before 1970 too, with a zone and without."""
    found = []
    for data_type in ("timestamp_ns", "timestamptz_ns"):
        source = Column("x", parse_type(data_type))
        cells = [
            f"EPOCH_US({rounded(source, 'duckdb').sql('duckdb')})" for rounded in (floor, ceil)
        ]
        cells.append(f"EPOCH_US({naive(source, 'duckdb').sql('duckdb')})")
        made = f"SELECT MAKE_TIMESTAMP_NS({ticks}) AS x"
        if data_type == "timestamptz_ns":
            made = (
                f"SELECT CAST(MAKE_TIMESTAMP_NS({ticks})::VARCHAR || '+00' AS TIMESTAMPTZ_NS) AS x"
            )
        found.append(connection.execute(f"SELECT {', '.join(cells)} FROM ({made})").fetchone())

    assert [(ticks // 1000, -(-ticks // 1000), ticks // 1000)] * 2 == found


@pytest.mark.parametrize("text", ["infinity", "-infinity", None])
def test_duckdb_keeps_infinities_and_null(connection, text):
    """An infinity has no count of nanoseconds, and stays what it is."""
    rounding = dialect_record("duckdb").clock.nanoseconds
    cells = ", ".join(
        f"({rounded(column('x')).sql('duckdb')})::VARCHAR"
        for rounded in (rounding.floor, rounding.ceil)
    )

    found = connection.execute(f"SELECT {cells} FROM (SELECT ?::TIMESTAMP_NS AS x)", [text])

    assert (text, text) == found.fetchone()


LISTS = st.lists(st.none() | st.lists(st.none() | TICKS, max_size=3), max_size=4)


@given(LISTS)
@example([[-1, -1000, -1001, None], None, [], [LAST_TICKS]])
def test_an_upload_rounds_the_elements_of_lists_down(lists):
    """In every layout of a list, in slices, and in lists of lists."""
    expected = [None if one is None else [_micros(tick) for tick in one] for one in lists]
    instants = pa.array(lists, pa.list_(pa.timestamp("ns", "UTC")))
    nested = pa.array([lists, None], pa.list_(instants.type))
    layouts = {
        "list": instants,
        "large": instants.cast(pa.large_list(instants.type.value_type)),
        "slice": pa.concat_arrays([pa.array([[5], None], instants.type), instants])[2:],
        "chunks": pa.chunked_array([instants[:1], instants[1:]]),
    }
    for layout in layouts.values():
        column = canonical_table(pa.table({"x": layout}))["x"]
        assert pa.list_(pa.timestamp("us", "UTC")) == column.type
        assert expected == column.cast(pa.list_(pa.int64())).to_pylist()
    column = canonical_table(pa.table({"x": nested}))["x"]
    assert [expected, None] == column.cast(pa.list_(pa.list_(pa.int64()))).to_pylist()


def _micros(tick):
    return None if tick is None else tick // 1000


def test_trino_cuts_digits_off_and_compares_all_of_them():
    """A cast would round; text after the sixth digit is left out instead."""
    naive_one = Column("x", parse_type("timestamp(9)", "trino"))
    zoned = Column("x", parse_type("timestamp(12) with time zone", "trino"))
    kept = "REGEXP_REPLACE(CAST(x AS VARCHAR), '(\\.\\d{6})\\d+', '$1')"

    assert "x" == instant(naive_one, "trino").sql("trino")
    assert f"CAST({kept} AS TIMESTAMP(6))" == naive(naive_one, "trino").sql("trino")
    assert "CAST(AT_TIMEZONE(x, 'UTC') AS TIMESTAMP(12))" == instant(zoned, "trino").sql("trino")
    assert "REGEXP_REPLACE" in naive(zoned, "trino").sql("trino")


@given(st.lists(st.none() | TICKS))
@example([-1, -1000, -1001, None, LAST_TICKS])
def test_arrow_rounds_as_pythons_integers_do(ticks):
    """An upload and the encoder of the online rows round down, in every layout."""
    expected = [None if tick is None else tick // 1000 for tick in ticks]
    for zone in (None, "Asia/Kolkata"):
        instants = pa.array(ticks, pa.timestamp("ns", zone))
        for layout in (instants, pa.chunked_array([instants]), instants.dictionary_encode()):
            assert expected == floor_to_micros(layout).cast(pa.int64()).to_pylist()
        uploaded = canonical_table(pa.table({"x": instants}))["x"]
        assert pa.timestamp("us", "UTC" if zone else None) == uploaded.type
        assert expected == uploaded.cast(pa.int64()).to_pylist()
        assert [m for m in expected if m is not None] == micros(instants.drop_null()).tolist()


def test_times_of_a_day_are_cut_too():
    """A time in nanoseconds uploads as its microseconds."""
    table = pa.table({"x": pa.array([1999], pa.time64("ns"))})

    assert [1] == canonical_table(table)["x"].cast(pa.int64()).to_pylist()


@pytest.mark.parametrize("strategy", ["asof", "window"])
def test_the_end_of_a_day_in_sql(store, strategy):
    """The last nanosecond of a day does not see the next day's row, midnight does."""
    assert [10] == values(store, at(LAST), strategy=strategy)
    assert [10] == values(store, at(f"{LAST}+00", "timestamptz_ns"), strategy=strategy)
    assert [999] == values(store, at("2024-01-02"), strategy=strategy)


def frames():
    """Return one entity row in nanoseconds of each library, without a zone and with one."""
    for zone in (None, "UTC", "America/New_York"):
        instants = pa.array([LAST_TICKS], pa.timestamp("ns", zone))
        frame = pa.table({"id": [1], "event_timestamp": instants})
        stamp = (
            pd.Timestamp(LAST) if zone is None else pd.Timestamp(LAST, tz="UTC").tz_convert(zone)
        )
        pandas = pd.DataFrame({"id": [1], "event_timestamp": pd.Series([stamp]).dt.as_unit("ns")})
        polars = pl.DataFrame(frame)
        for library, made in (("arrow", frame), ("pandas", pandas), ("polars", polars)):
            yield pytest.param(made, id=f"{library}-{zone}")


@pytest.mark.parametrize("frame", list(frames()))
def test_the_end_of_a_day_in_a_frame(store, frame):
    """Frames in nanoseconds are accepted with a zone too, and their times come back whole."""
    job = store.get_historical_features(frame, features=["f:v"])

    assert [10] == job.to_arrow()["v"].to_pylist()
    assert [LAST_TICKS] == job.to_arrow()["event_timestamp"].cast(pa.int64()).to_pylist()


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_the_end_of_a_day_in_files(store, tmp_path, zone):
    """Parquet keeps nanoseconds, and DuckDB cuts the text of a CSV file down."""
    instants = pa.array([LAST_TICKS], pa.timestamp("ns", zone))
    rows = pa.table({"id": [1], "event_timestamp": instants})
    parquet.write_table(rows, tmp_path / "rows.parquet")
    offset = "" if zone is None else "+00:00"
    (tmp_path / "rows.csv").write_text(f"id,event_timestamp\n1,{LAST}{offset}\n", encoding="utf-8")

    assert [10] == values(store, tmp_path / "rows.parquet")
    assert [10] == values(store, tmp_path / "rows.csv")


def test_why_agrees(store):
    """The explanation at the last nanosecond chooses the row that the training set has."""
    found = store.why("f:v", {"id": 1}, pd.Timestamp(LAST))

    assert ["chosen", "not known yet"] == found["verdict"].to_pylist()
    assert [10, 999] == found["value"].to_pylist()


@pytest.mark.parametrize("zoned", [False, True])
def test_before_1970(tmp_path, zoned):
    """Rounding towards 1970 would see the row of its midnight."""
    store = store_of(tmp_path, "timestamp", ("1969-12-31", 10), ("1970-01-01", 999))
    spelling, offset = ("timestamptz_ns", "+00") if zoned else ("timestamp_ns", "")

    assert [10] == values(store, at(BEFORE_1970 + offset, spelling))


@pytest.mark.parametrize("ts", ["timestamp_ns", "timestamptz_ns"])
@pytest.mark.parametrize("delay", ["0 days", "1 hour"])
def test_an_event_in_nanoseconds_never_counts_early(tmp_path, ts, delay):
    """An event between two microseconds is known from the later one on, in `why` too."""
    event = "2024-01-01 00:00:00.000000400"
    store = store_of(tmp_path, ts, (event, 10), available_after=delay)
    known = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=delay == "1 hour")
    later = known + timedelta(microseconds=1)
    entities = pa.table({"id": [1, 1], "event_timestamp": [known, later]})

    for strategy in ("asof", "window"):
        assert [None, 10] == values(store, entities, strategy=strategy)
    assert ["not known yet"] == store.why("f:v", {"id": 1}, known)["verdict"].to_pylist()
    assert ["chosen"] == store.why("f:v", {"id": 1}, later)["verdict"].to_pylist()


@pytest.mark.parametrize("delay", ["0 days", "1 hour"])
def test_generated_rows_see_the_event_that_made_them(tmp_path, delay):
    """Without an entity frame, a row's own instant is the first microsecond that knows it."""
    event = "2024-01-01 00:00:00.000000400"
    store = store_of(tmp_path, "timestamp_ns", (event, 10), available_after=delay)

    found = store.get_historical_features(features=["f:v"], start=datetime(2023, 1, 1, tzinfo=UTC))

    assert [10] == found.to_arrow()["v"].to_pylist()
    assert 1 == found.to_arrow()["event_timestamp"].to_pylist()[0].microsecond


def test_a_ttl_is_measured_from_the_whole_event(tmp_path):
    """A row ages from its own nanosecond, not from the one it would be rounded to."""
    store = store_of(tmp_path, "timestamp_ns", ("2024-01-01 00:00:00.000000600", 10), ttl="1 day")

    assert [10] == values(store, at("2024-01-02 00:00:00", "timestamp"))
    assert [None] == values(store, at("2024-01-02 00:00:00.000001", "timestamp"))


def test_the_session_of_a_caller_far_from_utc(store):
    """A frame's zone says where its rows were written, and not when."""
    stamp = pd.Timestamp(LAST, tz="UTC").tz_convert(ZoneInfo("Asia/Kathmandu"))
    frame = pd.DataFrame({"id": [1], "event_timestamp": pd.Series([stamp]).dt.as_unit("ns")})

    assert [10] == values(store, frame)


@pytest.mark.parametrize("strategy", ["asof", "window"])
@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "date"])
def test_an_instant_beyond_the_years_of_nanoseconds_is_only_a_late_one(tmp_path, strategy, kind):
    """Nanoseconds end in 2262: a row in 3024 finds the newest event, and a ttl still ends it."""
    rows = ", ".join(
        f"({number}, '{at}'::{kind})"
        for number, at in enumerate(
            ("1600-01-01", "2024-01-05", "3024-01-01", "infinity", "-infinity")
        )
    )
    query = f"SELECT 1 AS id, n, event_timestamp FROM (VALUES {rows}) t(n, event_timestamp)"
    events = [("2024-01-01", 10), ("2024-01-02", 20)]
    for folder, ttl, expected in (
        ("a", None, [None, 20, 20, 20, None]),
        ("b", "500 days", [None, 20, None, None, None]),
        ("c", "200000 days", [None, 20, None, None, None]),
        ("d", "365250 days", [None, 20, 20, None, None]),
    ):
        store = store_of(tmp_path / folder, "timestamp_ns", *events, ttl=ttl)
        job = store.get_historical_features(query, ["f:v"], strategy=strategy)
        # Python has no infinite datetime.
        rows = job.to_arrow().select(["n", "v"]).to_pylist()
        found = {row["n"]: row["v"] for row in rows}
        (report,) = job.explain()

        assert expected == [found[number] for number in range(5)]
        assert sum(value is not None for value in expected) == report.matched
        last = datetime(3024, 1, 1, tzinfo=UTC)
        told = store.why("f:v", {"id": 1}, last).to_pylist()
        assert [expected[2]] * (expected[2] is not None) == [
            row["value"] for row in told if row["verdict"] == "chosen"
        ]
