"""A ledger beside the job: SELECT is enough, and the file is disposable."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from featurestore.errors import ProfileError, SyncError, SyncLocked, WarehouseUnavailable
from featurestore.warehouse.duckdb_ledger_file import open_ledger_file
from tests.support.sync_project import (
    NOW,
    PLANES,
    ROUTES,
    SyncProject,
    View,
    assert_parity,
    day,
)

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.read()"


@pytest.fixture
def project(tmp_path, redis_client):
    """A project with rows of two views, whose ledger is a file in a folder that does not exist."""
    project = SyncProject(tmp_path, PLANES, ROUTES, state="state/ledger.duckdb")
    project.insert(PLANES, *((f"N{n}", day(5), day(5), n, n, "x") for n in range(30)))
    project.insert(ROUTES, ("E", 1, day(3), "1.5"))
    return project


@pytest.fixture
def file(project):
    return project.folder / "state" / "ledger.duckdb"


def reasons(report):
    return {view.view: (view.full, view.reason) for view in report.views}


def test_the_warehouse_is_only_read(project, redis_server, file):
    """No table of ours is in it, and a role that may only read is enough."""
    with project.connect() as connection:
        before = {row[0] for row in connection.execute("SHOW TABLES").fetchall()}
    project.warehouse.chmod(0o444)

    project.store(redis_server).sync()

    with duckdb.connect(str(project.warehouse), read_only=True) as connection:
        assert before == {row[0] for row in connection.execute("SHOW TABLES").fetchall()}
    with duckdb.connect(str(file), read_only=True) as ledger:
        names = {row[0] for row in ledger.execute("SHOW TABLES").fetchall()}
    assert {"_featurestore_sync", "_featurestore_published__shop.plane_status"} <= names
    assert_parity(project, redis_server)


def test_without_its_file_a_sync_publishes_everything_and_says_so(project, redis_server, file):
    """Redis names the ledger: a run can tell a lost one from a first run."""
    store = project.store(redis_server)
    first = store.sync()
    assert "" == first.other_ledger
    assert str(file) in first.ledger
    file.unlink()

    with pytest.raises(
        SyncError, match=f"from an earlier ledger at {file} on .* gone, so this run would"
    ) as refused:
        project.store(redis_server).sync(require_ledger=True)
    foretold = project.store(redis_server).sync(dry_run=True)
    report = project.store(redis_server).sync()

    assert "--require-ledger" in refused.value.remedy
    assert first.ledger == report.other_ledger == foretold.other_ledger
    no_record = (True, "the ledger has no record of the publication")
    assert {"plane_status": no_record, "route_load": no_record} == reasons(report)
    assert reasons(foretold) == reasons(report)
    assert_parity(project, redis_server)
    again = project.store(redis_server).sync(require_ledger=True)
    assert ("", 0) == (again.other_ledger, sum(view.changed for view in again.views))


@pytest.mark.parametrize("state", ["", "ledger.duckdb"], ids=["in the warehouse", "beside the job"])
def test_rows_that_ended_expire_wherever_the_ledger_is(tmp_path, redis_server, redis_client, state):
    """They ended long ago, and long before their ttl would run out."""
    view = View("v", {"id": "INTEGER"}, {"x": "INTEGER"}, ends=True, own={"ttl": "30 days"})
    project = SyncProject(tmp_path, view, state=state)
    project.insert(view, (1, day(20), day(8), 10), (2, day(20), day(8), 20), (3, day(20), None, 30))
    project.store(redis_server, NOW - timedelta(days=10)).sync()
    project.execute("DELETE FROM v WHERE id = 2")

    (report,) = project.store(redis_server).sync().views

    assert (0, 1) == (report.written, report.deleted)
    assert_parity(project, redis_server)
    read = project.store(redis_server).get_online_features(["v:x"], {"id": [1, 2, 3]})
    assert ["EXPIRED", "NOT_FOUND", "PRESENT"] == [*map(str, read.statuses["x"])]


@pytest.mark.parametrize("full", [False, True], ids=["without its file", "full"])
def test_a_first_ttl_leaves_no_row_that_redis_keeps_for_ever(
    project, redis_server, redis_client, file, full
):
    """The rows were published without a ttl, and only the lost ledger knew it."""
    project.insert(ROUTES, *(("F", n, day(28), "2.5") for n in range(5)))
    project.store(redis_server).sync()
    file.unlink()
    project.declare(PLANES, ROUTES.but(ttl="5 days"))
    if full:
        project.store(redis_server).sync(["plane_status"])

    (report,) = project.store(redis_server).sync(["route_load"], full=full).views

    assert (1, 5) == (report.written, report.deleted)
    rows = redis_client.keys("fs:shop:route_load:*")
    assert [b"fs:shop:route_load:{E,1}"] == rows
    assert redis_client.pttl(rows[0]) > 0


def test_the_brake_holds_without_the_file(project, redis_server, file):
    """A table that lost its rows and a ledger that was lost too: Redis tells what would go."""
    project.store(redis_server).sync()
    file.unlink()
    project.execute("DELETE FROM plane_status")

    (reason,) = project.store(redis_server).sync().held_back.values()

    assert "a sync would delete all of its 30 rows from Redis" in reason


def test_status_and_verify_need_no_ledger(project, redis_server, file):
    """On another machine, Redis and the warehouse tell the states, the rows and the values."""
    store = project.store(redis_server)
    assert ["never published"] * 2 == [str(view.state) for view in store.status().views]
    store.sync()
    file.unlink()
    project.execute("UPDATE plane_status SET delay = 99 WHERE tailnum = 'N7'")

    status = project.store(redis_server).status()
    planes, routes = project.store(redis_server).verify(sample=None).views

    assert [("ok", "pass", 30), ("ok", "pass", 1)] == [
        (str(view.state), str(view.level), view.rows) for view in status.views
    ]
    assert str(file) in status.other_ledger
    assert (30, 1, 0) == (planes.checked, planes.differing, planes.unknown)
    assert (1, 0, 0) == (routes.checked, routes.differing, routes.unknown)
    assert not file.exists()


def test_a_reader_without_the_ledger_sees_an_unfinished_sync(
    project, redis_server, redis_client, file
):
    """A run that died left no epoch; a changed table has another schema."""
    project.store(redis_server).sync()
    file.unlink()
    redis_client.hdel("fs-meta:{shop}:view:route_load", "epoch")
    project.execute("ALTER TABLE plane_status ALTER seats TYPE BIGINT")

    status = project.store(redis_server).status()

    assert {"plane_status": "schema differs", "route_load": "interrupted"} == {
        view.view: str(view.state) for view in status.views
    }


def test_one_process_at_a_time_uses_a_ledger(project, redis_server, file):
    """The other is named, nothing is published, and status works meanwhile."""
    project.store(redis_server).sync()
    project.execute("UPDATE plane_status SET delay = -1")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        holder.stdout.readline()
        with pytest.raises(SyncLocked, match=rf"in use by .*PID {holder.pid}"):
            project.store(redis_server).sync()
        assert ["ok", "ok"] == [str(v.state) for v in project.store(redis_server).status().views]
    finally:
        holder.communicate()
    assert 30 == sum(view.changed for view in project.store(redis_server).sync().views)


READ = (
    "import duckdb, sys, time; c = duckdb.connect(sys.argv[1], read_only=True);"
    " print(flush=True); time.sleep(2)"
)


def test_a_sync_waits_for_those_that_only_read(project, redis_server, file):
    """A `status` in another process, or in another thread of this one, stops no sync."""
    project.store(redis_server).sync()
    with subprocess.Popen(
        [sys.executable, "-c", READ, str(file)], stdout=subprocess.PIPE
    ) as reader:
        reader.stdout.readline()
        project.store(redis_server).sync()
    here = duckdb.connect(str(file), read_only=True)
    closing = threading.Timer(1, here.close)
    closing.start()
    project.store(redis_server).sync()
    closing.join()


def test_status_works_while_a_thread_of_the_process_syncs(project, redis_server, file):
    """DuckDB refuses to open a file for reading where it is open for writing."""
    project.store(redis_server).sync()
    with duckdb.connect(str(file)):
        status = project.store(redis_server).status()
    assert ["ok", "ok"] == [str(view.state) for view in status.views]


def test_a_ledger_that_another_reads_for_long_is_refused(project, redis_server, file, monkeypatch):
    """The message names the reader, and gives no advice of the engine's."""
    monkeypatch.setattr("featurestore.warehouse.duckdb_ledger_file._PATIENCE_SECONDS", 0.1)
    project.store(redis_server).sync()
    with subprocess.Popen(
        [sys.executable, "-c", READ, str(file)], stdout=subprocess.PIPE
    ) as reader:
        reader.stdout.readline()
        with pytest.raises(SyncLocked, match=rf"in use by \S+ \(PID {reader.pid}\)\. Wait for it"):
            project.store(redis_server).sync()
    with (
        duckdb.connect(str(file), read_only=True),
        pytest.raises(SyncLocked, match="in use by this process"),
    ):
        project.store(redis_server).sync()


