"""Training sets: every form of entity rows, and every form of output."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featurestore.errors import (
    EntityFrameError,
    NameCollision,
    PlanError,
    RelationNotBuilt,
    WarehouseError,
)
from tests.support.builders import COLUMNS, ROW, Table, model, service, tiny_project

AT = datetime(2024, 3, 1)  # noqa: DTZ001, naive means UTC
PLANES = {**COLUMNS, "seats": "integer", "late": "boolean"}
HISTORY = Table(
    PLANES,
    [
        ("N1", "2024-02-01", 1.5, 100, True),
        ("N2", "2024-02-02", None, None, None),
        ("N3", "2024-04-01", 3.5, 300, False),
    ],
)
ENTITIES = Table(
    {"tailnum": "varchar", "event_timestamp": "timestamp"},
    [("N3", AT), ("N1", AT), ("N2", AT), ("N1", AT)],
)
EXPECTED = [
    ("N1", AT, 1.5, 100, True),
    ("N1", AT, 1.5, 100, True),
    ("N2", AT, None, None, None),
    ("N3", AT, None, None, None),
]
FRAME = {name: [row[i] for row in ENTITIES.rows] for i, name in enumerate(ENTITIES.columns)}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return a store of one view, with entity rows in a table and in an ephemeral model."""
    spine = model("flights", ENTITIES.columns, meta={})
    ephemeral = {"relation_name": None}
    return tiny_project(
        tmp_path_factory.mktemp("training"),
        [
            model(columns=PLANES, ttl="60 days"),
            spine,
            model("cte", meta={}, node=ephemeral, config={"materialized": "ephemeral"}),
        ],
        {"plane_features": HISTORY, "flights": ENTITIES},
        exposures=[service("delays", ["plane_features:delay", "plane_features:late"])],
    )


def rows(table):
    """Return a table's rows as tuples."""
    return [tuple(row.values()) for row in table.to_pylist()]


@pytest.mark.parametrize(
    "entity_df",
    [
        pa.table(FRAME),
        pd.DataFrame(FRAME),
        pl.DataFrame(FRAME),
        pl.LazyFrame(FRAME),
        "flights",
        "main.flights",
        "ref:flights",
        "SELECT tailnum, event_timestamp FROM flights;",
        "WITH spine AS (FROM flights) SELECT * FROM spine ORDER BY ALL",
    ],
    ids=["arrow", "pandas", "polars", "lazy", "table", "qualified", "ref", "select", "with"],
)
def test_every_form_of_entity_rows(store, entity_df):
    """The same entity rows give the same training set in every form."""
    found = rows(store.get_historical_features(entity_df, "plane_features:*").to_arrow())

    assert EXPECTED == sorted(found, key=lambda row: row[0])


def test_a_data_frame_keeps_its_order(store):
    """Each row of the result belongs to the same row of the frame."""
    found = store.get_historical_features(pa.table(FRAME), "plane_features:delay").to_arrow()

    assert ["N3", "N1", "N2", "N1"] == found.column("tailnum").to_pylist()
    assert ["tailnum", "event_timestamp", "delay"] == found.column_names


def test_an_empty_frame(store):
    """An empty frame gives an empty training set with every column."""
    found = store.get_historical_features(pa.table(FRAME).slice(0, 0), "plane_features:*")

    assert (0, 5) == found.to_arrow().shape


def test_to_df(store):
    """In pandas, integers and booleans with missing values keep their types."""
    found = store.get_historical_features(pd.DataFrame(FRAME), "plane_features:*").to_df()

    assert ["Int32", "boolean"] == [str(found[name].dtype) for name in ("seats", "late")]
    assert [100, 100] == found["seats"].dropna().tolist()


def test_to_polars(store):
    """Polars gets the same rows."""
    found = store.get_historical_features(pl.DataFrame(FRAME), "plane_features:*").to_polars()

    assert EXPECTED == sorted(found.rows(), key=lambda row: row[0])


