"""A damaged or foreign row is never served; all other rows of the request are."""

from __future__ import annotations

import asyncio
import json
import math
import random
from datetime import timedelta
from zlib import crc32 as zlib_crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurestore.cli import main
from featurestore.errors import OnlineStoreError
from featurestore.online.checksums import is_sound, with_checksum
from tests.online.test_codec import KEY, cases
from tests.support.builders import Table, model
from tests.support.examples import examples
from tests.support.format2 import rewrite_in_format_2
from tests.support.online_decoder import Malformed, crc32, decode_row, fingerprint
from tests.support.online_project import NOW, Shop, schema_key

EVENT = NOW - timedelta(hours=1)
COLUMNS = {
    "id": "bigint",
    "seen_at": "timestamp",
    "n": "bigint",
    "price": "decimal(9,2)",
    "flag": "boolean",
    "text": "varchar",
    "day": "date",
    "words": "varchar[]",
}
NAMES = [name for name in COLUMNS if name not in ("id", "seen_at")]
ROWS = [
    (1, EVENT, 10, "1.50", True, "one", "2024-01-01", ["a", None]),
    (2, EVENT, None, "2.50", False, "two", None, []),
    (3, EVENT, 30, None, None, "x" * 300, "2024-01-03", ["c"]),
]
ASKED = {"id": [1, 2, 3]}


def key_of(number, view="things"):
    return f"fs:shop:{view}:{{{number}}}"


@pytest.fixture
def shop(tmp_path, redis_client, redis_server):
    """Return a project folder that publishes to an empty server."""
    return Shop(tmp_path / "shop", redis_server)


@pytest.fixture
def store(shop):
    """Return a store with two views whose schemas are the same."""
    declared = {"entities": {"one": "id"}, "event_timestamp": "seen_at"}
    models = [
        model("things", COLUMNS, **declared),
        model("others", COLUMNS, **declared, ttl="2 hours"),
    ]
    return shop.publish(models, {name: Table(COLUMNS, ROWS) for name in ("things", "others")})


def read(store, asked=None, view="things", **options):
    return store.get_online_features([f"{view}:*"], asked or ASKED, **options)


def row_of(response, index):
    """Return an entity row's values and statuses."""
    return [(response.values[name][index], str(response.statuses[name][index])) for name in NAMES]


DAMAGED = [(None, "DAMAGED")] * len(NAMES)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_the_checksum_is_that_of_zlib_and_of_the_page(key, row):
    """Two other ways to compute it agree, and the whole row gives the page's constant."""
    made = with_checksum(key, row)

    assert row + zlib_crc32(key + row).to_bytes(4, "little") == made
    assert row + crc32(key + row).to_bytes(4, "little") == made
    assert 0x2144DF1C == zlib_crc32(key + made)
    assert is_sound(key, made)


@examples(60)
@given(cases(rows=2), st.data())
def test_no_change_of_a_row_is_read(case, data):
    """Any byte changed, bytes cut off or added: both readers refuse the row."""
    decoder, text = case.decoder, case.schema.to_json()
    schemas = {fingerprint(text): text}
    for raw in case.encoded():
        flip = data.draw(st.integers(1, 255))
        changed = [
            raw[:place] + bytes([raw[place] ^ flip]) + raw[place + 1 :] for place in range(len(raw))
        ]
        for damaged in (*changed, raw + b"\0", raw + bytes([flip]), raw[1:], raw * 2):
            with pytest.raises(OnlineStoreError):
                decoder.decode(damaged, KEY)
            with pytest.raises((Malformed, KeyError)):
                decode_row(KEY.decode(), damaged, schemas)
        with pytest.raises(OnlineStoreError, match="damaged"):
            decoder.decode(raw, KEY + b"x")


