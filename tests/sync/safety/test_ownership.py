"""Two warehouses with one project name share a server: one publishes, the other is refused."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

import sync
from featurestore.errors import FeatureStoreError, ForeignOwner, SyncError
from featurestore.values.dbt_profile import Profile
from sync.safety.identity import Identity
from sync.safety.lock import sync_lock
from tests.support.sync_project import (
    NOW,
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

ROOT = Path(__file__).parents[3]
OWNER, LOCK, TAKEN = (f"fs-meta:{{shop}}:{name}" for name in ("owner", "lock", "taken-over"))
PLANES_OF_PROD = 40
BIG = View("big", {"id": "BIGINT"}, {"a": "BIGINT"})
ENTITIES, KILLS = 20_000, 6


@pytest.fixture
def prod(tmp_path, redis_server, redis_client):
    """Return a published project of three views."""
    made = SyncProject(tmp_path / "prod", PLANES, ROUTES, WEATHER)
    rows = [(f"N{n}", day(3), day(3), 1.0, n, "prod") for n in range(PLANES_OF_PROD)]
    made.insert(PLANES, *rows)
    made.insert(ROUTES, *[("EWR", n, day(3), 1) for n in range(30)])
    made.insert(WEATHER, (day(3), 1.5, True))
    made.store(redis_server).sync()
    return made


@pytest.fixture
def dev(tmp_path, prod):
    """Return a project of the same name in another database, with one view and two rows."""
    made = SyncProject(tmp_path / "dev", PLANES)
    made.insert(PLANES, ("N1", day(9), day(9), 7, 7, "dev"), ("M1", day(3), day(3), 1, 1, "dev"))
    return made


def dump(client):
    """Return all that a server holds."""
    return {key: client.dump(key) for key in client.scan_iter()}


def tables(project):
    """Return the names of all tables in a project's database."""
    with project.connect() as connection:
        return connection.execute("SHOW TABLES").fetchall()


WRITERS = {
    "sync": lambda store: store.sync(),
    "sync --full": lambda store: store.sync(full=True),
    "sync --view": lambda store: store.sync(["plane_status"]),
    "sync --dry-run": lambda store: store.sync(dry_run=True),
    "purge": lambda store: store.purge(),
    "purge --view": lambda store: store.purge("plane_status"),
    "purge, as a plan": lambda store: store.purge(dry_run=True),
}


@pytest.mark.parametrize("command", WRITERS)
def test_every_command_that_writes_is_refused(prod, dev, redis_server, redis_client, command):
    """One error shows both identities and the ways out; nothing is changed on either side."""
    before, own = dump(redis_client), tables(dev)
    with pytest.raises(ForeignOwner) as caught:
        WRITERS[command](dev.store(redis_server))
    shown = re.findall(
        r"project 'shop', target 'dev', warehouse\.main in duckdb (\w{16})", str(caught.value)
    )

    assert 2 == len(set(shown))
    assert redis_client.hget(OWNER, "host").decode() == shown[0]
    assert all(word in caught.value.remedy for word in ("namespace", "own Redis", "--take-over"))
    assert 1 == caught.value.exit_code
    assert (before, own) == (dump(redis_client), tables(dev))
    assert [0, 0, 0] == [view.changed for view in prod.store(redis_server).sync().views]


def test_only_one_module_takes_the_lock():
    """So a command cannot take it and forget the comparison."""
    sources = Path(sync.__file__).parents[1]
    found = [
        path.name
        for folder in ("sync", "featurestore")
        for path in (sources / folder).rglob("*.py")
        if re.search(r"\bsync_lock\(", path.read_text(encoding="utf-8"))
    ]

    assert ["lock.py", "ownership.py"] == sorted(found)


def test_a_take_over_replaces_everything(prod, dev, redis_server, redis_client):
    """Rows, views and metadata are the new owner's; the old owner is refused, or takes it back."""
    report = dev.store(redis_server).sync(take_over=True)

    assert {"another identity published it before"} == {v.reason for v in report.views if v.full}
    assert not report.held_back
    assert 2 == len(rows_in_redis(redis_server, "shop"))
    assert_parity(dev, redis_server)
    assert not redis_client.exists(TAKEN)
    assert [0] == [view.changed for view in dev.store(redis_server).sync().views]
    with pytest.raises(ForeignOwner):
        prod.store(redis_server).sync()

    prod.store(redis_server).sync(take_over=True)
    assert_parity(prod, redis_server)
    with pytest.raises(ForeignOwner):
        dev.store(redis_server).sync()


def test_the_owner_has_nothing_to_take_over(prod, redis_server):
    """Its run is an ordinary one, brake included."""
    report = prod.store(redis_server).sync(take_over=True)
    assert [(0, False)] * 3 == [(view.changed, view.full) for view in report.views]
    prod.execute("DELETE FROM plane_status")
    assert {"plane_status"} == prod.store(redis_server).sync(take_over=True).held_back.keys()


