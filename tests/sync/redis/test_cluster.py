"""Three real masters: what one server promises, a cluster promises too."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
import redis
from redis.crc import key_slot

from featurestore.errors import (
    FeatureStoreError,
    ForeignOwner,
    OnlineStoreError,
    OnlineStoreUnavailable,
    SyncError,
    SyncLocked,
)
from featurestore.online.keys import metadata_key
from featurestore.online.redis.connection import address, client
from featurestore.online.redis.slots import SLOTS, slot_tags
from sync.encoding.byte_columns import from_pieces
from sync.redis.cluster import ClusterSender
from sync.redis.key_scan import keys_with
from sync.redis.publisher import publishing
from sync.redis.resp import PackedRows, RowBatch
from sync.redis.scripts import LOST
from sync.safety.diagnosis import PART_LOST
from sync.safety.fences import fence_key
from sync.safety.lock import lock_key, sync_lock
from sync.warehouse.ledger import Ledger
from tests.support.cluster_fixture import running_cluster, until
from tests.support.sync_project import (
    PLANES,
    ROUTES,
    WEATHER,
    SyncProject,
    View,
    assert_parity,
    day,
    rows_in_redis,
)

pytestmark = pytest.mark.whole

PLANES_COUNT = 600


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Run a cluster, whose nodes a test may kill if it starts them again."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def project(tmp_path, cluster):
    """Return a project whose rows lie on every node, and an empty cluster."""
    for node in cluster.nodes:
        node.client().flushall()
    made = SyncProject(tmp_path, PLANES, ROUTES, WEATHER, memory=True)
    rows = [(f"N{n}", day(3), day(2), float(n), n, "x") for n in range(PLANES_COUNT)]
    made.insert(PLANES, *rows)
    made.insert(ROUTES, *[("JFK", flight, day(3), 1.5) for flight in range(200)])
    made.insert(WEATHER, (day(3), 10.0, True))
    return made


def planes(report):
    """Return the report of the planes alone."""
    return next(view for view in report.views if view.view == "plane_status")


def test_a_cluster_is_synced_read_verified_and_purged(project, cluster):
    """The whole life of rows, spread over three nodes."""
    store = project.store(cluster.url)
    first = planes(store.sync())
    assert (PLANES_COUNT, True) == (first.written, first.full)
    assert_parity(project, cluster.url)
    spread = [
        len(list(node.client().scan_iter("fs:shop:plane_status:*"))) for node in cluster.nodes
    ]
    assert PLANES_COUNT == sum(spread)
    assert all(spread)

    again = planes(store.sync())
    assert (0, False) == (again.changed, again.full)
    project.execute(
        "UPDATE plane_status SET delay = 99, written_at = now()::TIMESTAMP WHERE seats < 50",
        "DELETE FROM plane_status WHERE seats >= 550",
    )
    changed = planes(store.sync())
    assert (50, 50, 0) == (changed.written, changed.deleted, changed.skipped)
    assert_parity(project, cluster.url)
    assert store.verify(sample="all").good
    assert all(view.rows for view in store.status().views)

    store.sync(full=True)
    assert_parity(project, cluster.url)
    store.purge()
    assert not rows_in_redis(cluster.url, "shop")
    assert 0 == sum(node.client().dbsize() for node in cluster.nodes)


def test_a_cluster_is_taken_over(project, cluster, tmp_path):
    """In one script on the node of the metadata; then only the new owner may sync."""
    project.store(cluster.url).sync()
    other = SyncProject(tmp_path / "other", PLANES)
    other.insert(PLANES, ("N1", day(9), day(9), 7, 7, "other"))
    with pytest.raises(ForeignOwner):
        other.store(cluster.url).sync()
    report = other.store(cluster.url).sync(take_over=True)

    assert not report.held_back
    assert_parity(other, cluster.url)
    assert [0] == [view.changed for view in other.store(cluster.url).sync().views]
    with pytest.raises(ForeignOwner):
        project.store(cluster.url).sync()


async def test_a_cluster_is_read_asynchronously(project, cluster):
    """The same values, in one call for keys of many slots."""
    project.store(cluster.url).sync()
    async with project.store(cluster.url) as store:
        keys = [{"tailnum": f"N{n}"} for n in (0, 7, 599, 10_000)]
        asked = await store.get_online_features_async(["plane_status:delay"], keys)
        blocking = store.get_online_features(["plane_status:delay"], keys)
    assert [0.0, 7.0, 599.0, None] == asked.values["delay"]
    assert blocking.to_dict() == asked.to_dict()


def test_a_slot_on_the_move_loses_nothing(project, cluster):
    """Rows are written and read while their slot is half here and half there."""
    store = project.store(cluster.url)
    store.sync()
    slot = key_slot(b"fs:shop:plane_status:{N7}")
    source = cluster.owner(slot)
    target = (source + 1) % 3
    moving = cluster.moving(slot, target)
    next(moving)
    assert_parity(project, cluster.url)

    project.execute("UPDATE plane_status SET delay = delay + 1, written_at = now()::TIMESTAMP")
    outcome = []
    syncing = threading.Thread(target=lambda: outcome.append(store.sync()))
    syncing.start()
    time.sleep(0.5)
    next(moving)
    assert not list(moving)
    syncing.join()

    assert PLANES_COUNT == planes(outcome[0]).written
    assert target == cluster.owner(slot)
    assert_parity(project, cluster.url)
    cluster.move(slot, source)
    assert_parity(project, cluster.url)


async def test_two_views_of_an_entity_are_read_while_their_slot_moves(project, cluster):
    """Both rows lie in one slot, one already there and one still here."""
    seats = View("plane_seats", {"tailnum": "VARCHAR"}, {"rows": "INTEGER"})
    project.declare(PLANES, ROUTES, WEATHER, seats)
    project.create(seats)
    project.insert(seats, ("N7", day(3), 30))
    ask = (["plane_status:delay", "plane_seats:rows"], [{"tailnum": "N7"}])
    async with project.store(cluster.url) as store:
        store.sync()
        slot = key_slot(b"fs:shop:plane_status:{N7}")
        source = cluster.owner(slot)
        moving = cluster.moving(slot, (source + 1) % 3)
        next(moving), next(moving)
        found = store.get_online_features(*ask)
        assert [[7.0], [30]] == [found.values["delay"], found.values["rows"]]
        assert found.to_dict() == (await store.get_online_features_async(*ask)).to_dict()
        assert not list(moving)
        cluster.move(slot, source)


def test_rows_that_move_while_they_are_walked_are_found(project, cluster, monkeypatch):
    """From a node that is yet to be walked to one that was: neither shows them."""
    project.store(cluster.url).sync()
    expected = rows_in_redis(cluster.url, "shop")
    slot = key_slot(b"fs:shop:plane_status:{N7}")
    source = cluster.owner(slot)
    target = (source + 1) % 3

    def walk(_self, match, count):
        for index in (target, 3 - source - target, source):
            if index == source:
                cluster.move(slot, target)
            yield from cluster.nodes[index].client().scan_iter(match, count)

    monkeypatch.setattr("redis.cluster.RedisCluster.scan_iter", walk, raising=False)
    with client(cluster.url) as connection:
        found = {key.decode() for key in keys_with(connection, "fs:shop:")}
    assert expected == found
    cluster.move(slot, source)


def test_the_metadata_may_move_during_a_sync(project, cluster):
    """The lock and what it guards are half here and half there, for a moment."""
    store = project.store(cluster.url)
    store.sync()
    project.execute("UPDATE plane_status SET delay = delay + 1, written_at = now()::TIMESTAMP")
    slot = key_slot(b"fs-meta:{shop}:views")
    source = cluster.owner(slot)
    moving = cluster.moving(slot, (source + 1) % 3)
    next(moving), next(moving)
    finishing = threading.Timer(1.0, lambda: list(moving))
    finishing.start()
    assert (PLANES_COUNT, False) == (planes(report := store.sync()).written, planes(report).full)
    finishing.join()
    assert_parity(project, cluster.url)
    cluster.move(slot, source)


def test_a_client_that_knows_the_old_place_of_a_slot_follows(project, cluster):
    """A store that read before a slot moved, reads after."""
    with project.store(cluster.url) as store:
        store.sync()
        ask = (["plane_status:delay"], [{"tailnum": "N7"}])
        before = store.get_online_features(*ask).to_dict()
        slot = key_slot(b"fs:shop:plane_status:{N7}")
        source = cluster.owner(slot)
        cluster.move(slot, (source + 1) % 3)
        assert before == store.get_online_features(*ask).to_dict()
        cluster.move(slot, source)


def test_a_node_that_comes_back_empty_is_noticed(project, cluster):
    """Its rows are gone, though the epoch of the publication is on another node."""
    store = project.store(cluster.url)
    store.sync()
    metadata = cluster.owner(key_slot(b"fs-meta:{shop}:views"))
    lost = cluster.nodes[(metadata + 1) % 3]
    lost.client().flushall()
    assert "lost" in {view.state for view in store.status().views}

    report = planes(store.sync())
    assert report.full
    assert "lost its data" in report.reason
    assert_parity(project, cluster.url)
    assert not planes(store.sync()).full


def test_a_node_that_is_down_fails_the_sync_and_the_next_heals(project, cluster, monkeypatch):
    """Nothing is half-done for good, and the error says which service is to blame."""
    monkeypatch.setattr("featurestore.online.redis.retry.RETRY_SECONDS", 1.0)
    store = project.store(cluster.url)
    store.sync()
    project.execute("UPDATE plane_status SET delay = delay + 1, written_at = now()::TIMESTAMP")
    metadata = cluster.owner(key_slot(b"fs-meta:{shop}:views"))
    lost = cluster.nodes[(metadata + 1) % 3]
    lost.stop()
    try:
        with pytest.raises(FeatureStoreError) as error:
            store.sync()
        assert 3 == error.value.exit_code
    finally:
        lost.start()
        until(cluster.settled, "the cluster, with the node that came back")
    assert planes(store.sync()).full
    assert_parity(project, cluster.url)


def test_a_part_lost_before_the_first_write_is_noticed(project, cluster, monkeypatch):
    """While the warehouse looks for changes, what nobody changes may go."""
    store = project.store(cluster.url)
    store.sync()
    project.execute(
        "UPDATE plane_status SET delay = 9, written_at = now()::TIMESTAMP WHERE seats = 1"
    )
    metadata = cluster.owner(key_slot(b"fs-meta:{shop}:views"))
    find = Ledger.find_changes

    def find_and_lose(self, *args, **options):
        found = find(self, *args, **options)
        cluster.nodes[(metadata + 1) % 3].client().flushall()
        return found

    monkeypatch.setattr(Ledger, "find_changes", find_and_lose)
    report = planes(store.sync(views=["plane_status"]))
    assert (True, PART_LOST) == (report.full, report.reason)
    monkeypatch.undo()
    store.sync()
    assert_parity(project, cluster.url)


def test_a_node_lost_in_the_middle_is_noticed_at_the_end(project, cluster, monkeypatch):
    """A sync whose first rows vanish while it writes the last does not call itself done."""
    store = project.store(cluster.url)
    metadata = cluster.owner(key_slot(b"fs-meta:{shop}:views"))
    lost = cluster.nodes[(metadata + 1) % 3]
    send = ClusterSender.send

    def send_and_lose(self, rows):
        yield from send(self, rows)
        lost.client().flushall()

    with monkeypatch.context() as patch:
        patch.setattr(ClusterSender, "send", send_and_lose)
        with pytest.raises(SyncError, match="A node of the cluster lost its data"):
            store.sync()
    assert planes(store.sync()).full
    assert_parity(project, cluster.url)


def test_a_holder_that_never_gave_the_lock_back_is_fenced_out(project, cluster):
    """What it sent late is refused, in whichever slot."""
    with client(cluster.url) as connection:
        holding = sync_lock(connection, "shop")
        zombie = holding.__enter__()
        keys = [f"fs:shop:plane_status:{{N{n}}}".encode() for n in range(50)]
        with publishing(connection, zombie) as publisher:
            publisher.unlink(keys[:1])
        connection.delete(lock_key("shop"))

        project.store(cluster.url).sync()
        with (
            pytest.raises(SyncError, match="another sync took it over, and has ended"),
            publishing(connection, zombie) as publisher,
        ):
            publisher.unlink(keys)
        holding.__exit__(None, None, None)
        assert_parity(project, cluster.url)
        assert connection.get(fence_key("shop", SLOTS - 1))


def test_what_was_sent_twice_may_come_late(project, cluster, monkeypatch):
    """A connection breaks, the rows go another way; after the next sync the first are there too."""
    store = project.store(cluster.url)
    sent, packed = [], PackedRows.packed

    def record(self, sha, guard, start, end):
        sent.append((self.rows.keys[start].as_py(), packed(self, sha, guard, start, end)))
        return sent[-1][1]

    def lose(self, name, failed, _errors):
        self._drop_node(name, failed)
        yield from ()

    with monkeypatch.context() as patch:
        patch.setattr(PackedRows, "packed", record)
        patch.setattr(ClusterSender, "_receive", lose)
        store.sync()
    project.execute("UPDATE plane_status SET delay = delay + 1, written_at = now()::TIMESTAMP")
    store.sync()
    for key, command in sent[::20]:
        node = cluster.nodes[cluster.owner(key_slot(key))].client()
        connection = node.connection_pool.get_connection()
        connection.send_packed_command([command])
        assert [LOST, 0] == connection.read_response()
        connection.disconnect()
    assert_parity(project, cluster.url)


def test_a_publication_that_is_not_whole_raises_fences(project, cluster):
    """The record of the lock's holders may be lost with the publication's metadata."""
    store = project.store(cluster.url)
    store.sync()
    with client(cluster.url) as connection:
        with sync_lock(connection, "shop") as before:
            pass
        for node in cluster.nodes:
            node.client().flushall()
        store.sync()
        keys = [f"fs:shop:plane_status:{{N{n}}}".encode() for n in range(50)]
        with pytest.raises(SyncError, match="lock"), publishing(connection, before) as publisher:
            publisher.unlink(keys)
    assert_parity(project, cluster.url)


def test_a_node_without_memory_fails_the_sync_and_the_next_heals(project, cluster, monkeypatch):
    """All answers come in before the error is told, so that nothing is still on its way."""
    store = project.store(cluster.url)
    metadata = cluster.owner(key_slot(b"fs-meta:{shop}:views"))
    full = cluster.nodes[(metadata + 1) % 3].client()
    finish = ClusterSender.finish

    def fill(self):
        full.config_set("maxmemory", 1)
        yield from finish(self)

    try:
        with monkeypatch.context() as patch:
            patch.setattr(ClusterSender, "finish", fill)
            with pytest.raises(FeatureStoreError, match="maxmemory"):
                store.sync()
    finally:
        full.config_set("maxmemory", 0)
    store.sync()
    with client(cluster.url) as connection:
        held = [connection.get(metadata_key("shop", name)) for name in ("holders", "returned")]
    assert held[0] == held[1]
    assert_parity(project, cluster.url)


def test_connections_end_though_the_client_forgot_their_node(project, cluster):
    """A node whose last slot has gone is none that the client knows."""
    with client(cluster.url) as connection, sync_lock(connection, "shop") as lease:
        with publishing(connection, lease) as publisher:
            publisher.unlink([f"x{{{n}}}".encode() for n in range(50)])
            publisher.finish()
            known = dict(connection.nodes_manager.nodes_cache)
            connection.nodes_manager.nodes_cache.clear()
        connection.nodes_manager.nodes_cache.update(known)


def test_a_lock_whose_answer_was_missed_is_held(project, cluster, monkeypatch):
    """The client asks again by itself, and is told that somebody has it: itself."""
    with client(cluster.url) as connection:
        take = connection.set

        def take_and_miss(*args, **options):
            take(*args, **options)

        monkeypatch.setattr(connection, "set", take_and_miss)
        with sync_lock(connection, "shop") as lease:
            assert lease.token.encode() == connection.get(lock_key("shop"))


@pytest.mark.parametrize("given", ["s3cret", "wr0ng"])
def test_a_cluster_asks_for_a_password(project, cluster, given):
    """At every node; and it is never told."""
    nodes = [node.client() for node in cluster.nodes]
    for node in nodes:
        node.config_set("requirepass", "s3cret")
    url = cluster.url.replace("://", f"://:{given}@")
    try:
        if given == "s3cret":
            project.store(url).sync()
            assert_parity(project, url)
        else:
            with pytest.raises(OnlineStoreUnavailable) as error:
                project.store(url).sync()
            assert given not in str(error.value)
    finally:
        for node in cluster.nodes:
            redis.Redis(port=node.port, password="s3cret").config_set("requirepass", "")


def test_no_fence_is_needed_where_locks_are_given_back(project, cluster):
    """One sync after another leaves no fences."""
    store = project.store(cluster.url)
    store.sync()
    store.sync(full=True)
    with client(cluster.url) as connection:
        assert not list(connection.scan_iter("fs-guard:shop:fence:*"))


def test_two_syncs_of_a_cluster_do_not_meet(project, cluster):
    """The second says who holds the lock."""
    with (
        client(cluster.url) as connection,
        sync_lock(connection, "shop"),
        pytest.raises(SyncLocked, match="is running"),
    ):
        project.store(cluster.url).sync()


def test_many_rows_of_one_slot_are_written(cluster):
    """They take several commands: a script holds no more than a few thousand values."""
    keys = [b"fs:shop:view%d:{N7}" % number for number in range(5000)]
    with client(cluster.url) as connection, sync_lock(connection, "shop") as lease:
        with publishing(connection, lease) as publisher:
            publisher.overwrite(from_pieces(keys), from_pieces(keys), b"")
        assert len(keys) == publisher.applied
        assert keys[::999] == [connection.get(key) for key in keys[::999]]
        with publishing(connection, lease) as publisher:
            publisher.unlink(keys)
        assert len(keys) == publisher.applied


def test_an_older_writer_loses_at_the_nodes(project, cluster):
    """The newest event wins, whoever writes last."""
    project.store(cluster.url).sync()
    key = b"fs:shop:plane_status:{N7}"
    with client(cluster.url) as connection, sync_lock(connection, "shop") as lease:
        held = connection.get(key)
        older = held[:5] + bytes(16) + held[21:]
        with publishing(connection, lease) as publisher:
            publisher.write_newest(*(from_pieces([each]) for each in (key, older, b"")), b"")
        assert (0, 1) == (publisher.applied, publisher.refused)
        assert held == connection.get(key)


def test_a_node_asked_as_one_server_says_how_to_write_the_url(project, cluster):
    """MOVED is a word for programs."""
    project.store(cluster.url).sync()
    url = f"redis://127.0.0.1:{cluster.nodes[0].port}"
    rows = [{"tailnum": f"N{n}"} for n in range(20)]
    with pytest.raises(FeatureStoreError, match=r"redis\+cluster://"):
        project.store(url).get_online_features(["plane_status:delay"], rows)


def test_a_cluster_that_is_not_there_is_one_line(project):
    """As for one server."""
    with pytest.raises(OnlineStoreUnavailable, match="cannot be") as error:
        project.store("redis+cluster://127.0.0.1:1").sync()
    assert 3 == error.value.exit_code


def test_every_slot_has_a_tag():
    """Tags are short, and in their slots."""
    tags = slot_tags()
    assert [key_slot(f"x{{{tag}}}".encode()) for tag in tags] == list(range(SLOTS))
    assert max(map(len, tags)) <= 6


def test_rows_are_cut_and_picked():
    """Keys and columns stay side by side."""

    def made(keys, values):
        return RowBatch("newest", from_pieces(keys), (from_pieces(values),), b"x")

    rows = made([b"a", b"b", b"c"], [b"1", b"2", b"3"])
    assert made([b"b", b"c"], [b"2", b"3"]) == rows.slice(1, 3)
    assert made([b"c", b"a"], [b"3", b"1"]) == rows.take([2, 0])
    assert rows == RowBatch.joined([rows.slice(0, 1), rows.slice(1, 3)])
    assert not rows.continues(replace(rows, expiry=b"y"))


@pytest.mark.parametrize("url", ["redis://:s3cret@[::1", "redis+cluster://:s3cret@[::1:7000"])
def test_half_an_ipv6_address_is_one_line(url):
    """The brackets are missed, and the password is not shown."""
    with pytest.raises(OnlineStoreError, match="brackets") as error:
        client(url)
    assert "s3cret" not in str(error.value) + address(url)
