"""From an exposure's meta to request fields and on-demand features, and every problem of them."""

from __future__ import annotations

import pytest

from featurestore.registry.definitions import OnDemandFeature, RequestField
from featurestore.registry.service_names import Cycle, in_order
from featurestore.values.type_spellings import parse_type
from tests.support.builders import COLUMNS, column, model, registry, service

MODELS = (
    model(columns={**COLUMNS, "seats": "integer"}),
    model(
        "carrier_features",
        [
            column("carrier", "varchar"),
            column("observed_at", "timestamp"),
            column("delay", "double"),
            column("owner_name", "varchar", pii=True),
        ],
        entities={"carrier": "carrier"},
    ),
)
FEATURES = ["plane_features:delay", "plane_features:seats", "carrier_features:delay"]


def declared(request=None, on_demand=None, features=FEATURES):
    """Return the one service of a project, and what is wrong with it."""
    exposure = service("delays", features, request=request or {}, on_demand=on_demand or {})
    found = registry(*MODELS, exposures=[exposure])
    return found.feature_services["delays"], [str(problem) for problem in found.problems]


def test_the_short_and_the_long_forms():
    """A type or an expression alone, or a mapping that also says what it means."""
    found, wrong = declared(
        {
            "scheduled": "timestamp",
            "amount": {"type": "decimal(9,2)", "description": " What it costs.\n", "pii": True},
        },
        {
            "is_night": "extract(hour from scheduled) < 6",
            "per_seat": {
                "expression": "amount / nullif(seats, 0)",
                "description": "Price of a seat.",
                "data_type": "double",
            },
        },
    )

    assert [] == wrong
    assert (
        RequestField("scheduled", parse_type("timestamp")),
        RequestField("amount", parse_type("decimal(9,2)"), "What it costs.", True),
    ) == found.request
    assert (
        OnDemandFeature("is_night", "extract(hour from scheduled) < 6", ("scheduled",)),
        OnDemandFeature(
            "per_seat",
            "amount / nullif(seats, 0)",
            ("amount", "seats"),
            "Price of a seat.",
            True,
            parse_type("double"),
        ),
    ) == found.on_demand


def test_a_feature_is_read_by_its_own_name_or_by_the_full_one():
    """Capitals make no difference, as in SQL; an on-demand feature may read another one."""
    found, wrong = declared(
        on_demand={
            "worst": "greatest(PLANE_FEATURES__delay, carrier_features__delay)",
            "twice": 'worst + worst + "seats"',
        }
    )

    assert [] == wrong
    assert [("plane_features__delay", "carrier_features__delay"), ("worst", "seats")] == [
        feature.inputs for feature in found.on_demand
    ]


def test_an_alias_is_part_of_the_full_name():
    """An aliased view's features have the alias in their names."""
    aliased = {"view": "plane_features", "alias": "other", "features": ["seats"]}
    found, wrong = declared(
        on_demand={"more": "other__seats - plane_features__seats"}, features=[*FEATURES, aliased]
    )

    assert [] == wrong
    assert ("other__seats", "plane_features__seats") == found.on_demand[0].inputs


@pytest.mark.parametrize(
    ("request_", "on_demand", "texts"),
    [
        ({"at": "moment"}, {}, ["request field 'at' has the type 'moment'", "Write a type of one"]),
        ({"at": "bigint[]"}, {}, ["request field 'at' has the type 'bigint[]'"]),
        ({"at": {"typ": "date"}}, {}, ["unknown key 'typ'", "Did you mean 'type'?"]),
        (["at"], {}, ["request is ['at']", "Write `request: {amount: double}`"]),
        ({}, {"x": 1}, ["on-demand feature 'x' has the expression 1", "Write SQL in quotes"]),
        ({}, {"x": {"text": "1"}}, ["unknown key 'text'"]),
        ({}, {"x": "seats +"}, ["'x' has an expression that is not duckdb's SQL"]),
        ({}, {"x": "seat + 1"}, ["reads 'seat', which the service does not have", "'seats'?"]),
        ({}, {"x": "delay + 1"}, ["reads 'delay', which 2 features", "carrier_features__delay"]),
        ({}, {"x": "owner_name = 'x'"}, ["reads 'owner_name', which the service does not have"]),
        ({}, {"x": "x + 1"}, ["on-demand features need each other: x -> x."]),
        (
            {},
            {"a": "seats", "b": "a + d", "c": "b", "d": "c"},
            ["on-demand features need each other: b -> d -> c -> b."],
        ),
        ({}, {"Seats": "1"}, ["feature 'Seats'", "'plane_features:seats' (models/plane_feat"]),
        (
            {},
            {"plane_features__seats": "1"},
            ["'plane_features:seats' (models/plane_features.yml)"],
        ),
        ({}, {"delay": "1"}, ["has the name of the features plane_features__delay"]),
        ({"at": "date"}, {"at": "1"}, ["'at' (models/exposures.yml) has", "request field 'at' (m"]),
        ({}, {"carrier": "1"}, ["the join key 'carrier' of 'carrier_features' (models/carrier_f"]),
        ({"tailnum": "varchar"}, {}, ["request field 'tailnum'", "join key 'tailnum' of 'plane"]),
        ({"seats": "bigint"}, {}, ["request field 'seats'", "feature 'plane_features:seats'"]),
        ({"at": {"type": "date", "pii": "yes"}}, {}, ["request field 'at': pii is 'yes'"]),
        ({}, {"x": {"expression": "seats", "data_type": "json"}}, ["has the type 'json'"]),
    ],
)
def test_problems(request_, on_demand, texts):
    """Each says what is wrong, where, and the remedy."""
    _, wrong = declared(request_, on_demand)

    assert wrong
    assert [] == [text for text in texts if text not in " ".join(wrong)]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, True),
        ({"pii": {"inherited": False, "reason": "only its length"}}, False),
        ({"pii": True}, True),
    ],
)
def test_what_is_computed_from_personal_data_is_personal(own, expected):
    """Through any number of steps, unless a reason clears it."""
    found, wrong = declared(
        {"at": "date"},
        {
            "last": "middle",
            "middle": {"expression": "length(owner_name)", **own},
            "other": "extract(year from at)",
        },
        features=["carrier_features:owner_name"],
    )

    assert [] == wrong
    assert [expected, expected, False] == [feature.pii for feature in found.on_demand]


def test_a_request_field_passes_its_mark_on():
    """What is computed from a personal field is personal."""
    found, _ = declared({"mail": {"type": "varchar", "pii": True}}, {"size": "length(mail)"})

    assert [True] == [feature.pii for feature in found.on_demand]


def test_the_order_of_dependence():
    """Each feature comes after those that it reads."""
    features = [
        OnDemandFeature(*each) for each in (("a", "", ("c", "x")), ("b", ""), ("c", "", ("b",)))
    ]

    assert ["b", "c", "a"] == [feature.name for feature in in_order(features)]
    with pytest.raises(Cycle):
        in_order([OnDemandFeature("a", "", ("a",))])
