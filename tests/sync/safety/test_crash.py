"""A sync that dies at any instant: readers see whole rows throughout, and the next run heals it."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest
import redis

from featurestore.demo.server import embedded_server
from featurestore.errors import OnlineStoreUnavailable, WarehouseError
from tests.support.sync_project import NOW, SyncProject, View, assert_parity

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[3]
LOCK = "fs-meta:{shop}:lock"
METADATA_KEYS = 4
ENTITIES = 30_000
KILLS = 12
BIG = View(
    "big",
    {"id": "BIGINT"},
    {"a": "BIGINT", "b": "DOUBLE", "c": "VARCHAR"},
    created=True,
    own={"ttl": "400 days"},
)
UNFINISHED = "the last sync did not finish it"


def big_project(folder, entities, state=""):
    """Return a project whose rows repeat the number of their round in every feature."""
    project = SyncProject(folder, BIG, state=state)
    project.execute(
        "INSERT INTO big SELECT range, TIMESTAMP '2024-01-01', TIMESTAMP '2024-01-01', 0, 0, '0'"
        f" FROM range({entities})"
    )
    return project


def restate(project, number, share=2):
    """Give every so many-th row the values of a new round."""
    project.execute(
        f"UPDATE big SET a = {number}, b = {number}, c = repeat('{number}', {number}),"
        f" written_at = written_at + INTERVAL {number} MINUTE"
        f" WHERE id % {share} = {number % share}"
    )


def command(project, url, *options):
    """Return the command that syncs the project in a process of its own."""
    words = [sys.executable, "-m", "sync", "--project-dir", str(project.folder), "--quiet"]
    return [*words, "--redis-url", url, "--now", NOW.isoformat(), *options]


def environment(project):
    """Return an environment in which processes compile modules but once, wherever tests run."""
    others = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**others, "PYTHONPYCACHEPREFIX": str(project.folder.parent / "bytecode")}


def run(project, url, *options):
    """Sync in a process of its own, to its end."""
    return subprocess.run(
        command(project, url, *options),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(project),
        check=False,
    )


def kill_after(project, url, client, seconds, *options):
    """Sync in a process of its own, and kill it some time after it took the lock."""
    words = command(project, url, *options)
    with subprocess.Popen(words, cwd=ROOT, env=environment(project)) as process:
        while not client.exists(LOCK) and process.poll() is None:
            time.sleep(0.005)
        time.sleep(seconds)
        process.kill()
    # As it would within a minute by itself.
    client.delete(LOCK)
    return process.returncode


def assert_healed(project, url, client, entities):
    """Check the law on a sample, and that nothing else is there."""
    chosen = random.Random(0).sample(range(entities), min(entities, 500))
    assert_parity(project, url, keys=pa.table({"id": pa.array(chosen, pa.int64())}))
    assert entities + METADATA_KEYS == client.dbsize()


class Reader(threading.Thread):
    """Reads all the while, and keeps what should not be."""

    def __init__(self, project, url, entities):
        super().__init__(daemon=True)
        self.store = project.store(url)
        self.entities = entities
        self.reads = 0
        self.wrong = []
        self.done = threading.Event()

    def run(self):
        """Read until told to stop."""
        chance = random.Random(1)
        while not self.done.wait(0.01):
            ids = [chance.randrange(self.entities) for _ in range(20)]
            try:
                found = self.store.get_online_features(["big:*"], {"id": ids}).values
            except Exception as error:  # noqa: BLE001, the test reports any error
                self.wrong.append(error)
                return
            for a, b, c in zip(found["a"], found["b"], found["c"], strict=True):
                if a is None or b != a or c != (str(a) * a if a else "0"):
                    self.wrong.append((a, b, c))
            self.reads += 1


@contextlib.contextmanager
def reading(project, url, entities):
    """Read on another thread for the length of a block; no row may be missing or torn."""
    reader = Reader(project, url, entities)
    reader.start()
    try:
        yield
    finally:
        reader.done.set()
        reader.join()
    assert [] == reader.wrong
    assert reader.reads > 0


@pytest.mark.parametrize("state", ["", "ledger.duckdb"], ids=["in the warehouse", "beside the job"])
def test_a_sync_killed_at_any_instant_is_healed_by_the_next(
    tmp_path, redis_server, redis_client, state
):
    """Full or incremental, the row that a reader gets is whole and there; then the law holds."""
    project = big_project(tmp_path, ENTITIES, state)
    started = time.monotonic()
    report = project.store(redis_server).sync()
    duration = time.monotonic() - started
    assert ENTITIES == report.views[0].written
    chance = random.Random(7)
    killed = 0
    with reading(project, redis_server, ENTITIES):
        for number in range(1, KILLS + 1):
            restate(project, number)
            options = ("--full",) if number % 3 == 0 else ()
            delay = chance.random() * duration * (1.2 if options else 0.5)
            code = kill_after(project, redis_server, redis_client, delay, *options)
            killed += code == -9
            if number % 4 == 0:
                report = project.store(redis_server).sync()
                assert report.views[0].reason in {UNFINISHED, ""}
                assert_healed(project, redis_server, redis_client, ENTITIES)
    assert 0 == project.store(redis_server).sync().views[0].changed
    assert killed >= KILLS / 3


def test_a_first_sync_that_is_killed_is_healed(tmp_path, redis_server, redis_client):
    """Nothing was ever published whole; the next run publishes all of it."""
    project = big_project(tmp_path, 30_000)
    kill_after(project, redis_server, redis_client, 0.1)
    project.store(redis_server).sync()
    assert_healed(project, redis_server, redis_client, 30_000)


def small_batches(action):
    """Return a progress callback that acts once, when the first rows have been sent."""
    done = []

    def progress(event):
        if not done:
            done.append(event)
            assert event.done < event.total
            action()

    return progress


@pytest.mark.parametrize("first", [True, False], ids=["first sync", "incremental"])
def test_a_server_killed_during_a_run_is_filled_by_the_next(tmp_path, first):
    """One clear error; an empty server in its place is filled again."""
    project = big_project(tmp_path / "project", 30_000)
    with embedded_server(tmp_path) as url, redis.Redis.from_url(url) as client:
        if not first:
            project.store(url).sync()
            restate(project, 1, share=1)
        process = client.info("server")["process_id"]
        with pytest.raises(OnlineStoreUnavailable, match="cannot be reached") as caught:
            project.store(url).sync(progress=small_batches(lambda: os.kill(process, 9)))
        assert 3 == caught.value.exit_code
    with embedded_server(tmp_path) as url, redis.Redis.from_url(url) as client:
        report = project.store(url).sync()
        assert UNFINISHED == report.views[0].reason
        assert_healed(project, url, client, 30_000)


def test_a_server_out_of_memory_is_named_and_healed_once_it_has_room(tmp_path):
    """One line on stderr, exit 1, no torn row; the next run publishes everything."""
    project = big_project(tmp_path / "project", 30_000)
    options = ("--maxmemory", "4mb", "--maxmemory-policy", "noeviction")
    with embedded_server(tmp_path, *options) as url, redis.Redis.from_url(url) as client:
        result = run(project, url)
        assert (1, 1) == (result.returncode, len(result.stderr.strip().splitlines()))
        assert "used memory > 'maxmemory'" in result.stderr
        assert not client.exists(LOCK)
        published = set(client.scan_iter(match="fs:*", count=1000))
        assert 0 < len(published) < 30_000
        client.config_set("maxmemory", "0")
        report = project.store(url).sync()
        assert UNFINISHED == report.views[0].reason
        assert_healed(project, url, client, 30_000)


@pytest.mark.parametrize("state", ["", "ledger.duckdb"], ids=["in the warehouse", "beside the job"])
@pytest.mark.parametrize("full", [False, True], ids=["incremental", "full"])
def test_a_query_that_fails_half_way_loses_nothing(
    tmp_path, redis_server, redis_client, full, state
):
    """A model that is a view, and fails for some row: what was published stays, and is read."""
    project = big_project(tmp_path, 3000, state)
    columns = "id, observed_at, written_at, a, {b} AS b, c"
    project.execute(
        "ALTER TABLE big RENAME TO source",
        f"CREATE VIEW big AS SELECT {columns.format(b='b')} FROM source",
    )
    project.store(redis_server).sync()
    before = rows(project, redis_server)
    project.execute("UPDATE source SET a = 1, b = 1, c = '1'")
    broken = "CASE WHEN id = 2900 THEN CAST(error('no such rate') AS DOUBLE) ELSE b END"
    project.execute(f"CREATE OR REPLACE VIEW big AS SELECT {columns.format(b=broken)} FROM source")
    with pytest.raises(WarehouseError, match="no such rate"):
        project.store(redis_server).sync(full=full)
    assert before == rows(project, redis_server)
    result = run(project, redis_server)
    assert (1, 1) == (result.returncode, len(result.stderr.strip().splitlines()))
    assert "no such rate" in result.stderr
    project.execute(f"CREATE OR REPLACE VIEW big AS SELECT {columns.format(b='b')} FROM source")
    project.store(redis_server).sync()
    assert_healed(project, redis_server, redis_client, 3000)


def rows(project, url):
    ids = list(range(0, 3000, 7))
    return project.store(url).get_online_features(["big:*"], {"id": ids}).values


def test_a_process_syncs_to_its_end(tmp_path, redis_server, redis_client):
    """`python -m sync` publishes, and a second one has nothing to do; both exit with 0."""
    project = big_project(tmp_path, 100)
    for _ in range(2):
        result = run(project, redis_server)
        assert (0, "", "") == (result.returncode, result.stdout, result.stderr)
        assert_healed(project, redis_server, redis_client, 100)
