"""Whether a manifest belongs to a target, by dbt's fields alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from featurestore.project.manifest import load_manifest
from featurestore.project.manifest_target import TargetMatch, match_target
from featurestore.project.target_names import TargetNames
from featurestore.values.dbt_profile import Profile
from tests.support.builders import manifest_json, model

OWN_MACRO = "macro.shop.generate_schema_name"


def _profile(target: str = "prod", adapter: str = "duckdb", **settings: str) -> Profile:
    return Profile("shop", target, adapter, settings or {"path": "w.duckdb", "schema": target})


def _node(place: str, base: str | None = "w", *, name: str = "f", **config: str) -> dict:
    return model(name, config=config, node={"schema": place, "database": base})


def _match(folder: Path, *nodes, profile=None, adapter="duckdb", macros=(), ran=None, **how):
    """Return the verdict; `ran` is the `args` of the run that wrote the manifest."""
    written = manifest_json(*nodes, adapter=adapter)
    written["macros"] = {name: {} for name in ("macro.dbt.generate_schema_name", *macros)}
    written["metadata"]["invocation_id"] = "a"
    (folder / "manifest.json").write_text(json.dumps(written))
    if ran is not None:
        results = {"metadata": {"invocation_id": how.pop("invocation", "a")}, "args": ran}
        (folder / "run_results.json").write_text(json.dumps(results))
    others = how.pop("others", ())
    return match_target(
        load_manifest(folder / "manifest.json"),
        profile or _profile(),
        typed=how.pop("typed", True),
        others=lambda: others,
    )


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (_node("prod"), TargetMatch.SAME),
        (_node("PROD"), TargetMatch.SAME),
        (_node("dev"), TargetMatch.OTHER),
        (_node("prod", "elsewhere"), TargetMatch.OTHER),
        (_node("prod_marts", schema="marts"), TargetMatch.SAME),
        (_node("dev_marts", schema="marts"), TargetMatch.OTHER),
        (_node("dev_prod", schema="prod"), TargetMatch.OTHER),
        (_node("prod", "elsewhere", database="elsewhere"), TargetMatch.SAME),
        # The schema in the config is the resolved one, so it tells nothing.
        (_node("dev", schema="dev"), TargetMatch.NO_NAMES),
        (_node("history", target_schema="history"), TargetMatch.NO_NAMES),
        (model("f"), TargetMatch.NO_NAMES),
    ],
)
def test_under_dbts_own_macro(tmp_path, node, expected):
    """Each node shows the target's schema, also beneath a schema of its own."""
    assert expected is _match(tmp_path, node)


def test_a_node_without_features_is_compared_too(tmp_path):
    """Where the feature views tell nothing, the other models do."""
    other = {**_node("dev", name="g"), "meta": {}}
    other["config"]["meta"] = {}

    assert TargetMatch.OTHER is _match(tmp_path, model("f"), other)


def test_under_a_macro_of_the_project_the_set_decides(tmp_path):
    """One schema of the set is the target's, in the nodes without a schema of their own."""
    nodes = _node("marts", name="f", schema="marts"), _node("prod", name="g")

    assert TargetMatch.SAME is _match(tmp_path, *nodes, macros=[OWN_MACRO])
    assert TargetMatch.OTHER is _match(
        tmp_path, *nodes, profile=_profile("dev"), macros=[OWN_MACRO], others=[_profile()]
    )


@pytest.mark.parametrize(
    ("ran", "typed", "expected"),
    [
        ({"target": "prod"}, True, TargetMatch.SAME),
        ({"target": "dev"}, True, TargetMatch.OTHER),
        ({"target": "dev"}, False, TargetMatch.OTHER),
        ({}, False, TargetMatch.SAME),
        ({}, True, TargetMatch.NO_FIT),
        (None, True, TargetMatch.NO_FIT),
    ],
)
def test_if_no_schema_fits_the_results_of_the_same_run_decide(tmp_path, ran, typed, expected):
    """`run_results.json` has the target where it was typed; else dbt took the default."""
    node = _node("marts", schema="marts")

    assert expected is _match(tmp_path, node, macros=[OWN_MACRO], ran=ran, typed=typed)


def test_the_results_of_another_run_are_ignored(tmp_path):
    """A later `dbt parse` writes the manifest and keeps the old results."""
    found = _match(
        tmp_path,
        _node("marts", schema="marts"),
        macros=["macro.shop.duckdb__generate_schema_name"],
        ran={"target": "dev"},
        invocation="b",
    )

    assert TargetMatch.NO_FIT is found


def test_another_adapter_is_another_target(tmp_path):
    """A manifest of DuckDB has no table of Snowflake."""
    assert TargetMatch.OTHER is _match(tmp_path, model("f"), adapter="snowflake")


@pytest.mark.parametrize(
    ("adapter", "settings", "node", "expected"),
    [
        ("postgres", {"dbname": "w", "schema": "p"}, _node("p"), TargetMatch.SAME),
        ("postgres", {"dbname": "w", "schema": "p"}, _node("P"), TargetMatch.OTHER),
        ("snowflake", {"database": "W", "schema": "P"}, _node("p"), TargetMatch.SAME),
        ("bigquery", {"project": "w", "dataset": "p"}, _node("p"), TargetMatch.SAME),
        ("bigquery", {"dataset": "p"}, _node("p"), TargetMatch.SAME),
        ("bigquery", {"project": "v", "dataset": "p"}, _node("p"), TargetMatch.OTHER),
        ("spark", {"schema": "p"}, _node("p", None), TargetMatch.SAME),
        ("spark", {"schema": "p"}, _node("d", None), TargetMatch.OTHER),
    ],
)
def test_each_adapter_names_its_places(tmp_path, adapter, settings, node, expected):
    """The profile's keys, and whether names differ by case, are the adapter's."""
    profile = _profile("prod", adapter, **settings)

    assert expected is _match(tmp_path, node, adapter=adapter, profile=profile)


@pytest.mark.parametrize(
    ("path", "database"),
    [
        ("data/shop.duckdb", "shop"),
        ("shop", "shop"),
        ("my.shop.duckdb", None),
        ("md:shop", None),
        ("", None),
    ],
)
def test_duckdb_names_its_database_after_the_file(path, database):
    """Where versions of dbt-duckdb differ, no name is compared."""
    profile = Profile("shop", "dev", "duckdb", {"path": path})

    assert TargetNames(database, "main", folds=True) == TargetNames.of(profile)