def test_to_parquet(store, tmp_path):
    """The file is written atomically, over an older one, in a folder that may be missing."""
    path = tmp_path / "new" / "set.parquet"
    job = store.get_historical_features(pa.table(FRAME), "plane_features:*")

    assert (4, 4) == (job.to_parquet(path), job.to_parquet(str(path)))
    assert EXPECTED == sorted(rows(pq.read_table(path)), key=lambda row: row[0])
    assert [path] == list(path.parent.glob("*.parquet*"))


def test_a_failed_file_leaves_the_older_one(store, tmp_path):
    """A query that fails half way leaves the old file and no partial one."""
    path = tmp_path / "set.parquet"
    path.write_bytes(b"older")
    fails = "SELECT tailnum, event_timestamp, CAST(tailnum AS INTEGER) AS n FROM flights"
    with pytest.raises(WarehouseError, match="Could not convert string 'N"):
        store.get_historical_features(fails, "plane_features:*").to_parquet(path, overwrite=True)

    assert b"older" == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


def test_to_table(store):
    """A table in the warehouse is created, and replaced."""
    job = store.get_historical_features(pa.table(FRAME), "plane_features:*")

    assert (4, 4) == (job.to_table("main.training_set"), job.to_table("main.training_set"))
    with store.warehouse() as warehouse:
        found = warehouse.stream("FROM main.training_set").read_all()
    assert EXPECTED == sorted(rows(found), key=lambda row: row[0])


@pytest.mark.parametrize(
    "name", ["plane_features", "Plane_Features", '"main"."plane_features"', "main.PLANE_FEATURES"]
)
def test_a_table_of_dbt_is_not_replaced(store, name):
    """A training set never replaces a table of its history, in any spelling of the name."""
    with store.warehouse() as warehouse:
        before = warehouse.stream("FROM plane_features").read_all()
    job = store.get_historical_features(pa.table(FRAME), "plane_features:*")

    with pytest.raises(PlanError, match=r"is dbt's model\.\w+\.plane_features"):
        job.to_table(name)

    with store.warehouse() as warehouse:
        assert before.equals(warehouse.stream("FROM plane_features").read_all())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("flights", "is the entity rows"),
        ('"_featurestore_published__shop.x"', "is a table of the sync"),
    ],
)
def test_the_entity_rows_and_the_ledger_are_not_replaced(store, name, told):
    """A training set replaces neither its entity rows nor the sync's ledger."""
    with pytest.raises(PlanError, match=told) as error:
        store.get_historical_features("flights", "plane_features:*").to_table(name)

    assert "another name" in error.value.remedy


def test_to_sql_runs_anywhere(store, tmp_path):
    """The statement gives the same rows when it is run by hand."""
    sql = store.get_historical_features("flights", "plane_features:*").to_sql()
    with duckdb.connect(str(store.project.folder / "warehouse.duckdb"), read_only=True) as other:
        assert EXPECTED == sorted(other.execute(sql).fetchall(), key=lambda row: row[0])


def test_entity_columns_pass_through_untouched(store):
    """Entity columns of any type and name pass through unchanged."""
    odd = pa.table(
        {
            **FRAME,
            "Order No": pa.array([{"a": 1}, None, {"a": 2}, {"a": None}]),
            "select": pa.array([[[1], None], [], None, [[2, 3]]]),
            "_x": pa.array([b"\x00\xff", b"", None, b"1"]),
            "é\"'": pa.array([None] * 4, pa.decimal128(38, 10)),
            "at": pa.array([AT] * 4, pa.timestamp("us", tz="UTC")),
            "took": pa.array([1, 2, None, 4], pa.time64("us")),
        }
    )
    found = store.get_historical_features(odd, "plane_features:delay").to_arrow()

    assert odd.to_pylist() == found.drop_columns(["delay"]).to_pylist()
    assert odd.schema.types == found.drop_columns(["delay"]).schema.types


