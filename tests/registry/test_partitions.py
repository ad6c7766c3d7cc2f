"""A table that is not partitioned by its event timestamp is read whole, or cannot be read."""

from __future__ import annotations

import json

import pytest

from featurestore import FeatureStore
from featurestore.project.nodes import Node, NodeConfig
from featurestore.registry.partitions import partition_problems
from tests.support.builders import manifest_json, model, view

BY_DAY = {"field": "event_date", "data_type": "date", "granularity": "day"}
BY_EVENT = {"field": "Observed_At", "data_type": "timestamp", "granularity": "hour"}
BY_INGESTION = {**BY_EVENT, "time_ingestion_partitioning": True}


def test_validate_reports_it_without_a_connection(tmp_path):
    """The manifest says all that is needed."""
    (tmp_path / "target").mkdir()
    planes = model(
        columns={"tailnum": "string", "observed_at": "timestamp", "delay": "float64"},
        config={"partition_by": BY_DAY, "require_partition_filter": True},
    )
    profiles = {"shop": {"target": "dev", "outputs": {"dev": {"type": "bigquery"}}}}
    for name, content in (
        ("dbt_project.yml", {"name": "shop", "profile": "shop"}),
        ("profiles.yml", profiles),
        ("target/manifest.json", manifest_json(planes, adapter="bigquery")),
    ):
        # JSON is YAML.
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")

    found = FeatureStore(tmp_path).validate(connect=False, lint=False)

    assert [("plane_features", "error")] == [(each.resource, each.severity) for each in found]
    assert "partitioned by 'event_date'" in found[0].message


def problems(partition_by, demanded=None, dialect="bigquery"):
    """Return the severity and the words of each problem."""
    config = NodeConfig(partition_by=partition_by, require_partition_filter=demanded)
    node = Node(unique_id="model.shop.v", name="v", resource_type="model", config=config)
    declared = view(event_timestamp="observed_at")
    found = partition_problems(node, declared, dialect)
    return [(problem.severity, problem.message, problem.remedy) for problem in found]


@pytest.mark.parametrize("partition_by", [None, BY_EVENT, [BY_DAY], "event_date"])
def test_no_word_about_the_event_timestamp_or_other_forms(partition_by):
    """The bounds of a statement skip these partitions; names differ in case."""
    assert [] == problems(partition_by, demanded=True)


def test_another_warehouse_skips_files_by_the_values_of_every_column():
    """Partitions are not all that it can skip."""
    assert [] == problems(BY_DAY, demanded=True, dialect="databricks")


@pytest.mark.parametrize(
    ("partition_by", "named"),
    [(BY_DAY, "by 'event_date', not by"), (BY_INGESTION, "by the time of ingestion, not by")],
)
def test_a_demanded_filter_on_another_column_is_an_error(partition_by, named):
    """BigQuery would refuse the statements; without the demand it reads everything."""
    ((severity, message, remedy),) = problems(partition_by, demanded=True)
    ((mild, told, other),) = problems(partition_by)

    assert ("error", "warning") == (severity, mild)
    assert named in message
    assert "BigQuery refuses every statement" in message
    assert "remove `require_partition_filter`" in remedy
    assert "reads, and bills, all of its partitions" in told
    assert "partition_by: {field: observed_at" in other
