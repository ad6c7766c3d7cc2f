"""Join keys that change while readers are at work: no entity gets the values of another."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from featurestore.errors import EntityFrameError, OnlineStoreError
from tests.support.builders import Table, column, model
from tests.support.online_project import NOW, Shop

ROOT = Path(__file__).parents[2]
OLDER = NOW.replace(year=2020)
KILLED_ONCE_ANNOUNCED = """
import os, signal, sys
from datetime import datetime
from featurestore import FeatureStore

def kill(frame, event, _):
    if event == "return" and frame.f_code.co_name == "announce_schema":
        os.kill(os.getpid(), signal.SIGKILL)

store = FeatureStore(sys.argv[1], redis_url=sys.argv[2], now=datetime.fromisoformat(sys.argv[3]))
sys.setprofile(kill)
store.sync()
"""


@pytest.fixture
def shop(tmp_path, redis_client, redis_server):
    """Return a project folder that publishes to an empty server."""
    return Shop(tmp_path / "shop", redis_server)


def view(keys, rows, event=NOW, *, pii=False, **own):
    """Return a model with the feature `x`, which may be personal data, and its table."""
    columns = {**keys, "observed_at": "timestamp", "y": "bigint", "x": "bigint"}
    held = [(*row[:-1], event, 0, row[-1]) for row in rows]
    marks = {"x": {"pii": True}} if pii else {}
    declared = [column(name, kind, **marks.get(name, {})) for name, kind in columns.items()]
    made = model("v", declared, entities={"one": [*keys]}, **own)
    return [made], {"v": Table(columns, held)}


def kill_a_sync_once_it_announced(shop, redis_client):
    """Sync in another process, which dies before it overwrites the first row."""
    before = {key: redis_client.get(key) for key in redis_client.keys("fs:*")}
    done = subprocess.run(
        [sys.executable, "-c", KILLED_ONCE_ANNOUNCED, shop.folder, shop.url, NOW.isoformat()],
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert -signal.SIGKILL == done.returncode
    redis_client.delete("fs-meta:{shop}:lock")
    assert before
    assert before == {key: redis_client.get(key) for key in redis_client.keys("fs:*")}


def cells(response):
    pairs = zip(response.values["x"], response.statuses["x"], strict=True)
    return [(value, str(status)) for value, status in pairs]


ID = {"customer_id": "bigint"}, {"account_id": "bigint"}
PAIR = {"a": "bigint", "b": "bigint"}, {"b": "bigint", "a": "bigint"}
CHANGES = {
    "renamed": (*ID, [(1, 10), (2, 20)], {"account_id": [1, 2]}),
    "reordered": (*PAIR, [(1, 2, 10), (2, 1, 20)], {"a": [1, 2], "b": [2, 1]}),
}


@pytest.mark.parametrize("ttl", [None, "30 days"])
@pytest.mark.parametrize("change", CHANGES)
async def test_rows_of_other_keys_are_not_found(shop, redis_client, change, ttl):
    """The sync dies after the new schema is announced; the old rows are of other entities."""
    before, after, rows, asked = CHANGES[change]
    shop.publish(*view(before, rows, OLDER if ttl else NOW))
    shop.write(*view(after, [(*key[::-1], x + 1) for *key, x in rows], ttl=ttl))
    kill_a_sync_once_it_announced(shop, redis_client)

    async with shop.open() as store:
        found = store.get_online_features(["v:x"], asked)
        found_async = await store.get_online_features_async(["v:x"], asked)
        one = store.get_online_features(["v:x"], {name: keys[:1] for name, keys in asked.items()})
        store.sync()
        healed = store.get_online_features(["v:x"], asked)

    assert [(None, "NOT_FOUND")] * 2 == cells(found) == cells(found_async)
    assert [(None, "NOT_FOUND")] == cells(one)
    assert [(11, "PRESENT"), (21, "PRESENT")] == cells(healed)


async def test_a_column_named_like_an_old_key_is_not_taken_for_it(shop):
    """The project declares another key than is published: the reader refuses until the sync."""
    shop.publish(*view(ID[0], [(5, 50)]))
    shop.write(*view(ID[1], [(5, -50)]))
    store, asked = shop.open(), {"account_id": [5], "customer_id": [5]}

    async with store:
        with pytest.raises(OnlineStoreError, match=r"join keys customer_id, but declares account_"):
            store.get_online_features(["v:x"], asked)
        with pytest.raises(OnlineStoreError, match=r"join keys customer_id, but declares account_"):
            await store.get_online_features_async(["v:x"], asked)
        shop.open().sync()

        assert [(-50, "PRESENT")] == cells(store.get_online_features(["v:x"], asked))


@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "asynchronous"])
@pytest.mark.parametrize("case", ["renamed", "retyped", "allowed"])
async def test_a_reader_recovers_after_a_request_that_did_not_fit(shop, case, blocking):
    """A sync makes the request fit: the reader that refused it before answers it."""
    old, new, error = {
        "renamed": (*ID, EntityFrameError),
        "retyped": ({"k": "varchar"}, {"k": "bigint"}, EntityFrameError),
        "allowed": (ID[0], ID[0], OnlineStoreError),
    }[case]
    pii = case == "allowed"
    shop.publish(*view(old, [(1, 10)], pii=pii))
    shop.write(*view(new, [(1, 11)], pii=pii))
    store, asked = shop.open(), {next(iter(new)): [1]}

    async def read():
        if blocking:
            return store.get_online_features(["v:x"], asked)
        return await store.get_online_features_async(["v:x"], asked)

    async with store:
        with pytest.raises(error):
            await read()
        shop.open().sync(allow_pii=pii)
        found = await read()

    assert [(11, "PRESENT")] == cells(found)
