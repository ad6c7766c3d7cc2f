"""The batches that dbt has run are known from the SQL that it wrote for each of them."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from featurestore.project.batch_files import RunBatch, run_batches
from featurestore.project.manifest import load_manifest
from featurestore.project.nodes import Node, NodeConfig
from featurestore.project.run_results import rebuilt_at
from tests.support.example_fixture import dbt

MODEL = """
{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='seen_at',
          batch_size='day', begin='2024-03-01', meta={'featurestore': {'entities': {}}}) }}
select timestamp '2024-03-02 05:00' as seen_at, 1.5 as delay
"""
AT = datetime(2024, 3, 9, 7, tzinfo=UTC)


@pytest.mark.whole
@pytest.mark.xdist_group("dbt")
def test_a_backfill_is_known_after_another_command_of_dbt(tmp_path):
    """`dbt test` replaces run_results.json, and leaves the SQL of the batches."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "planes.sql").write_text(MODEL)
    (tmp_path / "dbt_project.yml").write_text(json.dumps({"name": "shop", "profile": "shop"}))
    target = {"type": "duckdb", "path": "shop.duckdb"}
    profiles = {"shop": {"target": "dev", "outputs": {"dev": target}}}
    (tmp_path / "profiles.yml").write_text(json.dumps(profiles))
    started = datetime.now(UTC) - timedelta(seconds=2)
    backfill = ("--event-time-start", "2024-03-02", "--event-time-end", "2024-03-04")

    assert dbt(tmp_path, "run", *backfill).returncode == 0
    artifacts = tmp_path / "target"
    assert rebuilt_at(artifacts) is not None
    assert dbt(tmp_path, "test").returncode == 0

    assert rebuilt_at(artifacts) is None
    (node,) = load_manifest(artifacts / "manifest.json").tagged()
    found = run_batches(node, artifacts)
    days = [datetime(2024, 3, day, tzinfo=UTC) for day in (2, 3)]
    assert days == [batch.start for batch in found]
    assert all(batch.run_at >= started for batch in found)


@pytest.mark.parametrize(
    ("size", "name", "start"),
    [
        ("hour", "planes_2024-03-02T05.sql", datetime(2024, 3, 2, 5, tzinfo=UTC)),
        ("day", "planes_2024-03-02.sql", datetime(2024, 3, 2, tzinfo=UTC)),
        ("month", "planes_2024-03.sql", datetime(2024, 3, 1, tzinfo=UTC)),
        ("year", "planes_2024.sql", datetime(2024, 1, 1, tzinfo=UTC)),
    ],
)
def test_each_length_of_a_batch_has_a_name(tmp_path, size, name, start):
    """Another file in the folder is not a batch."""
    folder = tmp_path / "run" / "shop" / "models" / "deep" / "planes"
    folder.mkdir(parents=True)
    for file in (name, "planes_notes.sql", "other.sql"):
        (folder / file).write_text("select 1")
        os.utime(folder / file, (AT.timestamp(), AT.timestamp()))
    node = Node(
        unique_id="model.shop.planes",
        name="planes",
        resource_type="model",
        package_name="shop",
        original_file_path="models/deep/planes.sql",
        config=NodeConfig(batch_size=size),
    )

    assert (RunBatch(start, AT),) == run_batches(node, tmp_path)
    assert () == run_batches(node, tmp_path / "another machine")
