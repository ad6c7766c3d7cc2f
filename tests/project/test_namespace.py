"""The project's name in Redis: one text, or one for each target."""

from __future__ import annotations

import json

import pytest

from featurestore.errors import ProfileError
from featurestore.project.namespace import chosen_namespace, refuse_bad_namespaces
from featurestore.project.profile import load_project

BOTH = {"prod": "shop", "dev": "shop_dev"}


@pytest.fixture
def declare(tmp_path, monkeypatch):
    """Return a function that writes a project with a namespace, and loads it."""
    for name in ("DBT_PROFILES_DIR", "DBT_PROFILE", "DBT_TARGET", "FEATURESTORE_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    def declare(namespace, profiles=True):
        own = {"featurestore": {"namespace": namespace}} if namespace != "absent" else {}
        settings = {"name": "shop", "profile": "shop", "vars": own}
        (tmp_path / "dbt_project.yml").write_text(json.dumps(settings), encoding="utf-8")
        profile = {"target": "dev", "outputs": {"dev": {"type": "duckdb"}}}
        if profiles:
            (tmp_path / "profiles.yml").write_text(json.dumps({"shop": profile}), encoding="utf-8")
        return load_project(tmp_path)

    return declare


@pytest.mark.parametrize(
    ("namespace", "target", "expected"),
    [
        ("absent", None, ""),
        (None, None, ""),
        ("orders", None, "orders"),
        ("  orders ", "prod", "orders"),
        (BOTH, "prod", "shop"),
        (BOTH, "dev", "shop_dev"),
        (BOTH, None, "shop_dev"),
        ("{{ env_var('SHOP_SPACE', 'late') }}", None, "late"),
        ({"dev": "shop_{{ env_var('SHOP_USER', 'ada') }}", "prod": "shop"}, None, "shop_ada"),
        ({"dev": "{{ env_var('NOT_SET_HERE') }}", "prod": "shop"}, "prod", "shop"),
    ],
)
def test_the_namespace_of_a_target(declare, namespace, target, expected):
    """A text counts for all targets; only the target's own entry of a mapping is rendered."""
    assert expected == chosen_namespace(declare(namespace), target)


def test_the_environment_names_the_target(declare, monkeypatch):
    """As it does for dbt; an argument comes first."""
    monkeypatch.setenv("DBT_TARGET", "prod")
    assert "shop" == chosen_namespace(declare(BOTH), None)
    assert "shop_dev" == chosen_namespace(declare(BOTH), "dev")


def test_the_environment_overrides_the_project(declare, monkeypatch):
    """Also where the project has none, or a wrong one."""
    monkeypatch.setenv("FEATURESTORE_NAMESPACE", "shop_pr_7")
    for namespace in ("absent", "orders", BOTH, 5):
        assert "shop_pr_7" == chosen_namespace(declare(namespace), "nowhere")


def test_a_reader_needs_no_profile(declare):
    """A service that names its target reads dbt_project.yml alone."""
    assert "shop" == chosen_namespace(declare(BOTH, profiles=False), "prod")
    assert "orders" == chosen_namespace(declare("orders", profiles=False), None)
    with pytest.raises(ProfileError, match=r"No profiles\.yml"):
        chosen_namespace(declare(BOTH, profiles=False), None)


@pytest.mark.parametrize(
    ("namespace", "message"),
    [
        ("", r"namespace in .*dbt_project\.yml is empty\. Write `vars: "),
        (" ", r"namespace in .* is empty\."),
        (7, r"namespace in .* is 7, not a text\. Write `vars: "),
        (["shop"], r"is \['shop'\], not a text\."),
        ({}, r"namespace in .* is empty\. Write"),
        ({"dev": ""}, r"namespace of target 'dev' in .* is empty\."),
        ({"dev": "shop", "prod": None}, r"namespace of target 'prod' in .* is None, not a text"),
    ],
)
def test_a_wrong_namespace(declare, namespace, message):
    """One clear error, of `validate` too, for every target."""
    for check in (refuse_bad_namespaces, lambda project: chosen_namespace(project, "dev")):
        with pytest.raises(ProfileError, match=message):
            check(declare(namespace))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("prd", r"has no target 'prd', only dev, prod\. Did you mean 'prod'\?"),
        ("ci", r"has no target 'ci', only dev, prod\. Add a namespace for it, or set FEATURESTORE"),
    ],
)
def test_a_target_without_a_namespace(declare, target, message):
    """It does not fall back to the project's name, which may be prod's. `validate` lets it pass."""
    refuse_bad_namespaces(declare(BOTH))
    with pytest.raises(ProfileError, match=message):
        chosen_namespace(declare(BOTH), target)


@pytest.mark.parametrize(
    ("namespace", "message"),
    [
        ("{{ env_var('NOT_SET_HERE') }}", r"dbt_project\.yml needs the environment variable 'NOT_"),
        ("{{ env_var('SHOP_SPACE', '') }}", r"namespace .*env_var.* is empty\. Render it"),
        ("{{ target.name }}", r"Cannot render '\{\{ target\.name \}\}' in .*dbt_project\.yml"),
    ],
)
def test_a_namespace_that_does_not_render(declare, namespace, message):
    """The error names the template, or the variable that is missing."""
    with pytest.raises(ProfileError, match=message):
        chosen_namespace(declare(namespace), None)


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_variable(declare, monkeypatch, value):
    """It does not fall back to the project's namespace, which may be prod's."""
    monkeypatch.setenv("FEATURESTORE_NAMESPACE", value)
    with pytest.raises(ProfileError, match="FEATURESTORE_NAMESPACE is empty"):
        chosen_namespace(declare("orders"), None)
