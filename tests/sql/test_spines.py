"""Training sets without an entity frame: the views' own entities, at instants of the caller's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from featurestore import FeatureStore
from featurestore.errors import EntityFrameError, UnsupportedDialect
from featurestore.registry.definitions import ServiceMember
from featurestore.sql.spines import Period, spine_of_views
from tests.support.builders import Table, model, service, tiny_project, view

COLUMNS = {"tailnum": "varchar", "observed_at": "timestamp", "delay": "double"}
HISTORY = Table(
    COLUMNS,
    [
        ("N1", "2024-03-01 10:00", 1.0),
        ("N1", "2024-03-02 10:00", 2.0),
        ("N2", "2024-03-02 12:00", 3.0),
        (None, "2024-03-01 10:00", 4.0),
        ("N4", None, 5.0),
    ],
)
ROUTES = {"src": "varchar", "dst": "varchar", "at": "timestamp", "miles": "integer"}


def day(number, hour=0):
    """Return an instant in March 2024."""
    return datetime(2024, 3, number, hour, tzinfo=UTC)


def naive(number, hour=0):
    """Return an instant in March 2024 as results hold it."""
    return day(number, hour).replace(tzinfo=None)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return a store of a view of planes, a delayed one of the same planes, and one of routes."""
    return tiny_project(
        tmp_path_factory.mktemp("spines"),
        [
            model(columns=COLUMNS),
            model("slow_features", COLUMNS, available_after="1 day"),
            model("routes", ROUTES, entities={"route": ["src", "dst"]}, event_timestamp="at"),
        ],
        {
            "plane_features": HISTORY,
            "slow_features": Table(COLUMNS, [("N3", "2024-03-01", 9.0)]),
            "routes": Table(ROUTES, [("A", "B", "2024-03-01", 10), ("B", "A", "2024-03-02", 10)]),
        },
        exposures=[
            service(
                "back",
                [
                    {"view": "routes", "alias": "there", "features": ["miles"]},
                    {
                        "view": "routes",
                        "alias": "back",
                        "entities": {"route": ["dst", "src"]},
                        "features": ["miles"],
                    },
                ],
            )
        ],
    )


def asked(job, *names):
    """Return the entity rows of a training set, sorted."""
    rows = job.to_arrow().select([*names, "event_timestamp"]).to_pylist()
    return sorted(tuple(row.values()) for row in rows)


def test_a_grid_asks_for_each_entity_since_it_is_known(store):
    """Every entity appears at every instant, but not before its first row."""
    job = store.get_historical_features(
        features="plane_features:delay", start=day(1), end=day(3), every="1 day"
    )

    assert [("N1", naive(2)), ("N1", naive(3)), ("N2", naive(3))] == asked(job, "tailnum")
    assert {1.0, 2.0, 3.0} == set(job.to_arrow()["delay"].to_pylist())


def test_a_grid_may_have_any_step(store):
    """A step of hours includes both ends of the period."""
    job = store.get_historical_features(
        features="plane_features:delay", start=day(1, 9), end=day(1, 11), every="30 minutes"
    )

    assert [10, 10, 11] == [at.hour for _, at in asked(job, "tailnum")]


def test_without_a_step_the_rows_own_instants_are_asked(store):
    """Each row's own instant becomes an entity row, when it is within the period."""
    job = store.get_historical_features(
        features="plane_features:delay", start=day(1, 10), end=day(2, 11)
    )

    assert [("N1", naive(1, 10)), ("N1", naive(2, 10))] == asked(job, "tailnum")


def test_without_a_period_each_entity_is_asked_once_as_of_now(store):
    """For scoring in batches: every entity known by now, at now."""
    job = FeatureStore(store.project.folder, now=day(2, 11)).get_historical_features(
        features="plane_features:delay"
    )

    assert [("N1", naive(2, 11))] == asked(job, "tailnum")


def test_entities_of_several_views_are_brought_together(store):
    """Entities of either view are asked for; a delayed row counts when it is available."""
    job = store.get_historical_features(
        features=["plane_features:delay", "slow_features:delay"],
        start=day(2),
        end=day(2),
        full_feature_names=True,
    )
    grid = store.get_historical_features(
        features=["plane_features:delay", "slow_features:delay"],
        start=day(1),
        end=day(2),
        every="1 day",
        full_feature_names=True,
    )

    assert [("N3", naive(2))] == asked(job, "tailnum")
    assert [("N1", naive(2)), ("N3", naive(2))] == asked(grid, "tailnum")