def test_threads_open_a_ledger_at_a_time(tmp_path):
    """DuckDB's reader of Arrow is there for each of them."""
    file, failures = tmp_path / "ledger.duckdb", []
    open_ledger_file(file, write=True).close()

    def read():
        try:
            with closing(open_ledger_file(file, write=False)) as ledger:
                ledger.stage("kept", f"SELECT * FROM {ledger.upload('own', pa.table({'a': [1]}))}")
        except Exception as error:  # noqa: BLE001, the thread's failure is the test's
            failures.append(error)

    for _ in range(20):
        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [] == failures


def test_a_folder_named_after_a_lock_is_no_lock(tmp_path, redis_server):
    """A damaged file is one for readers too, who would go on without a file that is in use."""
    folder = tmp_path / "clockwork"
    project = SyncProject(folder, ROUTES, state="ledger.duckdb")
    (folder / "ledger.duckdb").write_bytes(b"not a database" * 1000)
    for command in (project.store(redis_server).sync, project.store(redis_server).status):
        with pytest.raises(SyncError, match="not a valid DuckDB database") as refused:
            command()
        assert "delete it" in refused.value.remedy
    project.warehouse.write_bytes(b"not a database" * 1000)
    with pytest.raises(WarehouseUnavailable, match="Cannot open the warehouse file"):
        project.store(redis_server).sync()


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="Linux alone has it")
def test_a_place_without_the_right_to_write_is_no_damage(tmp_path, redis_server):
    """The remedy is another place, not to delete a file."""
    project = SyncProject(tmp_path, ROUTES, state="/sys/ledger.duckdb")
    with pytest.raises(SyncError, match=r"Cannot create the ledger /sys/ledger\.duckdb") as refused:
        project.store(redis_server).sync()
    assert "may write to" in refused.value.remedy


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from featurestore.warehouse.duckdb_ledger_file import open_ledger_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
open_ledger_file(Path(sys.argv[1]), write=True)
"""


def test_a_full_disk_leaves_no_half_of_a_ledger(project, redis_server, file):
    """The next sync creates another one by itself."""
    words = [sys.executable, "-c", FULL_DISK, str(file)]
    failed = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "Cannot open the ledger" in failed.stderr
    assert [] == [*file.parent.iterdir()]

    project.store(redis_server).sync()
    assert_parity(project, redis_server)


def test_a_damaged_file_is_refused_with_the_remedy(project, redis_server, file):
    """It is disposable: without it, the next sync publishes all rows."""
    project.store(redis_server).sync()
    file.write_bytes(b"not a database, and long enough to be none" * 100)

    with pytest.raises(SyncError, match="Cannot open the ledger") as refused:
        project.store(redis_server).sync()

    assert "delete it" in refused.value.remedy
    file.unlink()
    project.store(redis_server).sync()
    assert_parity(project, redis_server)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"state": 7}, "state in .* is 7, not a text"),
        ({"state": " "}, "state in .* is ' ', not a text"),
        ({"state": "l.duckdb", "state_schema": "x"}, "state_schema in .* needs `state: warehouse`"),
    ],
)
def test_a_wrong_place_is_refused(project, redis_server, own, message):
    settings = {"name": "shop", "profile": "shop", "vars": {"featurestore": own}}
    (project.folder / "dbt_project.yml").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(ProfileError, match=message):
        project.store(redis_server).sync()