@pytest.mark.parametrize("damage", ["changed", "cut", "longer"])
def test_a_damaged_row_is_damaged_and_the_others_are_answered(store, redis_client, damage):
    """Wherever the damage is, the entity has no value, and nothing else is touched."""
    good, chance = read(store), random.Random(7)
    raw = redis_client.get(key_of(2))
    pieces = {
        "changed": [
            raw[:place] + bytes([raw[place] ^ chance.randint(1, 255)]) + raw[place + 1 :]
            for place in range(len(raw))
        ],
        "cut": [raw[:length] for length in range(len(raw))],
        "longer": [raw + b"\0", raw + raw],
    }[damage]
    for piece in pieces:
        redis_client.set(key_of(2), piece)
        found = read(store)

        assert DAMAGED == row_of(found, 1), piece.hex()
        assert [row_of(good, index) for index in (0, 2)] == [row_of(found, n) for n in (0, 2)]
        assert (1, 0) == (found.damaged_rows, found.unchecked_rows)
    redis_client.set(key_of(2), raw)
    assert row_of(good, 1) == row_of(read(store), 1)
    assert 0 == read(store).damaged_rows


@pytest.mark.parametrize("view", ["things", "others"])
def test_a_sound_row_under_another_key_is_damaged(store, redis_client, view):
    """Rows swapped between entities, and the same entity's row of a view with the same schema."""
    redis_client.copy(key_of(1, "things"), key_of(2, view), replace=True)
    redis_client.copy(
        key_of(1, "others" if view == "things" else "things"), key_of(3, view), replace=True
    )

    found = read(store, view=view)

    assert [DAMAGED, DAMAGED] == [row_of(found, 1), row_of(found, 2)]
    assert (10, "PRESENT") == row_of(found, 0)[0]
    assert 2 == found.damaged_rows


def test_every_exit_says_that_a_row_is_damaged(store, shop, redis_client, capsys):
    """Dictionaries, frames, Arrow, matrices, the async client and the command line."""
    redis_client.set(key_of(2), b"what?")

    found = asyncio.run(read_async(store))
    assert row_of(found, 1) == DAMAGED == row_of(read(store), 1)
    plain = found.to_dict(include_statuses=True)
    assert (None, "DAMAGED") == (plain["n"][1], plain["n__status"][1])
    assert [10, None, 30] == found.to_arrow().column("n").to_pylist()
    assert [10, None, 30] == [*found.to_df()["n"]]
    assert [False, True, False] == [*map(math.isnan, found.to_matrix(["n"])[:, 0])]
    with pytest.raises(SystemExit):
        main(
            [
                "get",
                "-f",
                "things:n",
                "-e",
                "id=2",
                "--project-dir",
                str(shop.folder),
                "--redis-url",
                shop.url,
                "--format",
                "json",
            ]
        )
    printed = json.loads(capsys.readouterr().out)
    assert ([None], ["DAMAGED"]) == (printed["n"], printed["n__status"])


async def read_async(store):
    """Read in an event loop."""
    try:
        return await store.get_online_features_async(["things:*"], ASKED)
    finally:
        await store.aclose()


def test_damage_is_told_among_missing_expired_and_repeated_rows(store, redis_client):
    """A damaged row's event timestamp is not believed: it is damaged, and not expired."""
    raw = redis_client.get(key_of(1, "others"))
    redis_client.set(key_of(1, "others"), raw[:5] + bytes(8) + raw[13:])
    asked = {"id": [1, 9, 2, 1, None]}

    found = read(store, asked, view="others")

    states = [str(status) for status in found.statuses["flag"]]
    assert ["DAMAGED", "NOT_FOUND", "PRESENT", "DAMAGED", "NOT_FOUND"] == states
    assert 1 == found.damaged_rows


def test_a_damaged_row_of_other_keys_is_not_found(store, redis_client):
    """The layout is looked at first: such a row belongs to another entity, sound or not."""
    fields = redis_client.hgetall(schema_key("things"))
    other = fields[fields[b"current"]].replace(b'[["id",', b'[["old_id",').decode()
    redis_client.hset(schema_key("things"), fingerprint(other).hex(), other)
    raw = redis_client.get(key_of(1))
    redis_client.set(key_of(1), raw[:1] + fingerprint(other) + raw[5:])

    found = read(store)

    assert {(None, "NOT_FOUND")} == {*row_of(found, 0)}
    assert 0 == found.damaged_rows