def test_aliases_name_the_columns(store):
    """A view taken twice, once with its keys exchanged, gives rows with all keys."""
    job = FeatureStore(store.project.folder, now=day(3)).get_historical_features(
        feature_service="back", full_feature_names=True
    )

    assert [("A", "B", naive(3)), ("B", "A", naive(3))] == asked(job, "src", "dst")


@pytest.mark.parametrize(
    "start",
    [naive(1), day(1).date(), day(1).astimezone(timezone(timedelta(hours=-5)))],
    ids=["naive", "date", "another zone"],
)
@pytest.mark.parametrize("every", [None, "1 day"])
@pytest.mark.parametrize("end", [day(3), naive(3), day(3).date(), None])
def test_a_period_without_a_zone_is_in_utc(store, start, end, every):
    """A naive bound is in UTC, a date is its midnight, and a zone only spells the instant."""
    now = FeatureStore(store.project.folder, now=day(3))

    def rows(first, last):
        job = now.get_historical_features(
            features="plane_features:delay", start=first, end=last, every=every
        )
        return asked(job, "tailnum")

    assert rows(day(1), day(3)) == rows(start, end)


ZONED = {"tailnum": "varchar", "seen_at": "timestamptz", "seats": "integer"}
OWN_INSTANTS = [
    ({"start": day(1)}, day(1, 10)),
    ({"start": day(1), "end": day(3), "every": "1 day"}, day(2)),
    ({}, day(3)),
]


@pytest.mark.parametrize(("period", "first"), OWN_INSTANTS, ids=["own", "grid", "now"])
@pytest.mark.parametrize(
    ("features", "zone"),
    [
        (["zoned:seats"], "UTC"),
        (["plane_features:delay"], None),
        (["zoned:seats", "plane_features:delay"], None),
    ],
    ids=["zoned", "naive", "both"],
)
def test_instants_have_the_zone_of_the_views(tmp_path, period, first, features, zone):
    """The rows' instants have a zone if those of all views have one, and the values agree."""
    models = [model(columns=COLUMNS), model("zoned", ZONED, event_timestamp="seen_at")]
    seen = Table(ZONED, [("N1", "2024-03-01 10:00+00", 7)])
    tiny_project(tmp_path, models, {"plane_features": HISTORY, "zoned": seen})
    store = FeatureStore(tmp_path, now=day(3))

    found = store.get_historical_features(features=features, **period).to_arrow()

    assert zone == found.schema.field("event_timestamp").type.tz
    if features == ["zoned:seats"]:
        assert (first, 7) == (found["event_timestamp"][0].as_py(), found["seats"][0].as_py())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"features": "plane_features:delay", "start": "2024-03-01"}, "`start` must be a datetime"),
        ({"features": ["plane_features:delay", "routes:miles"]}, "No requested view has all"),
        ({"features": "plane_features:delay", "end": day(1)}, "`start` is required"),
        ({"features": "plane_features:delay", "start": day(2), "end": day(1)}, "before its start"),
        ({"features": "plane_features:delay", "start": day(1), "every": "1 dya"}, "unknown unit"),
        (
            {"features": "plane_features:delay", "start": day(1), "every": "0 days"},
            "must be positive",
        ),
        (
            {"features": "plane_features:delay", "start": day(1), "entity_df": "plane_features"},
            "its own instants",
        ),
    ],
)
def test_a_period_that_makes_no_sense_is_refused(store, arguments, message):
    """Each mistake is one clear error."""
    with pytest.raises(EntityFrameError, match=message):
        store.get_historical_features(**arguments)


def test_a_dialect_without_a_series_is_refused():
    """Without a series of instants in the dialect, the message asks for an entity frame."""
    planes = view()
    registry_members = [ServiceMember(planes.name, ("delay",))]
    period = Period.of(day(1), day(3), "1 day", day(3))

    with pytest.raises(UnsupportedDialect, match="entity frame"):
        spine_of_views(registry_members, [planes], period, "event_timestamp", "snowflake")
