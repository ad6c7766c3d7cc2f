"""Reading manifest.json: the fields that matter, from whichever place dbt wrote them in."""

from __future__ import annotations

import json

import pytest

from featurestore.errors import ManifestInvalid, UnknownModel
from featurestore.project.manifest import load_manifest
from tests.support.builders import manifest, manifest_json, model


def test_only_tagged_models_are_decoded():
    """A node without our key is never decoded, so any content passes."""
    broken = model("broken", meta={"other": 1}, node={"columns": 7})
    analysis = model("an_analysis", node={"resource_type": "analysis"})

    assert ["plane_features"] == [n.name for n in manifest(broken, analysis, model()).tagged()]


@pytest.mark.parametrize("kind", ["model", "snapshot", "seed"])
def test_each_kind_of_table_can_be_a_view(kind):
    """Models, snapshots and seeds all have a table to read."""
    node = model(node={"resource_type": kind, "unique_id": f"{kind}.shop.plane_features"})
    found = manifest(node)

    assert ["plane_features"] == [tagged.name for tagged in found.tagged()]
    assert "plane_features" == found.model("plane_features").name


def test_config_meta_wins_over_meta():
    """The newer place of `meta` wins, key by key."""
    node = model(meta={"a": "new"}, node={"meta": {"a": "old", "b": "kept"}})

    assert {"a": "new", "b": "kept"} == manifest(node).model("plane_features").all_meta


def test_the_path_is_that_of_the_yml():
    """Messages name the file that declares the model, and without one the file that defines it."""
    undeclared = model("raw", node={"patch_path": None})
    found = manifest(model(path="models/planes.yml"), undeclared)

    assert "models/planes.yml" == found.model("plane_features").path
    assert "models/raw.sql" == found.model("raw").path


def test_a_version_is_named_as_dbt_names_it():
    """A versioned model is found by name and version, and by its name alone the latest."""
    versions = [
        model(
            "plane_features",
            node={
                "unique_id": f"model.shop.plane_features.v{number}",
                "version": number,
                "latest_version": 2,
            },
        )
        for number in (1, 2, 3)
    ]
    found = manifest(*versions)

    assert "plane_features.v1" == found.model("plane_features.v1").qualified_name
    assert "plane_features.v2" == found.model("plane_features").qualified_name


def of_package(package, name="plane_features", **fields):
    """Return a model of a package."""
    unique_id = ".".join(["model", package, name, *([f"v{fields['version']}"] if fields else [])])
    return model(name, node={"unique_id": unique_id, "package_name": package, **fields})


@pytest.mark.parametrize("packages", [("other", "shop"), ("shop", "other"), ("zoo", "shop", "a")])
def test_the_root_projects_model_wins(packages):
    """Of two models of one name, the root project's is found; all are listed."""
    found = manifest(*map(of_package, packages))

    assert "shop" == found.model("plane_features").package_name
    assert {"plane_features": "model.shop.plane_features"} == found.model_ids
    assert len(packages) == len({node.unique_id for node in found.models()})
    assert len(packages) == len(list(found.relations()))
    for package in packages:
        assert package == found.model(f"model.{package}.plane_features").package_name


def test_the_root_projects_versions_win():
    """A name without a version means the root project's latest one, as in dbt's `ref()`."""
    versions = [of_package("shop", version=number, latest_version=2) for number in (1, 2)]
    found = manifest(of_package("other"), *versions)

    assert "model.shop.plane_features.v2" == found.model("plane_features").unique_id


def test_a_packages_own_group_wins():
    """Two packages may have a group of one name: each node means its own package's."""
    groups = [
        {"name": name, "package_name": package, "owner": {"name": f"{name} of {package}"}}
        for package, name in (("shop", "sales"), ("other", "sales"), ("shop", "ops"), ("zoo", "x"))
    ]
    found = manifest(groups=groups)

    assert {"sales": "sales of shop", "ops": "ops of shop", "x": "x of zoo"} == {
        name: str(group.owner) for name, group in found.groups_of("shop").items()
    }
    assert "sales of other" == str(found.groups_of("other")["sales"].owner)
    assert "sales of shop" == str(found.groups_of("zoo")["sales"].owner)


def test_a_disabled_model_is_none():
    """What the project turns off is neither found by name nor listed."""
    found = manifest(model(), disabled=[model("old_features")])

    assert {"plane_features"} == found.model_ids.keys()
    with pytest.raises(UnknownModel, match="'old_features'"):
        found.model("old_features")


def test_what_the_manifest_says_of_itself():
    """Project and dialect are dbt's own; only SQL Server has another name in sqlglot."""
    assert "shop" == manifest().project
    assert "duckdb" == manifest().dialect
    assert "tsql" == manifest(adapter="sqlserver").dialect


def test_absent_and_null_fields_have_defaults(tmp_path):
    """Versions of dbt differ in which fields they write, and none of the small ones is needed."""
    content = manifest_json(model())
    node = content["nodes"]["model.shop.plane_features"]
    for name in ("patch_path", "package_name"):
        del node[name]
    node |= {"constraints": None, "tags": None, "group": None, "description": None}
    del content["groups"], content["exposures"]
    content["disabled"] = None
    content["a_field_of_the_future"] = {"x": 1}
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(content), encoding="utf-8")

    assert ["models/plane_features.sql"] == [node.path for node in load_manifest(path).tagged()]


def test_a_node_that_is_no_node():
    """A tagged node of a wrong shape is an error of the file, with the field's place."""
    found = manifest(model(node={"columns": ["tailnum"]}))
    with pytest.raises(ManifestInvalid, match=r"\$\.columns"):
        list(found.tagged())
