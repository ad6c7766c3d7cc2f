"""A cluster in trouble for minutes: after any trouble of it or of a sync, the next run heals it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time

import pyarrow as pa
import pytest
from redis.crc import key_slot

from featurestore.errors import SyncError
from featurestore.online.redis.connection import client
from sync import job
from sync.redis.key_scan import keys_with
from tests.support.cluster_fixture import SLOTS, Server, free_port, running_cluster, until
from tests.support.sync_project import assert_parity, rows_in_redis
from tests.sync.safety.test_crash import (
    LOCK,
    ROOT,
    big_project,
    command,
    environment,
    kill_after,
    reading,
    restate,
)

pytestmark = pytest.mark.slow

ENTITIES = 20_000
METADATA_SLOT = key_slot(b"fs-meta:{shop}:views")


@pytest.fixture
def cluster(tmp_path):
    """Run a cluster."""
    with running_cluster(tmp_path / "cluster") as running:
        yield running


@pytest.fixture
def project(tmp_path, cluster):
    """Return a project that is published there."""
    made = big_project(tmp_path / "project", ENTITIES)
    made.store(cluster.url).sync()
    return made


def assert_healed(project, cluster):
    """Check the law on a sample, and that there are as many rows as there should be."""
    chosen = random.Random(0).sample(range(ENTITIES), 500)
    assert_parity(project, cluster.url, keys=pa.table({"id": pa.array(chosen, pa.int64())}))
    with project.connect() as connection:
        (count,) = connection.execute("SELECT count(DISTINCT id) FROM big").fetchone()
    with client(cluster.url) as connection:
        # A plain walk misses what a slot carries past it.
        assert count == len(set(keys_with(connection, "fs:shop:")))


def change(project, chance, number):
    """Restate some rows, and now and then take some away, or bring them back."""
    restate(project, number % 9 + 1, chance.choice([1, 2, 7]))
    if number % 3 == 1:
        project.execute(f"DELETE FROM big WHERE id % 11 = {number % 11}")


def test_syncs_die_at_random_instants(project, cluster):
    """Readers see whole rows all the while."""
    chance = random.Random(1)
    with reading(project, cluster.url, ENTITIES):
        for number in range(15):
            restate(project, number % 9 + 1, chance.choice([1, 2, 7]))
            kill_after(project, cluster.url, cluster.client(), chance.random() * 0.8)
            project.store(cluster.url).sync()
            assert_healed(project, cluster)


def test_slots_move_all_the_while(project, cluster):
    """Rows are neither lost nor left behind, and readers never notice."""
    chance, done, moved, failed = random.Random(2), threading.Event(), [], []

    def move():
        try:
            while not done.is_set():
                slot = chance.randrange(SLOTS)
                cluster.move(slot, (cluster.owner(slot) + chance.choice([1, 2])) % 3)
                moved.append(slot)
        except Exception as error:  # noqa: BLE001, the test reports any error
            failed.append(error)

    moving = threading.Thread(target=move, daemon=True)
    moving.start()
    try:
        for number in range(20):
            change(project, chance, number)
            project.store(cluster.url).sync(full=number % 4 == 3)
            assert_healed(project, cluster)
    finally:
        done.set()
        moving.join()
    assert not failed
    assert len(moved) > 100
    found = {key.decode() for node in cluster.nodes for key in node.client().scan_iter("fs:shop:*")}
    assert rows_in_redis(cluster.url, "shop") == found
    assert_healed(project, cluster)
    assert project.store(cluster.url).verify(sample="all").good


@pytest.mark.parametrize("trouble", ["restarted empty", "hangs"])
def test_nodes_fail_at_random_instants(project, cluster, trouble):
    """The sync fails in one line or not at all."""
    chance = random.Random(3)
    for number in range(8):
        change(project, chance, number)
        with subprocess.Popen(
            command(project, cluster.url),
            cwd=ROOT,
            env=environment(project),
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            connection = cluster.client()
            while not connection.exists(LOCK) and process.poll() is None:
                time.sleep(0.005)
            time.sleep(chance.random() * 0.6)
            upset(chance.choice(cluster.nodes), trouble, chance.choice([0.5, 3.0]))
            (_, told) = process.communicate()
        assert process.returncode == min(1, len(told.strip().splitlines())) or (
            process.returncode == 3 and "Error" in told
        ), told
        assert "Traceback" not in told
        until(cluster.settled, "a whole cluster")
        cluster.client().delete(LOCK)
        project.store(cluster.url).sync()
        assert_healed(project, cluster)


def upset(node, trouble, seconds):
    """Kill a node and start it again, or have it hang for a while."""
    if trouble == "hangs":
        os.kill(node.process.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(node.process.pid, signal.SIGCONT)
    else:
        node.stop()
        node.start()


def test_a_replica_that_lacks_the_last_rows_is_noticed(project, cluster, monkeypatch, tmp_path):
    """It takes a master's place in the middle of a sync that does not even lose a connection."""
    index = (cluster.owner(METADATA_SLOT) + 1) % 3
    master = cluster.nodes[index]
    options = (*master.options, "--cluster-replica-validity-factor", "0")
    replica = Server(tmp_path / "replica", free_port(), options)
    replica.start()
    try:
        follow(cluster, index, replica)
        restate(project, 5)
        publish = job.HERE.publish_changes

        def publish_and_lose(*args):
            until(lambda: in_step(master, replica), "a replica in step")
            master.client().execute_command("ACL", "SETUSER", "default", "-psync", "-sync")
            master.client().client_kill_filter(_type="replica")
            done = publish(*args)
            master.stop()
            until(lambda: replica.client().role()[0] in (b"master", "master"), "a promotion")
            return done

        with monkeypatch.context() as patch:
            patch.setattr(job.HERE, "publish_changes", publish_and_lose)
            with pytest.raises(SyncError, match="another took its place"):
                project.store(cluster.url).sync()
        (report,) = project.store(cluster.url).sync().views
        assert report.full
        assert_healed(project, cluster)
    finally:
        replica.stop()


def follow(cluster, index, replica):
    """Have a server follow a master of the cluster."""
    master = cluster.identity(index)
    replica.client().cluster("MEET", "127.0.0.1", cluster.nodes[0].port)
    until(lambda: replica.client().cluster("REPLICATE", master), "a replica")
    until(lambda: replication_of(replica)["master_link_status"] == "up", "a replica in step")


def in_step(master, replica):
    """Whether a replica has all that its master has."""
    offsets = replication_of(master)["master_repl_offset"], replication_of(replica)
    return offsets[0] == offsets[1]["slave_repl_offset"]


def replication_of(server):
    """Return what a server says of its copies."""
    return server.client().info("replication")
