"""From an exposure to a feature service: what a model takes of each view."""

from __future__ import annotations

import pytest

from featurestore.registry.definitions import ServiceMember
from tests.support.builders import COLUMNS, model, problems, registry, service

ROUTES = {"origin": "varchar", "dest": "varchar", "observed_at": "timestamp", "flights": "bigint"}
MODELS = (
    model(columns={**COLUMNS, "seats": "integer"}),
    model("route_features", ROUTES, entities={"route": ["origin", "dest"]}),
)


def delays(features, **fields):
    """Return the one service of a project, and what is wrong with it."""
    found = registry(*MODELS, exposures=[service("delays", features, **fields)])
    return found.feature_services.get("delays"), [str(problem) for problem in found.problems]


def test_references_and_stars():
    """A service lists references; a star is all of a view; its label and owner are kept."""
    found, wrong = delays(
        ["plane_features:seats", "route_features:*", "plane_features:delay"],
        label="flights.arr_delay",
        owner={"name": "Ada", "email": "ada@shop.example"},
        description="When will it land?\n",
    )

    assert [] == wrong
    assert (
        ServiceMember("plane_features", ("seats", "delay")),
        ServiceMember("route_features", ("flights",)),
    ) == found.members
    assert ("flights.arr_delay", "Ada") == (found.label, found.owner)
    assert "When will it land?" == found.description


def test_an_aliased_view():
    """A mapping takes a view under another name, with the columns that hold its keys."""
    found, wrong = delays(
        [
            "route_features:flights",
            {"view": "route_features", "alias": "back", "entities": {"route": ["dest", "origin"]}},
        ]
    )

    assert [] == wrong
    assert ["route_features", "back"] == [member.name for member in found.members]
    assert {"route": ("dest", "origin")} == found.members[1].entities
    assert ("flights",) == found.members[1].features


BACK = {"view": "route_features", "entities": {"route": ["dest", "origin"]}, "features": "flights"}


@pytest.mark.parametrize("listed", [["route_features:*", BACK], [BACK, "route_features:flights"]])
def test_one_name_joins_by_one_set_of_columns(listed):
    """A view that is taken twice by other columns needs an alias; with it, each has its own."""
    _, (wrong,) = delays(listed)
    aliased = [{**item, "alias": "back"} if item is BACK else item for item in listed]
    found, right = delays(aliased)

    assert "is taken by the columns (" in wrong
    assert "(origin, dest)" in wrong
    assert "(dest, origin)" in wrong
    assert "under one name. Give one of the two an alias, such as `alias: " in wrong
    assert [] == right
    views = registry(*MODELS).feature_views
    assert {"route_features": ["origin", "dest"], "back": ["dest", "origin"]} == {
        member.name: list(member.key_names(views[member.view]).values()) for member in found.members
    }


def test_the_views_own_columns_are_no_other_ones():
    """Columns that repeat the view's own, or other ones for every item, join by one set."""
    own = {"view": "route_features", "entities": {"route": ["origin", "dest"]}}

    assert [] == delays(["route_features:flights", own])[1]
    assert [] == delays([BACK, {**BACK, "features": ["flights"]}])[1]


@pytest.mark.parametrize("meta", [None, {}, {"owner": "ada"}])
def test_other_exposures_are_none_of_ours(meta):
    """A dashboard without our meta is not a service."""
    dashboard = service("board", type="dashboard", meta=meta)

    assert {} == dict(registry(*MODELS, exposures=[dashboard]).feature_services)
    assert [] == problems(*MODELS, exposures=[dashboard])


@pytest.mark.parametrize(
    ("features", "parts"),
    [
        ([], ("it lists no features",)),
        ("plane_features:delay", ("it lists no features",)),
        (["plane_features"], ("'plane_features' is not a feature reference",)),
        (["plane_featurs:delay"], ("'plane_featurs'", "Did you mean 'plane_features'?")),
        (["plane_features:dely"], ("no feature 'dely'", "Did you mean 'delay'?")),
        ([7], ("features has 7",)),
        ([{"view": "plane_feature"}], ("'plane_feature'", "Did you mean 'plane_features'?")),
        ([{"view": "plane_features", "features": ["sats"]}], ("'sats'", "Did you mean 'seats'?")),
        ([{"view": "plane_features", "alais": "p"}], ("unknown key 'alais'", "'alias'?")),
        (
            [{"view": "plane_features", "entities": {"plan": "tail"}}],
            ("no entity 'plan'", "Did you mean 'plane'?"),
        ),
        ([{"view": "plane_features", "entities": ["tail"]}], ("entities is ['tail']",)),
        (
            [{"view": "route_features", "alias": "back", "entities": {"route": "dest"}}],
            ("join keys (origin, dest)", "1 columns are given: dest"),
        ),
        (
            ["route_features:flights", {"view": "plane_features", "alias": "route_features"}],
            ("the name 'route_features' means two views",),
        ),
        (
            [{"view": view, "alias": "x"} for view in ("plane_features", "route_features")],
            ("the name 'x' means two views",),
        ),
    ],
)
def test_what_is_declared_wrongly(features, parts):
    """Each mistake is one problem, which names the file, the exposure, the value and the remedy."""
    _, wrong = delays(features)

    assert 1 == len(wrong)
    assert [] == [part for part in parts if part not in wrong[0]]
    assert wrong[0].startswith("models/exposures.yml: delays: ")


def test_a_service_is_of_type_ml():
    """Our meta on an exposure of another type is a mistake."""
    assert "its type is 'dashboard'" in delays(["plane_features:*"], type="dashboard")[1][0]
