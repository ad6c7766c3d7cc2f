"""Data frames of every kind: taken, or refused in one line that names the column."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from featurestore import FeatureStore
from featurestore.errors import EntityFrameError, RegistryError
from tests.support.builders import PLANES, model, service, tiny_project

DELAY = ["plane_features:delay"]
FRAME = pd.DataFrame({"tailnum": ["N1", "N2"], "event_timestamp": [pd.Timestamp("2024-03-01")] * 2})
WIDE = pa.table({"tailnum": ["N1"], "event_timestamp": pa.array([0], pa.timestamp("us"))})
LENGTHS = [
    pd.Timedelta("1h"),
    pd.Timedelta("400 days 01:02:03.000004005"),
    pd.Timedelta("-1 days +01:02:03"),
]


@pytest.fixture
def store(tmp_path):
    """Return a store of one view and one service."""
    exposures = [service("delays", DELAY)]
    return tiny_project(tmp_path, [model()], {"plane_features": PLANES}, exposures=exposures)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (FRAME.assign(z=[1 + 2j, 0]), ("column z", "complex128")),
        (FRAME.assign(z=pd.arrays.SparseArray([0, 0])), ("column z", "Sparse")),
        (FRAME.assign(z=[object(), 1]), ("column z",)),
        (WIDE.append_column("z", pa.array([1], pa.decimal256(50))), ("'z'", "decimal256")),
        (
            WIDE.append_column("z", pa.array([[np.float16(1)]], pa.list_(pa.float16()))),
            ("'z'", "halffloat"),
        ),
        (FRAME["tailnum"], ("pandas", "Series")),
        (FRAME.groupby("tailnum"), ("DataFrameGroupBy",)),
        (FRAME.groupby("tailnum")["event_timestamp"], ("SeriesGroupBy",)),
        (FRAME.index, ("pandas", "Index")),
        (pl.Series("tailnum", ["N1"]), ("polars", "Series")),
        (pa.chunked_array([["N1"]]), ("ChunkedArray",)),
        (FRAME.to_dict("list"), ("dict",)),
        (FRAME.to_numpy(), ("ndarray",)),
    ],
)
def test_a_frame_that_no_warehouse_takes(store, frame, words):
    """The line names the column, or the type of the value."""
    with pytest.raises(EntityFrameError) as raised:
        store.get_historical_features(frame, DELAY)

    assert 1 == len(str(raised.value).splitlines())
    assert [] == [word for word in words if word not in str(raised.value)]


def test_a_number_of_16_bits_keeps_its_value(store):
    """It comes back as a number of 32 bits."""
    frame = FRAME.assign(z=np.array([1.5, -0.25], "float16"))

    found = store.get_historical_features(frame, DELAY).to_df()

    assert ([1.5, -0.25], "float32") == (found["z"].tolist(), str(found["z"].dtype))


@pytest.mark.parametrize("length", LENGTHS)
def test_a_duration_passes_through_untouched(store, length):
    """Its value and its unit are the same in each form of the result, and so is a missing one."""
    frame = FRAME.assign(w=pd.Series([length, pd.NaT], dtype="timedelta64[ns]"))
    job = store.get_historical_features(frame, DELAY)

    back = job.to_df()
    assert frame["w"].dtype == back["w"].dtype
    assert (length, True) == (back["w"][0], pd.isna(back["w"][1]))
    assert pa.duration("ns") == job.to_arrow().schema.field("w").type
    assert 1 == job.explain()[0].matched


def test_a_duration_of_polars_passes_through(store):
    """As polars writes it, in microseconds."""
    frame = pl.DataFrame(FRAME).with_columns(w=pl.duration(minutes=90))

    back = store.get_historical_features(frame, DELAY).to_polars()

    assert (pl.Duration("us"), timedelta(minutes=90)) == (back.schema["w"], back["w"][0])


def test_a_duration_is_not_written_as_an_integer(store, tmp_path):
    """A file or a table would not say what the number means."""
    job = store.get_historical_features(FRAME.assign(w=pd.Timedelta("1h")), DELAY)

    for write in (
        job.card,
        lambda: job.to_parquet(tmp_path / "x.parquet"),
        lambda: job.to_table("x"),
    ):
        with pytest.raises(EntityFrameError, match="'w' is a duration"):
            write()


@pytest.mark.parametrize("name", ["tailnum", "event_timestamp"])
def test_a_duration_is_neither_a_key_nor_a_time(store, name):
    """The integer that it crosses the warehouse as must not match a key."""
    with pytest.raises(EntityFrameError, match=f"'{name}' is duration"):
        store.get_historical_features(FRAME.assign(**{name: pd.Timedelta("1h")}), DELAY)


def test_a_service_itself_is_a_request(store, redis_server, redis_client, tmp_path):
    """As in Feast, the object does what its name does, offline and online."""
    asked = store.registry.feature_services["delays"]
    rows = [{"tailnum": "N1"}]
    online = FeatureStore(tmp_path, redis_url=redis_server)
    online.sync()

    for given in ({"features": asked}, {"feature_service": asked}, {"feature_service": "delays"}):
        job = store.get_historical_features(FRAME, **given)
        assert [1.5, None] == job.to_arrow()["delay"].to_pylist()
        response = online.get_online_features(entity_rows=rows, **given)
        assert {"tailnum": ["N1"], "delay": [1.5]} == response.to_dict()


@pytest.mark.parametrize("wrap", [list, tuple, lambda items: items[0]])
def test_other_objects_are_not_references(store, wrap):
    """A view, or a service in a list, is refused in one line."""
    view = store.registry.feature_views["plane_features"]

    with pytest.raises(RegistryError, match="FeatureView"):
        store.get_historical_features(FRAME, wrap([view]))
    with pytest.raises(RegistryError, match="FeatureView"):
        store.get_online_features(wrap([view]), [{"tailnum": "N1"}])


@pytest.mark.parametrize("frame", [FRAME, pl.DataFrame(FRAME), pa.table(FRAME), FRAME["tailnum"]])
def test_entity_rows_are_not_a_frame(store, tmp_path, redis_server, redis_client, frame):
    """The line says what to pass instead."""
    online = FeatureStore(tmp_path, redis_url=redis_server)
    online.sync()

    with pytest.raises(EntityFrameError, match=r"The entity rows are a .*, not a list of mappings"):
        online.get_online_features(DELAY, frame)
