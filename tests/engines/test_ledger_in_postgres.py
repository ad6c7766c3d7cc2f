"""The ledger in PostgreSQL: exact values, long names, rights and crashes."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from featurestore import FeatureStore
from featurestore.errors import MissingRight, SyncError, SyncLocked, WarehouseError
from featurestore.values.dbt_profile import Profile
from featurestore.warehouse import postgres_ledger
from featurestore.warehouse.postgres import PostgresWarehouse
from tests.engines.shops import (
    KEEPER,
    NOW,
    PostgresHome,
    Shop,
    View,
    ago,
    assert_law,
    counts,
    started_postgres,
)
from tests.support.builders import PROJECT, manifest_json, model
from tests.support.sync_project import rows_in_redis

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]
ROOT = Path(__file__).parents[2]
LOCK = f"fs-meta:{{{PROJECT}}}:lock"
LOADS = View(
    "loads",
    ("number",),
    {"number": "bigint", "seen": "timestamp", "load": "double", "note": "varchar"},
    {"event_timestamp": "seen", "ttl": "30 days"},
)
ODD = """
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE COLLATION IF NOT EXISTS alike
    (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE odd (
    id uuid, code char(5), mood mood, seen timestamptz, "Order No" real, "select" double precision,
    weights double precision[], name text COLLATE alike, names text[],
    price numeric(20, 4), facts jsonb, raw bytea, day date, feeling mood
);
INSERT INTO odd VALUES (
    '7d5e0000-0000-0000-0000-000000000001', 'N1', 'glad', '2024-03-20 10:00+00', 0.0, 0.0,
    '{0, NaN}', 'Ann', '{x, NULL}', 1.5000, '{"a": 1}', 'x', '2024-03-01', 'sad'
), (
    '7d5e0000-0000-0000-0000-000000000002', 'N2', 'sad', '2024-03-20 10:00+00', 'NaN', 'NaN',
    NULL, 'Bob', NULL, NULL, NULL, NULL, NULL, NULL
), (
    '7d5e0000-0000-0000-0000-000000000003', 'N3', 'sad', '2024-03-01 10:00+00', 'NaN', 'Infinity',
    NULL, 'Cid', NULL, NULL, NULL, NULL, NULL, NULL
)
"""
ODD_KEYS = ("id", "code", "mood")
ODD_COLUMNS = (
    *ODD_KEYS,
    *("seen", "Order No", "select", "weights", "name", "price", "facts", "day"),
    "feeling",
)


@pytest.fixture(scope="module")
def engine():
    """Run a server."""
    engine = started_postgres()
    yield engine
    engine.close()


@pytest.fixture
def home(engine):
    """Return where the tables are; the ledger is there too, and empty."""
    return PostgresHome(engine, inside=True)


@pytest.fixture
def url(redis_server, redis_client):
    """Return the URL of an empty online store."""
    assert 0 == redis_client.dbsize()
    return redis_server


@pytest.fixture
def shop(home, tmp_path):
    """Return a project with one view, whose rows are numbered."""
    return Shop(tmp_path / "project", home, LOADS)


def load(number, days=5.0, load=1.5, note="x"):
    """Return a row."""
    return LOADS.row(number, ago(days), load, note)


def written(folder, home, *models):
    """Return a project of these models."""
    (folder / "target").mkdir(parents=True)
    own = {"name": PROJECT, "profile": "shop", "vars": {"featurestore": home.own}}
    profiles = {"shop": {"target": "dev", "outputs": {"dev": home.target}}}
    for name, content in (
        ("dbt_project.yml", own),
        ("profiles.yml", profiles),
        ("target/manifest.json", manifest_json(*models, adapter="postgres")),
    ):
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return lambda url, now=NOW: FeatureStore(folder, redis_url=url, now=now)


def assert_same(store, rows):
    """Check that both sides have the same rows, value by value."""
    (verdict,) = store.verify(sample="all").views
    found = (verdict.problem, verdict.checked, verdict.differing, verdict.damaged, verdict.unknown)
    assert ("", rows, 0, 0, 0) == found, verdict


def test_each_value_is_compared_exactly(engine, home, tmp_path, url, redis_client):
    """Zeros have signs, NaN is itself, texts are bytes; a key may be a UUID, padded, or an enum."""
    if "icu" not in {row["collprovider"] for row in providers(engine)}:
        pytest.skip("this server has no ICU")
    home.execute("DROP TABLE IF EXISTS odd", "DROP TYPE IF EXISTS mood", *ODD.split(";\n"))
    node = {"relation_name": home.relation("odd")}
    own = {"event_timestamp": "seen", "entities": {"thing": list(ODD_KEYS)}, "ttl": "30 days"}
    store = written(
        tmp_path / "project", home, model("odd", dict.fromkeys(ODD_COLUMNS), node=node, **own)
    )
    assert {"odd": (3, 0)} == counts(store(url).sync())
    assert {"odd": (0, 0)} == counts(store(url).sync())
    assert_same(store(url), 3)

    changes = (
        """"Order No" = '-0'""",
        """"select" = '-0'""",
        "weights = '{-0, NaN}'",
        "weights = '{-0}'",
        "name = 'ANN'",
        "price = 1.5001",
        """facts = '{"a": 2}'""",
        "day = NULL",
        "feeling = 'glad'",
    )
    for change in changes:
        home.execute(f"UPDATE odd SET {change} WHERE code = 'N1'")
        assert {"odd": (1, 0)} == counts(store(url).sync(dry_run=True)), change
        assert {"odd": (1, 0)} == counts(store(url).sync()), change
        assert {"odd": (0, 0)} == counts(store(url).sync()), change
    assert_same(store(url), 3)

    later = NOW.replace(month=4, day=2)
    assert {"odd": (0, 0)} == counts(store(url, later).sync())
    home.execute("DELETE FROM odd WHERE code = 'N2'")
    assert {"odd": (0, 1)} == counts(store(url, later).sync())
    key = next(key for key in rows_in_redis(url, PROJECT) if "N1" in key)
    redis_client.set(key, redis_client.get(key)[:-1] + b"?")
    (verdict,) = store(url, later).verify(sample="all", repair=True).views
    assert (1, 1, 0) == (verdict.damaged, verdict.repaired, verdict.differing)
    assert {"odd": (1, 0)} == counts(store(url, later).sync(full=True))


def providers(engine):
    """Return the providers of collations that the server has."""
    names = "CASE collprovider WHEN 'i' THEN 'icu' ELSE 'other' END AS collprovider"
    return engine.rows(f"SELECT DISTINCT {names} FROM pg_collation")


def test_long_names_are_shortened_and_never_meet(engine, home, tmp_path, url):
    """PostgreSQL cuts names after 63 bytes, silently: then two views would share a table."""
    names = [f"{'ä' * 25}_{number}" for number in (1, 2)] + [f"{'x' * 59}_{n}" for n in (1, 2)]
    views = [replace(LOADS, name=name) for name in names]
    shop = Shop(tmp_path / "project", home)
    nodes = []
    for number, view in enumerate(views):
        home.create(f"long_{number}", view.types, [load(n) for n in range(number + 1)])
        nodes.append(view.model(home.relation(f"long_{number}")))
    manifest = manifest_json(*nodes, adapter="postgres")
    (shop.folder / "target/manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    expected = {name: (number + 1, 0) for number, name in enumerate(names)}
    assert expected == counts(shop.store(url).sync())
    assert dict.fromkeys(names, (0, 0)) == counts(shop.store(url).sync())
    tables = engine.rows(
        "SELECT relname FROM pg_class WHERE relname LIKE '\\_featurestore\\_published%#%'"
    )
    assert 4 == len(tables)
    assert all(len(row["relname"].encode()) <= 63 for row in tables)


def test_each_missing_right_is_named(engine, home, tmp_path, url):
    """One after another, as an administrator would grant them; the last run publishes."""
    shop = Shop(tmp_path / "project", home, LOADS)
    shop.build(LOADS, load(1), load(2))
    for statement in (
        "DROP SCHEMA IF EXISTS ledgers CASCADE",
        "CREATE ROLE novice LOGIN PASSWORD 'secret' IN ROLE reader",
    ):
        engine.connection.execute(statement)
    home.own = {"state": "warehouse", "state_schema": "ledgers"}
    home = replace_user(home, "novice")
    own = LOADS.model(home.relation("loads"))
    store = written(tmp_path / "novice", home, own)

    def refused(right):
        with pytest.raises(MissingRight) as found:
            store(url).sync()
        assert right in str(found.value)
        assert 1 == len(str(found.value).splitlines())
        return found.value.remedy

    remedy = refused("'novice' lacks CREATE on the database shop, to create the schema")
    assert "GRANT CREATE ON DATABASE shop TO novice" in remedy
    engine.connection.execute("CREATE SCHEMA ledgers")
    for right, grant in (
        ("USAGE on the schema ledgers", "GRANT USAGE ON SCHEMA ledgers TO novice"),
        ("CREATE on the schema ledgers", "GRANT CREATE ON SCHEMA ledgers TO novice"),
    ):
        assert grant in refused(right)
        engine.connection.execute(grant)
    assert {"loads": (2, 0)} == counts(store(url).sync())
    shop.build(LOADS, load(1))
    assert "GRANT TEMPORARY ON DATABASE shop" in refused("lacks TEMPORARY on the database shop")
    engine.connection.execute("GRANT TEMPORARY ON DATABASE shop TO novice")
    assert {"loads": (0, 1)} == counts(store(url).sync())

    watched = watcher(engine, tmp_path / "watcher", home, own)
    assert ["ok"] == [str(view.state) for view in watched(url).status().views]
    assert_same(watched(url), 1)

    engine.connection.execute("ALTER TABLE ledgers._featurestore_sync OWNER TO postgres")
    engine.connection.execute("GRANT SELECT ON ledgers._featurestore_sync TO novice")
    shop.build(LOADS, load(3))
    assert "INSERT, DELETE ON _featurestore_sync" in refused("INSERT and DELETE on")


def watcher(engine, folder, home, *models):
    """Return the project as another role sees it, who may read the ledger and not write it."""
    for statement in (
        "CREATE ROLE watcher LOGIN PASSWORD 'secret' IN ROLE reader",
        "GRANT TEMPORARY ON DATABASE shop TO watcher",
        "GRANT USAGE ON SCHEMA ledgers TO watcher",
        "GRANT SELECT ON ALL TABLES IN SCHEMA ledgers TO watcher",
        "ALTER DEFAULT PRIVILEGES FOR ROLE novice GRANT SELECT ON TABLES TO watcher",
    ):
        engine.connection.execute(statement)
    home = replace_user(home, "watcher")
    return written(folder, home, *models)


def replace_user(home, user):
    """Return the same place for another role."""
    found = PostgresHome(home.engine)
    found.target, found.own = {**home.target, "user": user}, home.own
    return found


def test_a_suspended_job_keeps_the_ledger(shop, url, redis_client, monkeypatch):
    """Its lock in Redis may expire; another job then waits, so the two never mix their ledgers."""
    monkeypatch.setattr(postgres_ledger, "_PATIENCE_SECONDS", 0.1)
    shop.build(LOADS, *(load(number) for number in range(50)))
    refused = []

    def suspended(event):
        redis_client.delete(LOCK)
        with pytest.raises(SyncLocked, match="is in use by process") as found:
            shop.store(url).sync()
        refused.append(found.value.remedy)

    with pytest.raises(SyncError, match="lock was lost"):
        shop.store(url).sync(progress=suspended)

    assert "pg_terminate_backend(" in refused[0]
    assert {"loads": (50, 0)} == counts(shop.store(url).sync())
    assert_law(shop, url)


def test_a_job_that_is_killed_at_any_instant_loses_nothing(shop, url, redis_client):
    """Its transactions are rolled back, its claim ends, and the next run heals."""
    chance = random.Random(0)
    command = [
        *(sys.executable, "-m", "sync", "--project-dir", str(shop.folder), "--quiet"),
        *("--redis-url", url, "--now", NOW.isoformat()),
    ]
    codes = set()
    for round_ in range(8):
        rows = [load(n, load=float(n + round_)) for n in range(round_ * 20, 300)]
        shop.build(LOADS, *rows)
        full = ["--full"] if round_ == 4 else []
        with subprocess.Popen([*command, *full], cwd=ROOT, env={**os.environ}) as process:
            while not redis_client.exists(LOCK) and process.poll() is None:
                time.sleep(0.002)
            time.sleep(chance.random() * 0.5)
            process.kill()
        codes.add(process.returncode)
        redis_client.delete(LOCK)
        if round_ % 2:
            shop.store(url).sync()
            assert_law(shop, url)
    assert codes <= {0, -9}
    assert -9 in codes


def test_a_schema_whose_name_is_too_long_is_refused(home, tmp_path, url):
    """PostgreSQL would cut it, and two projects might meet in one schema."""
    home.own = {**home.own, "state_schema": "x" * 64}
    shop = Shop(tmp_path / "project", home, LOADS)

    with pytest.raises(WarehouseError, match=f"{'x' * 64}, for the ledger, is too long: .* 63 "):
        shop.store(url).sync()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("CREATE SCHEMA met", lambda job: job.create_schema("met")),
        (
            "CREATE TABLE ledgers.met (id text)",
            lambda job: job.create_table("ledgers.met", "id text"),
        ),
    ],
    ids=["schema", "table"],
)
def test_jobs_that_meet_create_one_schema_and_one_table(engine, home, first, second):
    """Two projects may share a schema: the second one waits for the first one's transaction."""
    home.execute(
        "DROP SCHEMA IF EXISTS met CASCADE",
        "CREATE SCHEMA IF NOT EXISTS ledgers",
        "DROP TABLE IF EXISTS ledgers.met",
        f"GRANT USAGE, CREATE ON SCHEMA ledgers TO {KEEPER}",
    )
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    profile = Profile("shop", "dev", "postgres", home.target)
    with PostgresWarehouse.from_profile(profile) as job, ThreadPoolExecutor(1) as pool:
        home.execute("BEGIN", first)
        done = pool.submit(second, job)
        while not engine.rows(waiting) and not done.done():
            time.sleep(0.01)
        home.execute("COMMIT")

        assert done.result(30) is None
