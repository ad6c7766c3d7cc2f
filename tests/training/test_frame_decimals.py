"""Decimals in frames and in JSON: sums of integers are decimals too."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pytest

from featurestore.cli import main
from featurestore.errors import FeatureStoreError
from tests.support.builders import column, model, tiny_project
from tests.support.sync_project import NOW

COLUMNS = [column(name) for name in ("id", "at", "total", "price", "ratio")]
ROWS = """select 1 id, timestamp '2024-01-01' as at, sum(2) total, 1.50::decimal(6,2) price,
    'nan'::double ratio"""
SPINE = "select unnest([1, 2]) as id, timestamp '2024-02-01' as event_timestamp"
NAMES = ["sums:total", "sums:price"]
EXACT = ["decimal128(38, 0)[pyarrow]", "decimal128(6, 2)[pyarrow]"]


@pytest.fixture
def store(tmp_path, redis_server, redis_client, monkeypatch):
    """Return a store with one row of a sum of integers, a decimal and a float."""
    monkeypatch.setenv("FEATURESTORE_REDIS_URL", redis_server)
    monkeypatch.setenv("FEATURESTORE_NOW", NOW.isoformat())
    view = model("sums", COLUMNS, entities={"e": "id"}, event_timestamp="at")
    return tiny_project(tmp_path, [view], {"sums": ROWS})


@pytest.fixture
def online(store):
    """Return the answer for an entity with a row, and for one without."""
    store.sync()
    return store.get_online_features([*NAMES, "sums:ratio"], {"id": [1, 2]})


def types(frame):
    """Return the dtypes of both columns of decimals."""
    return [str(frame[name].dtype) for name in ("total", "price")]


def test_decimals_of_a_training_set_are_exact(store):
    """They have Arrow's type, with which pandas computes, and not object."""
    frame = store.get_historical_features(SPINE, NAMES).to_df().sort_values("id")

    assert EXACT == types(frame)
    assert [Decimal(2), Decimal("1.50")] == [frame[name].sum() for name in ("total", "price")]
    assert [False, True] == frame["total"].isna().to_list()


def test_decimals_of_a_training_set_are_floats_on_request(store):
    """A library that takes numpy's types alone reads them; a missing value is NaN."""
    job = store.get_historical_features(SPINE, NAMES)
    frame = job.to_df(decimals="float").sort_values("id")

    assert ["float64", "float64"] == types(frame)
    assert 1.5 == frame["price"].iloc[0]
    assert np.isnan(frame["total"].iloc[1])
    with pytest.raises(FeatureStoreError, match=r"got 'floats'. Did you mean 'float'"):
        job.to_df(decimals="floats")


def test_decimals_of_an_online_frame_have_the_same_types(online):
    """As in a training set."""
    assert EXACT == types(online.to_df())
    assert ["float64", "float64"] == types(online.to_df(decimals="float"))
    assert [Decimal("1.50"), None] == online.to_df()["price"].astype(object).where(
        lambda values: values.notna(), None
    ).to_list()


def test_an_online_response_is_json(online):
    """Decimals keep their digits, and NaN is null."""
    wanted = {"id": [1, 2], "total": ["2", None], "price": ["1.50", None], "ratio": [None, None]}

    assert wanted == json.loads(online.to_json(), parse_constant=pytest.fail)
    assert "NOT_FOUND" in online.to_json(include_statuses=True)


def test_validate_suggests_bigint_for_a_sum(store):
    """Once per HUGEINT; the decimal is fine."""
    found = [problem for problem in store.validate() if "HUGEINT" in problem.message]

    assert ["warning"] == [problem.severity for problem in found]
    assert "column 'total' is a HUGEINT" in found[0].message
    assert "sum(x)::bigint" in found[0].remedy


def test_init_suggests_bigint_for_a_sum(store, tmp_path, capsys):
    """Before the feature has users."""
    view = model("sums", COLUMNS, meta={})
    tiny_project(tmp_path, [view], {"sums": ROWS})
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "sums.sql").write_text(ROWS, encoding="utf-8")
    tagged = ("--model", "sums", "--entity", "e=id", "--event-timestamp", "at")

    with pytest.raises(SystemExit):
        main(["init", "--project-dir", str(tmp_path), "--dry-run", *tagged])

    said = capsys.readouterr().err
    assert 1 == said.count("Hint:")
    assert "column 'total' is a HUGEINT" in said