@pytest.mark.parametrize("part", [{"views": ["plane_status"]}, {"since": day(3)}])
def test_a_take_over_is_of_all_views(dev, redis_server, redis_client, part):
    """A part would leave the other identity's rows in the rest."""
    before = dump(redis_client)
    with pytest.raises(FeatureStoreError, match="publishes all views in full"):
        dev.store(redis_server).sync(take_over=True, **part)
    assert before == dump(redis_client)


def test_a_dry_run_explains_a_take_over(dev, redis_server, redis_client):
    """It writes nothing, and is not held back either."""
    before = dump(redis_client)
    report = dev.store(redis_server).sync(take_over=True, dry_run=True)

    assert before == dump(redis_client)
    assert not report.held_back
    found = {view.view: (view.written, view.deleted) for view in report.views}
    assert {"plane_status": (2, 39), "route_load": (0, 30), "weather": (0, 1)} == found


class Died(Exception):
    """A run that ends here."""


def test_a_take_over_that_dies_is_healed_by_its_next_run(prod, dev, redis_server, redis_client):
    """Without the flag, and without the brake, which is for a project's own rows."""

    def die(event):
        raise Died(event)

    with pytest.raises(Died):
        dev.store(redis_server).sync(take_over=True, progress=die)
    assert {b"plane_status", b"route_load", b"weather"} == redis_client.smembers(TAKEN)
    assert not any(redis_client.hexists(key, "epoch") for key in redis_client.keys("*:view:*"))
    with pytest.raises(ForeignOwner):
        prod.store(redis_server).sync()

    report = dev.store(redis_server).sync()
    assert not report.held_back
    assert_parity(dev, redis_server)
    assert 2 == len(rows_in_redis(redis_server, "shop"))


def test_the_brake_holds_again_after_a_take_over(dev, redis_server):
    """Once all rows are its own, an emptied table does not empty Redis."""
    dev.insert(PLANES, *[(f"D{n}", day(3), day(3), 1, 1, "dev") for n in range(20)])
    dev.store(redis_server).sync(take_over=True)
    dev.execute("DELETE FROM plane_status")

    assert {"plane_status"} == dev.store(redis_server).sync(full=True).held_back.keys()
    assert 22 == len(rows_in_redis(redis_server, "shop"))


def take_over_and_kill(project, url, client, seconds):
    """Take over in a process of its own, and kill it some time after it took the lock."""
    words = [sys.executable, "-m", "sync", "--project-dir", str(project.folder), "--quiet"]
    words += ["--redis-url", url, "--now", NOW.isoformat(), "--take-over"]
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(project.folder.parent / "bytecode")}
    with subprocess.Popen(words, cwd=ROOT, env=environment) as process:
        while not client.exists(LOCK) and process.poll() is None:
            time.sleep(0.002)
        time.sleep(seconds)
        process.kill()
    # As it would within a minute by itself.
    client.delete(LOCK)


def test_a_take_over_killed_at_any_instant(tmp_path, redis_server, redis_client):
    """Whoever owns the server then heals it in one run, and the other one is refused."""
    both = [SyncProject(tmp_path / name, BIG) for name in ("one", "two")]
    for number, project in enumerate(both):
        project.execute(
            f"INSERT INTO big SELECT range * {number + 1}, TIMESTAMP '2024-01-01', {number}"
            f" FROM range({ENTITIES})"
        )
    started = time.monotonic()
    both[0].store(redis_server).sync()
    duration = time.monotonic() - started
    chance, owners = random.Random(3), set()
    owner, other = both
    for _ in range(KILLS):
        take_over_and_kill(other, redis_server, redis_client, chance.random() * duration * 1.5)
        try:
            owner.store(redis_server).sync()
        except ForeignOwner:
            owner, other = other, owner
            owner.store(redis_server).sync()
        with pytest.raises(ForeignOwner):
            other.store(redis_server).sync()
        owners.add(owner.folder.name)
        keys = chance.sample(range(2 * ENTITIES), 300)
        assert_parity(owner, redis_server, keys=pa.table({"id": pa.array(keys, pa.int64())}))
        assert ENTITIES == len(rows_in_redis(redis_server, "shop"))
    assert {"one", "two"} == owners


def test_a_take_over_without_the_lock_changes_nothing(prod, redis_client):
    """The script checks the lock itself."""
    with sync_lock(redis_client, "shop") as lease:
        redis_client.delete(LOCK)
        before = dump(redis_client)
        with pytest.raises(SyncError, match="lock was lost"):
            lease.run_script("take_over", [OWNER, TAKEN], "0", "target", "evil")
        assert before == dump(redis_client)


def test_metadata_of_an_older_release_is_adopted(prod, dev, redis_server, redis_client):
    """It has no identity; its publications stay, and the first writer owns them."""
    redis_client.delete(OWNER)
    report = prod.store(redis_server).sync()

    assert [(0, False)] * 3 == [(view.changed, view.full) for view in report.views]
    identity = {b"project", b"target", b"adapter", b"host", b"database", b"schema"}
    assert {*identity, b"ledger_id", b"ledger_place"} == {*redis_client.hkeys(OWNER)}
    with pytest.raises(ForeignOwner):
        dev.store(redis_server).sync()


