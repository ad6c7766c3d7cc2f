"""The ledger in Snowflake, emulated: exact values, a claim that is taken over, and crashes.

How two transactions wait for each other cannot be tried there: see `snowflake_server`.
"""

from __future__ import annotations

import random
import time
from contextlib import contextmanager

import pytest

from featurestore.errors import SyncLocked
from featurestore.values.dbt_profile import Profile
from featurestore.warehouse import connect
from sync.warehouse.ledger import Ledger
from tests.engines.shops import Shop, SnowflakeHome, View, ago, assert_law, counts, sync_process
from tests.support.builders import PROJECT

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]
LOCK = f"fs-meta:{{{PROJECT}}}:lock"
LEDGER = "SHOP.FEATURES_ONLINE"
LOADS = View(
    "loads",
    ("number",),
    {"number": "varchar", "seen": "timestamp", "load": "double", "note": "varchar"},
    {"event_timestamp": "seen", "ttl": "30 days"},
)


@pytest.fixture
def shop(snowflake_engine, tmp_path):
    """Return a project with one view, and an empty ledger in the warehouse."""
    return Shop(tmp_path / "project", SnowflakeHome(snowflake_engine, inside=True), LOADS)


@contextmanager
def ledger_of(shop):
    """Open the project's ledger on a connection of its own, as a job does."""
    with connect(Profile("shop", "dev", "snowflake", shop.home.target)) as warehouse:
        yield Ledger(warehouse, shop.home.own["state_schema"], PROJECT)


def load(number, value=1.5, note="x"):
    """Return a row."""
    return LOADS.row(str(number), ago(5), value, note)


def tables(shop):
    """Return the names of the tables of published rows."""
    found = shop.home.engine.execute(f"SHOW TABLES IN SCHEMA {LEDGER}")
    return {row[1] for row in found if "PUBLISHED" in row[1].upper()}


def test_each_value_is_compared_exactly(shop, url, redis_client):
    """Zeros have signs, NaN is itself, texts are bytes."""
    shop.build(LOADS, load(1, 0.0), load(2, float("nan")))
    assert {"loads": (2, 0)} == counts(shop.store(url).sync())
    assert {"loads": (0, 0)} == counts(shop.store(url).sync())
    shop.build(LOADS, load(1, -0.0), load(2, float("nan")))
    # Found, and no more: the emulator's UPDATE leaves a zero whose sign alone changes.
    assert {"loads": (1, 0)} == counts(shop.store(url).sync(dry_run=True))
    for changed in (load(1, 1.0), load(1, None), load(1, None, "X"), load(1, None, "X ")):
        shop.build(LOADS, changed, load(2, float("nan")))
        assert {"loads": (1, 0)} == counts(shop.store(url).sync()), changed
        assert {"loads": (0, 0)} == counts(shop.store(url).sync()), changed
    assert_law(shop, url)


def test_a_run_that_lost_the_claim_changes_nothing(shop, url, redis_client):
    """Neither its records nor its table take the place of the winner's."""
    shop.build(LOADS, load(1))
    shop.store(url).sync()
    before = tables(shop)
    with ledger_of(shop) as first, ledger_of(shop) as second:
        first.create()
        second.create()
        for change in (
            lambda: first.mark_dirty("loads", "layout"),
            lambda: first.mark_clean("loads", "epoch", "layout"),
            lambda: first.hold_back("loads", "reason"),
            lambda: first.drop("loads"),
        ):
            with pytest.raises(SyncLocked, match=r"taken over the ledger .*: process \d+ on "):
                change()
        assert not second.read("loads").dirty
        assert "" == second.held_back("loads")
        second.mark_dirty("loads", "layout")
        assert second.read("loads").dirty
    assert before >= tables(shop)
    assert {"loads": (1, 0)} == counts(shop.store(url).sync())
    assert_law(shop, url)


def test_a_full_run_leaves_one_table(shop, url, redis_client):
    """What a killed run left behind is noted, and dropped by the next full one."""
    shop.build(LOADS, load(1))
    shop.store(url).sync()
    shop.home.execute(
        f"CREATE TABLE {LEDGER}._FEATURESTORE_PUBLISHED__LEFT (X INT)",
        f"INSERT INTO {LEDGER}._FEATURESTORE_TABLES VALUES"
        f" ('{PROJECT}', 'loads', '_featurestore_published__left', FALSE)",
    )
    assert 2 == len(tables(shop))
    old = tables(shop)

    shop.store(url).sync(full=True)

    assert 1 == len(tables(shop))
    assert not old & tables(shop)
    assert {"loads": (0, 0)} == counts(shop.store(url).sync())


def test_a_job_that_is_killed_at_any_instant_loses_nothing(shop, url, redis_client):
    """The next run takes its claim over at once, and heals."""
    chance = random.Random(0)
    for round_ in range(4):
        shop.build(LOADS, *(load(n, float(n + round_)) for n in range(round_ * 20, 300)))
        with sync_process(shop, url) as process:
            while not redis_client.exists(LOCK) and process.poll() is None:
                time.sleep(0.002)
            time.sleep(chance.random())
            process.kill()
        redis_client.delete(LOCK)
        shop.home.engine.end_sessions()
        shop.store(url).sync()
        assert_law(shop, url)
