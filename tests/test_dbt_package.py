"""This repository as a dbt package: another project gets its macros and tests, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from featurestore import FeatureStore
from tests.example_fixture import ROOT, dbt

pytestmark = pytest.mark.xdist_group("dbt")

RESOURCES = (
    "nodes",
    "sources",
    "exposures",
    "metrics",
    "unit_tests",
    "semantic_models",
    "saved_queries",
)


@dataclass(frozen=True)
class Consumer:
    """Another project, with what dbt said about it."""

    folder: Path
    deps: str
    build: str
    listed: str

    @property
    def manifest(self):
        """Return dbt's manifest of the last command."""
        return json.loads((self.folder / "target" / "manifest.json").read_text(encoding="utf-8"))

    def query(self, sql):
        """Return the rows of a query on its warehouse."""
        with duckdb.connect(str(self.folder / "shop.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()


def _run(folder, *arguments):
    result = dbt(folder, *arguments)
    assert 0 == result.returncode, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """Install the package in another project, and build that."""
    folder = tmp_path_factory.mktemp("consumer") / "shop"
    shutil.copytree(ROOT / "tests" / "consumer_project", folder)
    (folder / "packages.yml").write_text(f"packages:\n  - local: {ROOT}\n", encoding="utf-8")
    return Consumer(
        folder,
        deps=_run(folder, "deps"),
        build=_run(folder, "build", "--exclude", "tag:careless"),
        listed=_run(folder, "ls", "--quiet", "--exclude", "tag:careless"),
    )


def test_the_project_builds_without_a_warning(consumer):
    """A project with this package is built and tested, and dbt has nothing to say about it."""
    assert "Installed from <local" in consumer.deps
    assert re.search(r"Done\. PASS=4 WARN=0 ERROR=0 SKIP=0", consumer.build)
    assert "[WARNING]" not in consumer.build
    assert "Deprecat" not in consumer.build


def test_only_its_own_resources_are_listed(consumer):
    """`dbt ls` shows the project's two models and two tests, and nothing of the package."""
    listed = consumer.listed.split()

    assert 4 == len(listed)
    assert [] == [name for name in listed if not name.startswith("shop.")]


@pytest.mark.parametrize("kind", RESOURCES)
def test_nothing_but_macros_leaks(consumer, kind):
    """No model, source, exposure, test or hook of the package is in the manifest."""
    assert [] == [name for name in consumer.manifest[kind] if ".featurestore." in name]


def test_the_groups_of_the_example_stay_empty(consumer):
    """Groups cannot be turned off in dbt: the two names come along, and hold nothing."""
    members = consumer.manifest["group_map"]

    assert {"flight_operations": [], "meteorology": []} == members


def test_no_relation_of_the_package_is_built(consumer):
    """The warehouse holds the project's two tables and nothing else."""
    tables = consumer.query("select table_name from information_schema.tables order by all")

    assert [("customer_features",), ("stg_shop__orders",)] == tables


def test_the_macros_come_along(consumer):
    """The package's macros are there, with their documentation."""
    macros = consumer.manifest["macros"]

    assert "Aggregates the rows" in macros["macro.featurestore.trailing_window"]["description"]


def test_the_window_is_open_at_its_start(consumer):
    """A row exactly one hour old is out of a window of one hour, a row half an hour old is in."""
    rows = consumer.query("select customer_id, amount_1h from customer_features order by all")

    assert [(1, 10), (1, 30), (1, 60), (2, 80)] == rows


def test_the_registry_sees_the_project_alone(consumer):
    """The store of the project holds its view, and none of the example's."""
    registry = FeatureStore(consumer.folder).registry

    assert ["customer_features"] == list(registry.feature_views)
    assert ["customer"] == list(registry.entities)
    assert [] == list(registry.feature_services)


def test_generic_tests_fail_on_bad_rows(consumer):
    """A doubled instant fails one test, a future event the other; each counts its rows alone."""
    result = dbt(consumer.folder, "build", "--select", "tag:careless")

    assert 1 == result.returncode
    assert re.search(r"FAIL 1 careless_duplicate ", result.stdout)
    assert re.search(r"FAIL 1 careless_future ", result.stdout)
    assert re.search(r"PASS careless_future_but_allowed ", result.stdout)


def test_a_bad_window_is_a_clear_error(consumer, tmp_path):
    """A length that is none stops dbt, with the value, the remedy and the model's name."""
    folder = tmp_path / "shop"
    shutil.copytree(consumer.folder, folder, symlinks=True)
    (folder / "models" / "fortnightly.sql").write_text(
        "select {{ featurestore.trailing_window('sum(x)', 'k', 't', '2 fortnights') }} from y"
    )

    result = dbt(folder, "parse")

    assert 2 == result.returncode
    assert "Compilation Error in model fortnightly" in result.stdout
    assert "'2 fortnights' is no length of a window. Write it as '7 days'" in result.stdout