def test_an_older_ledger_gets_an_id(prod, redis_server, redis_client):
    """A warehouse whose ledger has no id yet, beside metadata without an identity."""
    prod.execute('DROP TABLE "_featurestore_database"')
    redis_client.delete(OWNER)
    assert [0] * 3 == [view.changed for view in prod.store(redis_server).sync().views]
    assert [0] * 3 == [view.changed for view in prod.store(redis_server).sync().views]


def test_metadata_without_an_identity_can_be_taken_over(prod, dev, redis_server, redis_client):
    """The rows may be anyone's, so all epochs are removed."""
    redis_client.delete(OWNER)
    report = dev.store(redis_server).sync(take_over=True)
    assert not report.held_back
    assert_parity(dev, redis_server)


def test_an_identity_that_was_cut_short_is_another(prod, redis_server, redis_client):
    """A missing field is not taken for an equal one."""
    redis_client.hdel(OWNER, "host")
    with pytest.raises(ForeignOwner):
        prod.store(redis_server).sync()
    prod.store(redis_server).sync(take_over=True)
    assert_parity(prod, redis_server)


def test_a_purged_project_has_no_owner(prod, dev, redis_server, redis_client):
    """The next one to sync becomes it."""
    prod.store(redis_server).purge()
    assert 0 == redis_client.dbsize()
    dev.store(redis_server).sync()
    assert_parity(dev, redis_server)


def test_status_says_whose_it_is(prod, dev, redis_server, redis_client):
    """To the owner everything is fine; to the other one nothing is its own."""
    own, other = prod.store(redis_server).status(), dev.store(redis_server).status()

    assert ("pass", own.own) == (own.level, own.owner)
    assert ("error", own.owner) == (other.level, other.owner)
    assert other.own != other.owner
    assert [("plane_status", "foreign", "another identity publishes it")] == [
        (view.view, view.state, view.reason) for view in other.views
    ]
    assert own.own.to_fields() == own.to_dict()["owner"]


def test_verify_says_whose_it_is(prod, dev, redis_server):
    """Another identity's rows are not compared with this warehouse."""
    assert prod.store(redis_server).verify().good
    found = dev.store(redis_server).verify()

    assert not found.good
    assert "another identity publishes it" in found.views[0].problem
    assert 0 == found.views[0].checked


def test_readers_read_whatever_is_there(prod, dev, redis_server):
    """A reader has no identity: a service of any project folder reads the same rows."""
    for project in (prod, dev):
        found = project.store(redis_server).get_online_features(
            ["plane_status:note"], [{"tailnum": "N1"}]
        )
        assert ["prod"] == found.values["note"]


def test_a_copy_of_the_file_is_the_same_database(prod, tmp_path, redis_server):
    """Its id is kept inside. Under another name it is another database."""
    copy = SyncProject(tmp_path / "copy", PLANES, ROUTES, WEATHER)
    shutil.copy(prod.warehouse, copy.warehouse)
    assert [0] * 3 == [view.changed for view in copy.store(redis_server).sync().views]

    renamed = copy.folder / "profiles.yml"
    renamed.write_text(renamed.read_text().replace("warehouse.duckdb", "sandbox.duckdb"))
    manifest = copy.folder / "target" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('\\"warehouse\\"', '\\"sandbox\\"'))
    copy.warehouse.rename(copy.folder / "sandbox.duckdb")
    with pytest.raises(ForeignOwner, match=r"warehouse\.main .* sandbox\.main"):
        copy.store(redis_server).sync()


@pytest.mark.parametrize(
    ("adapter", "settings", "place"),
    [
        ("duckdb", {"path": "data/shop.duckdb"}, ("an-id", "shop", "main")),
        ("duckdb", {"path": "md:shop", "schema": "dev"}, ("an-id", "", "dev")),
        (
            "postgres",
            {"host": "db.internal", "port": 5433, "dbname": "shop", "schema": "dev"},
            ("db.internal:5433", "shop", "dev"),
        ),
        (
            "snowflake",
            {"account": "ab1.eu", "database": "SHOP", "schema": "Prod"},
            ("ab1.eu", "shop", "prod"),
        ),
        ("bigquery", {"project": "gcp-1", "dataset": "shop"}, ("gcp-1", "gcp-1", "shop")),
    ],
)
def test_the_identity_of_a_target(adapter, settings, place):
    """Server or account, database and schema, in the form in which two spellings are equal."""
    found = Identity.of("shop", Profile("shop", "prod", adapter, settings), "an-id")

    assert place == (found.host, found.database, found.schema)
    assert ("shop", "prod", adapter) == (found.project, found.target, found.adapter)
    assert found == Identity.from_fields(found.to_fields())