def test_a_feature_named_like_an_entity_column(store):
    """Two columns of one name are refused, and the remedy in the message works."""
    clash = ROW.replace("AS tailnum", "AS tailnum, 7 AS delay")
    with pytest.raises(NameCollision, match=r"'delay'.*the entity frame.*full_feature_names=True"):
        store.get_historical_features(clash, "plane_features:delay")
    found = store.get_historical_features(clash, "plane_features:delay", full_feature_names=True)

    assert [("N1", 7, AT, 1.5)] == rows(found.to_arrow())
    assert "plane_features__delay" == found.to_arrow().column_names[-1]


def test_feature_timestamps(store):
    """With `feature_timestamps`, each view adds the timestamp of its values' row."""
    found = store.get_historical_features(ROW, "plane_features:delay", feature_timestamps=True)

    assert [("N1", AT, 1.5, datetime(2024, 2, 1))] == rows(found.to_arrow())  # noqa: DTZ001
    assert "plane_features__event_timestamp" == found.to_arrow().column_names[-1]


def test_a_service_and_another_name_for_the_time(store):
    """A feature service gives its features, and any column can hold the timestamp."""
    query = ROW.replace("event_timestamp", "departed_at")
    found = store.get_historical_features(
        query, feature_service="delays", event_timestamp="departed_at"
    ).to_arrow()

    assert [("N1", AT, 1.5, True)] == rows(found)


def test_as_known_needs_to_know_when_rows_were_written(store):
    """`as_known` needs a created timestamp on every view."""
    with pytest.raises(EntityFrameError, match=r"plane_features.*created_timestamp"):
        store.get_historical_features(ROW, "plane_features:delay", as_known=True)


def test_an_ephemeral_model_has_no_rows(store):
    """`ref:` to an ephemeral model is refused: it has no table."""
    with pytest.raises(EntityFrameError, match="'cte' is ephemeral"):
        store.get_historical_features("ref:cte", "plane_features:delay")


def test_a_table_that_is_not_there(store):
    """The error names a misspelled table before any statement runs."""
    with pytest.raises(RelationNotBuilt, match="flihgts"):
        store.get_historical_features("flihgts", "plane_features:delay")


def test_a_job_kept_open_blocks_nobody(store):
    """Between a job's methods the warehouse is closed, so that dbt can write."""
    job = store.get_historical_features("flights", "plane_features:delay")
    with duckdb.connect(str(store.project.folder / "warehouse.duckdb")) as writer:
        writer.execute("CREATE OR REPLACE TABLE written AS SELECT 1 AS one")

    assert 4 == job.to_arrow().num_rows


@pytest.mark.parametrize("rows", [f"{ROW} -- the end", f"{ROW} /* the end */"])
def test_a_query_may_end_with_a_comment(store, rows):
    """A comment at the end of the entity rows' SQL does not swallow the rest of the statement."""
    assert 1 == store.get_historical_features(rows, "plane_features:delay").to_arrow().num_rows


def test_capital_letters_make_no_other_name(store):
    """Two columns whose names differ only in capital letters collide."""
    with pytest.raises(NameCollision, match="delay"):
        store.get_historical_features(f"{ROW}, 1 AS DELAY", "plane_features:delay")


def test_a_name_inside_the_statement_gives_way_in_any_capitals(store):
    """A column of the entity rows may be called like a step's own column."""
    job = store.get_historical_features(f"{ROW}, 1 AS _Instant", "plane_features:delay")

    assert ["tailnum", "event_timestamp", "_Instant", "delay"] == job.to_arrow().column_names
    assert [1] == job.to_arrow().column("_Instant").to_pylist()


def test_a_place_that_cannot_be_written_is_said(store):
    """A path below a file is refused with a clear error."""
    with pytest.raises(PlanError, match="Cannot write"):
        store.get_historical_features(ROW, "plane_features:delay").to_parquet("/dev/null/x.parquet")
