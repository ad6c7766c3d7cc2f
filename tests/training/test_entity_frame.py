"""The forms in which entity rows may come."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from featurestore.errors import EntityFrameError
from featurestore.training.entity_frame import FRAME_NAME, read_entity_frame

AT = datetime(2024, 3, 1)  # noqa: DTZ001, naive means UTC
COLUMNS = {"tailnum": ["N1", None], "event_timestamp": [AT, AT]}


def read(entity_df):
    """Read entity rows; a model's relation is its name in quotes."""
    return read_entity_frame(entity_df, lambda name: f'"{name}"')


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
    """Text of no known form is shown, with the forms there are."""
    with pytest.raises(
        EntityFrameError, match="neither a SELECT, a table's name, nor 'ref:<model>'"
    ):
        read(text)


@pytest.mark.parametrize("value", [None, 7, {"tailnum": ["N1"]}, [("N1", AT)], pa.array([1])])
def test_other_values(value):
    """What is no frame is named by its class."""
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
        (pa.table({"_row": [1]}), "'_row'"),
    ],
)
def test_names_that_cannot_be(frame, message):
    """Repeated names, and the one that the statement needs itself, are refused."""
    with pytest.raises(EntityFrameError, match=message):
        read(frame)


def test_a_pandas_index_is_no_column():
    """The index of a frame does not get into the training set."""
    frame = pd.DataFrame({"tailnum": ["N1"]}, index=[7])

    assert ["tailnum", "_row"] == read_entity_frame(frame, str).table.column_names


@pytest.mark.parametrize("names", [["a", "a"], ["A", "a"], ["_Row", "b"]])
def test_names_that_a_warehouse_takes_for_one_are_refused(names):
    """Repeated names, also those that differ in capital letters alone, are a clear error."""
    frame = pd.DataFrame([[1, 2]], columns=names)

    with pytest.raises(EntityFrameError, match="column"):
        read_entity_frame(frame, str)
