"""A training set far larger than the memory it may use: DuckDB spills, and the job finishes."""

from __future__ import annotations

import json
import subprocess
import sys

import duckdb
import pytest

from benchmarks.point_in_time.data import SPILL, TTL_DAYS, make
from tests.support.example_fixture import ROOT

pytestmark = pytest.mark.slow

LIMIT_GB = 4
BUILD = """
import json, resource, sys
from featurestore import FeatureStore

folder, output = sys.argv[1:]
rows = FeatureStore(folder).get_historical_features("entity_rows", "v0:*").to_parquet(output)
print(json.dumps([rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Make the data once, and a target that may use little memory."""
    folder = tmp_path_factory.mktemp("spill")
    make(SPILL, folder, parquet=False)
    target = {
        "type": "duckdb",
        "path": "warehouse.duckdb",
        "config_options": {"threads": 2},
        "settings": {"memory_limit": f"{LIMIT_GB}GB", "temp_directory": str(folder / "spilled")},
    }
    profile = {"bench": {"target": "dev", "outputs": {"dev": target}}}
    (folder / "profiles.yml").write_text(json.dumps(profile))
    return folder


def test_a_training_set_larger_than_memory_is_whole(folder):
    """Every entity row comes back once, with its values, in a process that stays small."""
    output = folder / "training.parquet"

    built = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder), str(output)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == built.returncode, built.stderr
    rows, peak_gb = json.loads(built.stdout)
    assert SPILL.entity_rows == rows
    # The limit is DuckDB's own; the interpreter and the Arrow libraries come on top of it.
    assert peak_gb < LIMIT_GB + 1.5
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        ids = connection.execute(
            "SELECT count(DISTINCT row_id), count(a0) FROM read_parquet(?)", [str(output)]
        ).fetchone()
        assert (SPILL.entity_rows, _expected(connection)) == ids


def _expected(connection):
    """Count the entity rows that have a row of the view within the ttl, without ranking any."""
    return connection.execute(
        f"""SELECT count(*) FROM entity_rows AS s WHERE EXISTS (
              SELECT 1 FROM v0 AS f WHERE f.entity_id = s.entity_id
              AND f.event_ts <= s.event_timestamp
              AND f.event_ts >= s.event_timestamp - INTERVAL {TTL_DAYS} DAY)"""
    ).fetchone()[0]
