"""Finding the connection that dbt uses, the way dbt finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from featurestore.errors import ProfileError
from featurestore.project.profile import load_profile, load_project

PROFILES = """
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: dev.duckdb, schema: main}
    prod:
      type: duckdb
      path: "{{ env_var('SHOP_FOLDER', '/srv') }}/prod.duckdb"
      threads: "{{ env_var('SHOP_THREADS', '4') | as_number }}"
      settings: {memory_limit: "{{ env_var('SHOP_LIMIT', '1GB') }}"}
      extensions: [json, "{{ env_var('SHOP_EXTENSION', 'icu') }}"]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a dbt project's folder, in an environment that says nothing about dbt."""
    for name in ("DBT_PROFILES_DIR", "DBT_PROFILE", "DBT_TARGET", "DBT_TARGET_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    _write(tmp_path / "dbt_project.yml", "{name: shop, profile: shop}")
    _write(tmp_path / "profiles.yml", PROFILES)
    return tmp_path


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_the_project(folder):
    """The manifest lies in the target path, which is the project's, or the environment's."""
    assert folder / "target" / "manifest.json" == load_project(folder).manifest_path
    assert ("shop", "shop") == (load_project(folder).name, load_project(folder).profile)


def test_the_target_path_may_be_set(folder, monkeypatch):
    """dbt_project.yml and then DBT_TARGET_PATH say where the artifacts are."""
    _write(folder / "dbt_project.yml", "{name: shop, target-path: \"{{ env_var('X', 'out') }}\"}")
    named = load_project(folder)
    monkeypatch.setenv("DBT_TARGET_PATH", "/elsewhere")

    assert (folder / "out", "default") == (named.target_path, named.profile)
    assert Path("/elsewhere") == load_project(folder).target_path


def test_the_default_target(folder):
    """Without a word the profile's own target is used."""
    found = load_profile(load_project(folder))

    assert ("shop", "dev", "duckdb") == (found.name, found.target, found.adapter)
    assert {"path": "dev.duckdb", "schema": "main"} == dict(found.settings)


def test_a_named_target_rendered(folder, monkeypatch):
    """The target asked for is rendered through, with YAML's types where `as_number` says so."""
    monkeypatch.setenv("SHOP_LIMIT", "2GB")
    found = load_profile(load_project(folder), "prod").settings

    assert "/srv/prod.duckdb" == found["path"]
    assert 4 == found["threads"]
    assert {"memory_limit": "2GB"} == found["settings"]
    assert ["json", "icu"] == found["extensions"]


def test_the_target_of_the_environment(folder, monkeypatch):
    """DBT_TARGET stands between the argument and the profile's default."""
    monkeypatch.setenv("DBT_TARGET", "prod")

    assert "prod" == load_profile(load_project(folder)).target
    assert "dev" == load_profile(load_project(folder), "dev").target


def test_where_profiles_lie(folder, monkeypatch):
    """DBT_PROFILES_DIR alone if it is set, else the project's folder, else ~/.dbt."""
    elsewhere = folder / "elsewhere"
    _write(elsewhere / "profiles.yml", PROFILES.replace("dev.duckdb", "elsewhere.duckdb"))
    _write(folder / "home" / ".dbt" / "profiles.yml", PROFILES.replace("dev.duckdb", "home.duckdb"))
    project = load_project(folder)

    assert "dev.duckdb" == load_profile(project).settings["path"]
    (folder / "profiles.yml").unlink()
    assert "home.duckdb" == load_profile(project).settings["path"]
    monkeypatch.setenv("DBT_PROFILES_DIR", str(elsewhere))
    assert "elsewhere.duckdb" == load_profile(project).settings["path"]
    monkeypatch.setenv("DBT_PROFILES_DIR", str(folder / "empty"))
    with pytest.raises(ProfileError, match="empty"):
        load_profile(project)


def test_secrets_are_not_shown(folder):
    """A profile in a log or a traceback does not tell its settings."""
    _write(
        folder / "profiles.yml",
        "shop: {target: dev, outputs: {dev: {type: duckdb, path: x, password: hunter2}}}",
    )

    assert "hunter2" not in repr(load_profile(load_project(folder)))


def test_templates_run_in_a_sandbox(folder):
    """A template reads the environment, and nothing else of the machine."""
    _write(
        folder / "profiles.yml",
        "shop: {target: dev, outputs: {dev: {type: duckdb, path: \"{{ ''.__class__.__mro__ }}\"}}}",
    )
    with pytest.raises(ProfileError, match="Cannot render"):
        load_profile(load_project(folder))
