"""The rows that each view contributes to a training set, and the remark on a low match rate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from featurestore.errors import PlanError
from featurestore.training.explain import JoinReport
from tests.support.builders import Table, model, tiny_project

COLUMNS = {"tailnum": "varchar", "observed_at": "timestamp", "delay": "double"}
ENTITIES = {"tailnum": "varchar", "event_timestamp": "timestamp"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return a store with a row to match, one that expires, and one in the future."""
    history = [
        ("N1", "2024-03-01", 1.0),
        ("N2", "2024-01-01", None),
        ("N3", "2024-04-01", 3.0),
        ("N5", "2024-03-09", None),
    ]
    entities = [
        ("N1", "2024-03-10"),
        ("N1", "2024-03-10"),
        ("N2", "2024-03-10"),
        ("N3", "2024-03-10"),
        ("N4", "2024-03-10"),
        ("N5", "2024-03-10"),
        (None, "2024-03-10"),
        ("N1", None),
    ]
    return tiny_project(
        tmp_path_factory.mktemp("explain"),
        [model(columns=COLUMNS, ttl="30 days"), model("empty_features", COLUMNS)],
        {
            "plane_features": Table(COLUMNS, history),
            "empty_features": Table(COLUMNS),
            "entities": Table(ENTITIES, entities),
        },
    )


def test_every_entity_row_is_counted_once(store):
    """Matched (a NULL value included), expired, missing and keyless rows add up."""
    (report,) = store.get_historical_features("entities", "plane_features:delay").explain()

    last = datetime(2024, 3, 10, tzinfo=UTC)
    expected = JoinReport(
        "plane_features",
        "asof",
        4,
        8,
        3,
        1,
        2,
        2,
        timedelta(days=30),
        first_read=last - timedelta(days=30),
        last_read=last,
        # Of the eight entity rows, which are staged, and of the rows within the bounds.
        statement_rows=11,
    )

    assert expected == report
    assert report.entity_rows == sum(
        (report.matched, report.expired, report.missing, report.null_keys)
    )


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("1 TB", r"max_bytes \(1.0 TB\) cannot be kept: .* duckdb never tells them.* Leave it out"),
        ("ten", r"max_bytes: 'ten' is not a number of bytes, such as 500 MB"),
        (-1, r"max_bytes must not be negative, got -1"),
    ],
)
def test_a_limit_that_cannot_be_kept_is_refused(store, size, message):
    """DuckDB's plans tell rows, and no bytes."""
    with pytest.raises(PlanError, match=message):
        store.get_historical_features("entities", "plane_features:delay", max_bytes=size).to_arrow()


def test_each_shape_of_join_counts_the_same(store):
    """The counts do not depend on the strategy; the report names it."""
    of = {
        name: store.get_historical_features(
            "entities", "plane_features:delay", strategy=name
        ).explain()[0]
        for name in ("asof", "window")
    }

    assert ("asof", "window") == (of["asof"].strategy, of["window"].strategy)
    assert of["asof"].matched == of["window"].matched


def test_an_empty_view_is_remarked_upon(store):
    """The remark on a view without rows names the command to run."""
    (report,) = store.get_historical_features("entities", "empty_features:delay").explain()

    assert "dbt build" in report.remark


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((90, 0, 10, 0), ""),
        ((10, 80, 10, 0), "are older than the ttl of 2 days: is"),
        ((10, 10, 80, 0), "write the keys alike"),
        ((10, 0, 10, 80), "a NULL key or a NULL timestamp"),
    ],
)
def test_few_matches_are_explained(counts, words):
    """The remark names the most frequent cause; a good match rate has no remark."""
    remark = JoinReport("v", "asof", 1000, 100, *counts, timedelta(days=2)).remark

    assert words in remark
    assert bool(words) == bool(remark)


@pytest.mark.parametrize(
    ("ttl", "words"),
    [(None, "rows that have ended:"), (timedelta(1), "the ttl of 1 day or have ended:")],
)
def test_rows_that_have_ended_are_not_blamed_on_a_ttl(ttl, words):
    """A view with an end of validity may have no ttl."""
    remark = JoinReport("v", "asof", 1000, 100, 10, 90, 0, 0, ttl, ends=True).remark

    assert words in remark


def test_no_entity_rows_are_remarked_upon():
    """A request without entity rows has a remark, and no division by zero."""
    report = JoinReport("v", "asof", 10, 0, 0, 0, 0, 0)

    assert "no entity rows" in report.remark
    assert report.match_rate == 0