def test_a_damaged_fingerprint_asks_for_no_schema(store, redis_client):
    """A failed checksum names damage, not a schema to learn: each read stays one round trip."""
    raw = redis_client.get(key_of(2))
    redis_client.set(key_of(2), raw[:1] + b"who?" + raw[5:])
    read(store)
    before = redis_client.info("commandstats")["cmdstat_hgetall"]["calls"]
    for _ in range(3):
        assert DAMAGED == row_of(read(store), 1)

    assert before == redis_client.info("commandstats")["cmdstat_hgetall"]["calls"]


class TestEnds:
    """Rows with an end of validity, which the sync writes for views that declare one."""

    END = (NOW - timedelta(minutes=5)).timestamp() * 1_000_000

    def put(self, redis_client, number, end, view="things"):
        """Give a row an end, as the page describes it."""
        key = key_of(number, view)
        row = redis_client.get(key)[:-4]
        assert not row[0] & 5
        made = bytes([row[0] | 4]) + row[1:13] + int(end).to_bytes(8, signed=True) + row[13:]
        redis_client.set(key, made + crc32(key.encode() + made).to_bytes(4, "little"))

    @pytest.mark.parametrize(
        ("after", "states"),
        [
            (-1, ["PRESENT", "PRESENT", "PRESENT"]),
            (0, ["EXPIRED", "PRESENT", "PRESENT"]),
            (1, ["EXPIRED", "EXPIRED", "PRESENT"]),
        ],
    )
    @pytest.mark.parametrize("asked", [[1, 2, 3], [1, 2, 3, 9]])
    @pytest.mark.usefixtures("store")
    def test_the_end_is_exclusive(self, shop, redis_client, after, states, asked):
        """A row counts up to the microsecond before its end; one without an end stays."""
        for number, end in ((1, self.END), (2, self.END + 1), (3, 2**63 - 1)):
            self.put(redis_client, number, end)
        moment = NOW - timedelta(minutes=5) + timedelta(microseconds=after)

        found = read(shop.open(moment), {"id": asked})

        assert states == [str(status) for status in found.statuses["text"][:3]]
        assert [s == "EXPIRED" for s in states] == [v is None for v in found.values["text"][:3]]
        alone = [read(shop.open(moment), {"id": [n]}).statuses["text"][0] for n in asked]
        assert alone == found.statuses["text"]

    def test_ttl_and_end_whichever_comes_first(self, store, shop, redis_client):
        """Rows with and without an end in one view with a ttl."""
        late = (NOW + timedelta(days=9)).timestamp() * 1_000_000
        self.put(redis_client, 1, self.END, "others")
        self.put(redis_client, 2, late, "others")

        now = read(store, view="others")
        later = read(shop.open(NOW + timedelta(hours=2)), view="others")

        assert ["EXPIRED", "PRESENT", "PRESENT"] == [str(s) for s in now.statuses["text"]]
        assert ["EXPIRED"] * 3 == [str(s) for s in later.statuses["text"]]


@pytest.fixture
def old(store, redis_client):
    """Return a store whose rows are in format 2."""
    good = read(store)
    rewrite_in_format_2(redis_client, "shop", "things")
    return store, good


def test_rows_of_format_2_are_read_and_counted(old, shop):
    """By a reader that knew format 3 before, and by a new one; both formats in one request."""
    store, good = old

    for reader in (store, shop.open()):
        found = read(reader)
        assert [row_of(good, n) for n in range(3)] == [row_of(found, n) for n in range(3)]
        assert (0, 3) == (found.damaged_rows, found.unchecked_rows)
        both = reader.get_online_features(["things:n", "others:n"], ASKED, full_feature_names=True)
        assert both.values["things__n"] == both.values["others__n"]
        assert (0, 3) == (both.damaged_rows, both.unchecked_rows)


@pytest.mark.parametrize("fresh", [False, True])
def test_a_row_of_format_2_that_cannot_be_decoded_is_damaged(old, shop, redis_client, fresh):
    """Cut anywhere, it is neither an error nor a value; the others are answered."""
    store, good = old
    raw = redis_client.get(key_of(1))
    for length in range(len(raw)):
        redis_client.set(key_of(1), raw[:length])
        found = read(shop.open() if fresh else store)

        assert DAMAGED == row_of(found, 0), length
        assert [row_of(good, n) for n in (1, 2)] == [row_of(found, n) for n in (1, 2)]
        assert DAMAGED == row_of(read(store, {"id": [1]}), 0)
