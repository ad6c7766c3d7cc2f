"""The accepted forms of entity rows, and the refused ones."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from featurestore.errors import EntityFrameError
from featurestore.training.entity_frame import FRAME_NAME, EntityFrame, read_entity_frame

AT = datetime(2024, 3, 1)  # noqa: DTZ001, naive means UTC
COLUMNS = {"tailnum": ["N1", None], "event_timestamp": [AT, AT]}


def read(entity_df, dialect="duckdb"):
    """Read entity rows; a model's relation is its name in quotes."""
    return read_entity_frame(entity_df, lambda name: f'"{name}"', dialect)


@pytest.mark.parametrize(
    "frame",
    [
        pa.table(COLUMNS),
        pa.RecordBatch.from_pydict(COLUMNS),
        pd.DataFrame(COLUMNS),
        pl.DataFrame(COLUMNS),
        pl.LazyFrame(COLUMNS),
    ],
    ids=["arrow", "arrow batch", "pandas", "polars", "polars lazy"],
)
def test_every_kind_of_frame(frame):
    """A frame of any library becomes Arrow data, numbered in its order."""
    found = read(frame)

    assert (FRAME_NAME, False) == (found.source, found.is_query)
    assert ["tailnum", "event_timestamp", "_row"] == found.table.column_names
    assert [0, 1] == found.table.column("_row").to_pylist()
    assert ["N1", None] == found.table.column("tailnum").to_pylist()


@pytest.mark.parametrize(
    ("text", "source", "is_query"),
    [
        ("flights", "flights", False),
        (" main.flights ; ", "main.flights", False),
        ('"Order Lines"', '"Order Lines"', False),
        ('dev."my ""schema"".x".flights', 'dev."my ""schema"".x".flights', False),
        ("ref:flights", '"flights"', False),
        ("ref: flights", '"flights"', False),
        ("select 1 as a", "select 1 as a", True),
        ("SELECT 1 AS a;", "SELECT 1 AS a", True),
        ("with a as (select 1) select * from a", "with a as (select 1) select * from a", True),
        ("(select 1)", "(select 1)", True),
        ("from flights", "from flights", True),
        ("-- why\nselect 1", "-- why\nselect 1", True),
        ("/* why */ select 1", "/* why */ select 1", True),
    ],
)
def test_every_kind_of_text(text, source, is_query):
    """A SELECT is a query; one name is a table; `ref:` is a dbt model."""
    found = read(text)

    assert (source, is_query, None) == (found.source, found.is_query, found.table)


@pytest.mark.parametrize(
    "text", ["", "a b", "drop table flights", "a.b.c.d", "select_this now", "'a'"]
)
def test_other_text(text):
    """The error quotes a text of an unknown form, and lists the known forms."""
    with pytest.raises(
        EntityFrameError, match="neither a SELECT, a table's name, nor 'ref:<model>'"
    ):
        read(text)


ROWS = pa.table({
    "flight": pa.array([1, None], pa.int64()),
    "tailnum": ["N1", None],
    "event_timestamp": pa.array([AT, AT], pa.timestamp("s")),
})  # fmt: skip


@pytest.fixture(params=["csv", "parquet"])
def file(request, tmp_path):
    """Return a file of entity rows, with a quote in its name."""
    path = tmp_path / f"it's.{request.param}"
    if request.param == "csv":
        csv.write_csv(ROWS, path, csv.WriteOptions(quoting_style="none"))
    else:
        parquet.write_table(ROWS, path)
    return path


def test_a_file_is_a_query_where_the_engine_runs_here(file):
    """DuckDB reads the file itself, wherever the statement runs later."""
    function = "read_csv" if file.suffix == ".csv" else "read_parquet"
    quoted = str(file.resolve()).replace("'", "''")

    assert EntityFrame(f"SELECT * FROM {function}('{quoted}')", is_query=True) == read(file)


def test_a_file_is_a_data_frame_for_other_engines(file):
    """The rows are uploaded; an empty field is NULL, in a column of text too."""
    found = read(file, "postgres")

    assert (FRAME_NAME, False) == (found.source, found.is_query)
    assert ROWS.to_pylist() == found.table.drop_columns("_row").to_pylist()
    assert [0, 1] == found.table.column("_row").to_pylist()


def test_both_ways_give_the_same_rows(file):
    """DuckDB's reader and pyarrow's agree on names, values and types."""
    there = duckdb.sql(read(file).source)
    here = duckdb.from_arrow(read(file, "postgres").table.drop_columns("_row"))

    assert there.columns == here.columns
    assert there.fetchall() == here.fetchall()


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.csv", r"Cannot read .*missing\.csv: No such file or directory\."),
        ("rows.xlsx", r"must end in \.csv or \.parquet, got '.*rows\.xlsx'"),
        ("folder.parquet", r"Cannot read .*folder\.parquet: Is a directory\."),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path, dialect, name, message):
    """The error names the file, whichever engine would read it."""
    (tmp_path / "folder.parquet").mkdir()

    with pytest.raises(EntityFrameError, match=message):
        read(tmp_path / name, dialect)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_file_of_something_else(tmp_path, suffix):
    """Its error is one line, with the file and the reader's reason."""
    path = tmp_path / f"rows{suffix}"
    path.write_bytes(b"a,b\n1\n2,3,4\n")

    with pytest.raises(EntityFrameError, match=rf"^Cannot read .*rows{suffix}: .+\.$"):
        read(path, "postgres")


@pytest.mark.parametrize("value", [None, 7, {"tailnum": ["N1"]}, [("N1", AT)], pa.array([1])])
def test_other_values(value):
    """The error names the class of a value that is not a frame."""
    with pytest.raises(EntityFrameError, match=type(value).__qualname__):
        read(value)


def test_a_column_of_several_types():
    """A pandas column that Arrow cannot take names the column and the remedy."""
    with pytest.raises(EntityFrameError, match=r"column tailnum.*astype") as error:
        read(pd.DataFrame({"tailnum": ["N1", 7]}))

    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pa.table([[1], [2]], names=["a", "a"]), "more than one column named a"),
    ],
)
def test_names_that_cannot_be(frame, message):
    """Repeated names, and the one that the statement needs itself, are refused."""
    with pytest.raises(EntityFrameError, match=message):
        read(frame)


def test_a_pandas_index_is_no_column():
    """The index of a pandas frame is not a column of the training set."""
    frame = pd.DataFrame({"tailnum": ["N1"]}, index=[7])

    assert ["tailnum", "_row"] == read(frame).table.column_names


@pytest.mark.parametrize("names", [["a", "a"], ["A", "a"]])
def test_names_that_a_warehouse_takes_for_one_are_refused(names):
    """Repeated names, also those that differ in capital letters alone, are a clear error."""
    frame = pd.DataFrame([[1, 2]], columns=names)

    with pytest.raises(EntityFrameError, match="column"):
        read(frame)
