"""From a model's yml to a feature view: what is read, what is a default, and what is a problem."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.builders import COLUMNS, column, model, problems, registry, view


def test_a_full_declaration():
    """Every key of the declaration ends up in the view."""
    found = view(
        "plane_features",
        {**COLUMNS, "loaded_at": "timestamptz"},
        created_timestamp="loaded_at",
        available_after="15 minutes",
        ttl={"count": 30, "period": "day"},
        online=False,
        config={"group": "fleet", "tags": ["a", "b"], "access": "public"},
        node={"description": " One plane. "},
    )

    assert [("plane", "tailnum")] == [(e.name, e.join_keys[0].name) for e in found.entities]
    assert "loaded_at" == found.created_timestamp.name
    assert (timedelta(minutes=15), timedelta(days=30)) == (found.available_after, found.ttl)
    assert ("fleet", ("a", "b"), "public") == (found.group, found.tags, found.access)
    assert "One plane." == found.description
    assert '"warehouse"."main"."plane_features"' == found.relation
    assert not found.online


def test_defaults():
    """Without more said, a view has no ttl, no delay, no created timestamp, and is online."""
    found = view()

    assert (None, timedelta(), None) == (found.ttl, found.available_after, found.created_timestamp)
    assert found.online


def test_features_are_the_documented_columns_that_play_no_other_part():
    """Keys, timestamps and columns left out are not features; the rest are, in order."""
    columns = [
        column("z"),
        column("tailnum"),
        column("observed_at"),
        column("comment", feature=False),
        column("a", feature=True),
    ]

    assert ("z", "a") == view("plane_features", columns).feature_names


def test_the_event_time_of_dbt_is_the_default():
    """The model's own `event_time` is the event timestamp where meta is silent."""
    silent = view(event_timestamp=None, config={"event_time": "observed_at"})

    assert "observed_at" == silent.event_timestamp.name


def test_keys_that_two_entities_share_count_once():
    """A view of two entities with a column in common has that column once."""
    columns = dict.fromkeys(("origin", "dest", "observed_at", "flights"), None)
    entities = {"airport": "origin", "route": ["origin", "dest"]}
    found = view("route_features", columns, entities=entities)

    assert ["origin", "dest"] == [key.name for key in found.join_keys]


def test_global_features_have_no_entity():
    """`entities: {}` says that the features hold for everybody."""
    assert () == view(entities={}).join_keys


def test_a_version_is_part_of_the_name():
    """A versioned model is a view of that version; the plain name means the latest."""
    nodes = [
        model(
            node={
                "unique_id": f"model.shop.plane_features.v{number}",
                "version": number,
                "latest_version": 1,
            }
        )
        for number in (1, 2)
    ]
    found = registry(*nodes).checked()

    assert ["plane_features.v1", "plane_features.v2"] == list(found.feature_views)
    assert "plane_features.v1" == found.view("plane_features").name
    assert "2" == found.view("plane_features.v2").version


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"tll": "3 days"}, ("unknown key 'tll'", "Did you mean 'ttl'?")),
        ({"zzz": 1}, ("unknown key 'zzz'", "Known: entities")),
        ({"meta": {"feature_store": {}}}, ("'feature_store'", "Did you mean 'featurestore'?")),
        ({"meta": {"featurestores": {}}}, ("'featurestores'", "Did you mean 'featurestore'?")),
        ({"meta": {"featurestore": True}}, ("meta.featurestore is True", "mapping")),
        ({"entities": None}, ("entities is missing", "entities: {<name>: <join key column>}")),
        (
            {"entities": None, "config": {"unique_key": ["tailnum", "observed_at"]}},
            ("the model's own key is tailnum, observed_at",),
        ),
        ({"entities": "tailnum"}, ("entities is 'tailnum'", "entities: {<name>: tailnum}")),
        ({"entities": ["plane"]}, ("entities is ['plane']", "{<name>: <join key column>}")),
        ({"entities": {"plane": []}}, ("entity 'plane' has no join key",)),
        ({"entities": {"plane": "tail_num"}}, ("'tail_num'", "Did you mean 'tailnum'?")),
        ({"entities": {"plane": "delay"}}, ("'delay' is float64", "cannot identify")),
        ({"event_timestamp": None}, ("event_timestamp is missing", "event_time")),
        ({"event_timestamp": "observed"}, ("'observed'", "Did you mean 'observed_at'?")),
        ({"event_timestamp": "tailnum"}, ("event_timestamp 'tailnum' is string",)),
        ({"event_timestamp": ["observed_at"]}, ("event_timestamp is ['observed_at']",)),
        (
            {"created_timestamp": "loaded"},
            ("created_timestamp 'loaded' is not a documented column",),
        ),
        ({"ttl": "30"}, ("ttl: '30' is not a duration", "'30 days'")),
        ({"ttl": 30}, ("ttl: 30 has no unit",)),
        ({"ttl": "1 month"}, ("a month has no fixed length",)),
        (
            {"ttl": "0 days"},
            ("ttl is '0 days'", "the very instant", "Leave out `ttl`", "the greatest age"),
        ),
        ({"ttl": {"count": 0, "period": "hour"}}, ("only at the very instant of its event",)),
        ({"available_after": "soon"}, ("available_after: 'soon'",)),
        ({"online": "yes"}, ("online is 'yes'", "true or false")),
        (
            {"config": {"materialized": "ephemeral"}, "node": {"relation_name": None}},
            ("ephemeral",),
        ),
        ({"columns": {"tailnum": "varchar", "observed_at": "date"}}, ("it has no feature",)),
        (
            {"columns": [*map(column, COLUMNS), column("seats", featur=True)]},
            ("unknown key 'featur'", "column 'seats'", "Did you mean 'feature'?"),
        ),
        (
            {"columns": [column("tailnum", feature=True), column("observed_at"), column("a")]},
            ("column 'tailnum' is a key or a timestamp",),
        ),
    ],
)
def test_what_is_declared_wrongly(changes, parts):
    """Each mistake is one problem, which names the file, the model, the value and the remedy."""
    found = problems(model(**changes))

    assert 1 == len(found)
    assert [] == [part for part in parts if part not in found[0]]
    assert all(text.startswith("models/plane_features.yml: plane_features: ") for text in found)


def test_a_misspelled_key_beside_the_right_one_is_another_package_s():
    """`feature_store` belongs to others, so it is only a hint where ours is missing."""
    both = {"entities": {"plane": "tailnum"}, "event_timestamp": "observed_at"}

    assert [] == problems(model(meta={"featurestore": both, "feature_store": {}}))
