"""Inside `with FeatureStore() as store:` a DuckDB file stays open, for readers of this process."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import duckdb
import pyarrow as pa
import pytest

from featurestore import FeatureStore
from featurestore.errors import RelationNotBuilt, WarehouseUnavailable
from tests.support.builders import COLUMNS, ROW, Table, model, tiny_project

HISTORY = Table(COLUMNS, [(f"N{n}", "2024-02-01", float(n)) for n in range(20)])
FEATURES = "plane_features:delay"
WRITE = "import sys, duckdb; duckdb.connect(sys.argv[1]).execute('CREATE SCHEMA IF NOT EXISTS s')"


@pytest.fixture
def store(tmp_path):
    """Return a store of one view."""
    return tiny_project(tmp_path, [model()], {"plane_features": HISTORY})


def another_process_writes(store):
    """Return whether another process can write to the warehouse now."""
    path = str(store.project.folder / "warehouse.duckdb")
    done = subprocess.run([sys.executable, "-c", WRITE, path], capture_output=True, check=False)
    return done.returncode == 0


def delays(store, entity_df=ROW):
    """Return the values of a training set."""
    return store.get_historical_features(entity_df, FEATURES).to_arrow()["delay"].to_pylist()


def test_the_file_is_open_from_the_first_read_to_the_end_of_the_block(store):
    """Other processes can write before the first read and after the block, not in between."""
    with store as entered:
        assert entered is store
        assert another_process_writes(store)
        assert [1.0] == delays(store)
        assert not another_process_writes(store)

    assert another_process_writes(store)
    assert [1.0] == delays(store)
    assert another_process_writes(store)


def test_an_error_ends_the_block_too(store):
    """A block that ends with an error closes the file too."""
    with pytest.raises(RelationNotBuilt), store:
        delays(store, "nowhere")

    assert another_process_writes(store)


def test_closing_frees_the_file_and_the_next_read_takes_it_again(store):
    """`close()` within the block lets other processes write at once."""
    with store:
        delays(store)
        store.close()
        assert another_process_writes(store)
        assert [1.0] == delays(store)
        assert not another_process_writes(store)


def test_the_store_itself_may_write_within_the_block(store):
    """A write of the store closes its kept connection, and the next read sees the new rows."""
    with store:
        job = store.get_historical_features(ROW, FEATURES)
        assert 1 == job.to_table("main.training_set")
        with store.warehouse() as warehouse:
            found = warehouse.stream("FROM main.training_set").read_all()
        assert [1.0] == found["delay"].to_pylist()
        assert 1 == job.to_table("main.training_set")
    assert another_process_writes(store)


def test_a_job_outlives_the_block(store):
    """A job of the block can be built after it, and leaves the file closed."""
    with store:
        job = store.get_historical_features(ROW, FEATURES)

    assert 1 == job.to_arrow().num_rows
    assert another_process_writes(store)


def test_threads_share_a_store(store):
    """Each operation has its own connection, so uploaded frames of one name do not collide."""

    def ask(number):
        frame = {"tailnum": [f"N{number}"], "event_timestamp": [datetime(2024, 3, 1, tzinfo=UTC)]}
        return delays(store, pa.table(frame))

    with store, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, [*range(20)] * 3))

    assert [[float(number)] for number in range(20)] * 3 == found
    assert another_process_writes(store)


def test_nothing_is_opened_by_the_block_itself(tmp_path):
    """A store that is never used reads neither the project nor the warehouse."""
    with FeatureStore(tmp_path):
        pass


def test_a_warehouse_that_is_locked_is_tried_again(store):
    """A block that begins while dbt writes can read once dbt has finished."""
    path = str(store.project.folder / "warehouse.duckdb")
    with store:
        with duckdb.connect(path), pytest.raises(WarehouseUnavailable):
            delays(store)
        assert [1.0] == delays(store)
