"""The registry: everything by name, sorted, with what disagrees between files."""

from __future__ import annotations

import json

import pytest

from featurestore import load_registry
from featurestore.errors import DefinitionProblems, RegistryError
from featurestore.registry.definitions import FeatureRef, ServiceMember
from tests.support.builders import COLUMNS, manifest_json, model, problems, registry, service

CARRIERS = {"carrier": "varchar", "observed_at": "timestamp", "delay": "double", "late": "bigint"}
LATEST = {"latest_version": 2}


def two_views(**parts):
    """Return a registry of two views."""
    carriers = model("carrier_features", CARRIERS, entities={"carrier": "carrier"})
    return registry(model(), carriers, **parts)


def test_everything_by_name_sorted():
    """Views, entities and services are mappings sorted by name, in any order of the manifest."""
    exposures = [service("z", ["plane_features:delay"]), service("a", ["carrier_features:late"])]
    found = two_views(exposures=exposures).checked()

    assert ["carrier_features", "plane_features"] == list(found.feature_views)
    assert ["carrier", "plane"] == list(found.entities)
    assert ["a", "z"] == list(found.feature_services)
    assert ("shop", "duckdb") == (found.project, found.dialect)


def test_a_registry_is_read_from_a_file(tmp_path):
    """`load_registry` needs nothing but dbt's manifest."""
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest_json(model())), encoding="utf-8")

    assert ["plane_features"] == list(load_registry(path).feature_views)


def test_definitions_cannot_be_changed():
    """What is read stays as it was read."""
    with pytest.raises(TypeError):
        registry(model()).feature_views["other"] = None


def test_references_become_one_member_per_view():
    """References are grouped by view in the order asked, `*` written out, repetitions dropped."""
    asked = ["carrier_features:late", "plane_features:delay", "carrier_features:*"]

    assert (
        ServiceMember("carrier_features", ("late", "delay")),
        ServiceMember("plane_features", ("delay",)),
    ) == two_views().members(asked, None)
    assert two_views().members(["plane_features:delay"], None) == two_views().members(
        "plane_features:delay", None
    )


@pytest.mark.parametrize("text", ["", "plane_features", ":delay", "plane_features:", " : "])
def test_what_is_no_reference(text):
    """A reference has a view and a feature, with a colon between."""
    with pytest.raises(RegistryError, match="Write 'view:feature'"):
        FeatureRef.parse(text)


def test_a_reference_is_read_and_written_alike():
    """Blanks around the parts do not count."""
    assert "plane_features:delay" == str(FeatureRef.parse(" plane_features : delay "))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            {"tailnum": "bigint"},
            "the key tailnum int64 here and tailnum string in view 'a_features'",
        ),
        ({"tailnum": "date"}, "the key tailnum date here and tailnum string"),
    ],
)
def test_views_that_disagree_on_a_key_s_type(other, message):
    """An entity is one thing: its key is of one type in all views."""
    found = problems(model("a_features"), model("b_features", {**COLUMNS, **other}))

    assert 1 == len(found)
    assert message in found[0]
    assert "models/a_features.yml" in found[0]
    assert found[0].startswith("models/b_features.yml: b_features: entity 'plane'")


def test_views_that_disagree_on_the_number_of_keys():
    """An entity has as many join keys in one view as in another."""
    composite = model(
        "b_features", {**COLUMNS, "owner": "varchar"}, entities={"plane": ["tailnum", "owner"]}
    )

    assert (
        "has 2 join keys here and 1 in view 'a_features'"
        in problems(model("a_features"), composite)[0]
    )


@pytest.mark.parametrize("same", [{"tailnum": "text"}, {"tailnum": None}])
def test_keys_of_one_family_agree(same):
    """Spellings and widths may differ, and a type that is not declared agrees with any."""
    assert [] == problems(model("a_features"), model("b_features", {**COLUMNS, **same}))


def test_a_registry_with_problems_serves_none_of_it():
    """What is right is readable beside what is wrong, but `checked` refuses all of it."""
    found = registry(model("good_features"), model("bad_features", tll="1 day"))

    assert ["bad_features", "good_features"] == list(found.feature_views)
    with pytest.raises(DefinitionProblems, match="1 problem in"):
        found.checked()


def test_the_problems_do_not_depend_on_the_order_of_the_manifest():
    """The same project gives the same report."""
    models = [model(f"{letter}_features", tll="1 day", ttl="x") for letter in "cab"]

    assert problems(*models) == problems(*reversed(models))
    assert sorted(problems(*models)) == problems(*models)


def test_who_uses_a_view_and_who_a_feature():
    """A service uses a view if it takes any feature of it, also under an alias."""
    aliased = {"view": "carrier_features", "alias": "rival", "features": ["late"]}
    exposures = [
        service("z", ["plane_features:delay", aliased]),
        service("a", ["carrier_features:*"]),
    ]
    found = two_views(exposures=exposures).checked()

    def names(*asked):
        return [user.name for user in found.services_using(*asked)]

    assert ["a", "z"] == names("carrier_features") == names("carrier_features", "late")
    assert ["a"] == names("carrier_features", "delay")
    assert ["z"] == names("plane_features", "delay")
    assert [] == names("plane_features", "late") == names("rival") == names("no_features")


def test_who_uses_a_version_of_a_view():
    """Whoever names no version uses the latest one, and no other."""
    versions = [
        model(node={"unique_id": f"model.shop.plane_features.v{n}", "version": n, **LATEST})
        for n in (1, 2)
    ]
    exposures = [service("now", ["plane_features:*"]), service("then", ["plane_features.v1:*"])]
    found = registry(*versions, exposures=exposures).checked()

    assert ["then"] == [user.name for user in found.services_using("plane_features.v1")]
    assert ["now"] == [user.name for user in found.services_using("plane_features.v2", "delay")]
