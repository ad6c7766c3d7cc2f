"""This repository as a dbt package: another project gets its macros and tests, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from featurestore import FeatureStore
from tests.support.example_fixture import ROOT, dbt

pytestmark = [pytest.mark.whole, pytest.mark.xdist_group("dbt")]

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
    shutil.copytree(ROOT / "tests" / "macros" / "consumer_project", folder)
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
    assert re.search(r"Done\. PASS=14 WARN=0 ERROR=0 SKIP=0", consumer.build)
    assert "[WARNING]" not in consumer.build
    assert "Deprecat" not in consumer.build
    assert "invalid type" not in consumer.build


def test_only_its_own_resources_are_listed(consumer):
    """`dbt ls` shows the project's seeds, models and tests, and nothing of the package."""
    listed = consumer.listed.split()

    assert 3 + 6 + 5 == len(listed)
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
    """The warehouse holds the project's own tables and nothing else."""
    tables = consumer.query("select table_name from information_schema.tables")
    files = [*consumer.folder.glob("seeds/*"), *consumer.folder.glob("models/*/*.sql")]

    assert {file.stem for file in files} - {"careless_features"} == {name for (name,) in tables}


def test_the_macros_come_along(consumer):
    """The package's macros are there, with their documentation."""
    macros = consumer.manifest["macros"]

    assert "Aggregates the rows" in macros["macro.featurestore.trailing_window"]["description"]


def test_the_window_is_open_at_its_start(consumer):
    """A row exactly as old as the window is out; rows at one instant are all in."""
    columns = "customer_id, spent_1h, spent_30d, order_count_30d"
    rows = consumer.query(f"select {columns} from customer_features order by all")

    assert [
        (1, 10, 10, 1),
        (1, 30, 30, 2),
        (1, 60, 70, 3),
        (2, 80, 80, 1),
        (3, 5, 5, 1),
        (3, 6, 11, 2),
        (3, 7, 13, 2),
        (5, 17, 17, 2),
    ] == rows


FEATURES = ["customer_features:spent_30d", "customer_features:order_count_30d"]
NOW = datetime(2024, 5, 20, tzinfo=UTC)
EXPECTED = {
    1: (Decimal("70.00"), 3),
    2: (Decimal("80.00"), 1),
    3: (Decimal("13.00"), 2),
    4: (None, None),
    5: (Decimal("17.00"), 2),
}
"""What each customer spent and ordered, as known in May; the fourth never came."""


def test_its_features_take_less_than_ten_lines(consumer):
    """All that the project says about features is one short yml."""
    said = [
        path
        for path in consumer.folder.glob("models/**/*.yml")
        if "featurestore:" in path.read_text(encoding="utf-8")
    ]
    lines = said[0].read_text(encoding="utf-8").splitlines()

    assert ["customer_features.yml"] == [path.name for path in said]
    assert 9 >= len(lines)


def test_its_features_are_trained_on(consumer):
    """The customers get what was known then: on the first of May less than later."""
    job = FeatureStore(consumer.folder).get_historical_features(
        "select customer_id, instant as event_timestamp from stg_customers cross join"
        " (values (timestamp '2024-05-01 10:59:59'), (timestamp '2024-05-20')) as t (instant)",
        FEATURES,
    )
    rows = [
        (row["customer_id"], row["event_timestamp"].day, row["spent_30d"], row["order_count_30d"])
        for row in job.to_arrow().to_pylist()
    ]
    early = {1: (Decimal("30.00"), 2), 3: (Decimal("11.00"), 2)}

    assert sorted(
        [(customer, 20, *EXPECTED[customer]) for customer in EXPECTED]
        + [(customer, 1, *early.get(customer, (None, None))) for customer in EXPECTED]
    ) == sorted(rows)


def test_its_features_are_synced(consumer, redis_server, redis_client):
    """A sync publishes them, and the online store gives what the training set had."""
    store = FeatureStore(consumer.folder, redis_url=redis_server, now=NOW)

    store.sync()
    served = store.get_online_features(
        FEATURES, entity_rows=[{"customer_id": customer} for customer in EXPECTED]
    ).to_dict()

    assert list(EXPECTED.values()) == list(
        zip(served["spent_30d"], served["order_count_30d"], strict=True)
    )


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
    assert "'2 fortnights' is not a duration. Write a positive number of seconds" in result.stdout
