"""The scripts at the server against a model of what they are to do, for every kind of row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from featurestore.online.row_format import CREATED, NO_CREATED, NULLS
from featurestore.online.schema import Schema
from sync.encoding.byte_columns import from_pieces
from sync.redis.expiry import expiry_shift
from sync.redis.publisher import publishing
from sync.safety.lock import sync_lock

SCHEMA = Schema((("id", "int64"),), (("n", "int8"),))
# On both sides of each half of 64 bits, and of zero.
EVENTS = [-(2**63), -(2**32), -1, 0, 2**32 - 1, 2**32, 2**63 - 1]
CREATED_AT = [None, NO_CREATED, -1, 0, 2**63 - 1]
STAMPS = [*product(EVENTS, CREATED_AT)]


def bytes_of(event, created):
    """Return timestamps as a script is told those of the row that was published before."""
    return b"".join(
        stamp.to_bytes(8, signed=True)
        for stamp in (event, NO_CREATED if created is None else created)
    )


def row_of(event, created, *, nulls=0):
    """Return a row with these timestamps."""
    marks = nulls | (0 if created is None else CREATED)
    stamps = bytes_of(event, created)[: 8 if created is None else 16]
    return SCHEMA.head(marks) + stamps + (b"\1" if nulls else b"") + b"\7"


def foreign():
    """Return what may be there without being a row of this format."""
    newest, marked = row_of(2**63 - 1, None), row_of(2**63 - 1, 2**63 - 1, nulls=NULLS)
    yield from (None, b"", b"x", b"\x01" + marked[1:] * 2, b"\xff" * 40, b"\0" * 40)
    yield from (bytes([first]) + marked[1:] for first in (0x1F, 0x20, 0x23, 0x2F, 0x38, 0x3F, 0x40))
    yield from (newest[:length] for length in (1, 5, 12))
    yield from (marked[:length] for length in (5, 13, 20))


HELD = [
    *((row, None) for row in foreign()),
    *((row_of(*stamps), bytes_of(*stamps)) for stamps in STAMPS),
    # Of a row only the timestamps count.
    *((row_of(*stamps, nulls=NULLS), bytes_of(*stamps)) for stamps in STAMPS[::3]),
    *((row_of(*stamps)[: 13 if stamps[1] is None else 21], bytes_of(*stamps)) for stamps in STAMPS),
]


def older(one, other):
    """Whether timestamps, as bytes, are less than others."""
    first, second = (
        [int.from_bytes(stamps[part], signed=True) for part in (slice(8), slice(8, None))]
        for stamps in (one, other)
    )
    return first < second


def prepared(client, helds):
    """Put any rows on the server; return their keys."""
    keys = [b"fs:shop:planes:{%d}" % number for number in range(len(helds))]
    there = {key: held for key, held in zip(keys, helds, strict=True) if held is not None}
    client.mset(there)
    return keys


@pytest.mark.parametrize("ttl", [None, timedelta(days=1)], ids=["stays", "expires"])
@pytest.mark.parametrize("previous", [b"", *(bytes_of(*stamps) for stamps in STAMPS[::4])])
def test_a_newer_row_is_never_overwritten_by_an_older_one(redis_client, previous, ttl):
    """It replaces damaged rows, rows that are not newer, and rows that we have published."""
    cases = [*product(HELD, STAMPS)]
    keys = prepared(redis_client, [held for (held, _), _ in cases])
    values = [row_of(*stamps, nulls=NULLS) + b"new" for _, stamps in cases]
    writes = [
        known is None or known == previous or not older(bytes_of(*stamps), known)
        for (_, known), stamps in cases
    ]

    with sync_lock(redis_client, "shop") as lease, publishing(redis_client, lease) as publisher:
        columns = (from_pieces(column) for column in (keys, values, [previous] * len(keys)))
        publisher.write_newest(*columns, expiry_shift(ttl, datetime(1970, 1, 1, tzinfo=UTC)))
        publisher.finish()
    found = redis_client.mget(keys)

    assert (sum(writes), len(writes) - sum(writes)) == (publisher.applied, publisher.refused)
    assert {True, False} == {*writes}
    expected = [
        value if written else held
        for ((held, _), _), value, written in zip(cases, values, writes, strict=True)
    ]
    # A row of before 1970 may have expired by now.
    lasting = [place for place, (_, (event, _)) in enumerate(cases) if ttl is None or event >= 0]
    assert [expected[place] for place in lasting] == [found[place] for place in lasting]


@pytest.mark.parametrize("published", STAMPS[::2])
def test_a_row_newer_than_what_was_published_is_not_deleted(redis_client, published):
    """All else goes: it is as old as what was published, older, or no row of this format."""
    previous = bytes_of(*published)
    keys = prepared(redis_client, [held for held, _ in HELD])
    refused = [known is not None and older(previous, known) for _, known in HELD]

    with sync_lock(redis_client, "shop") as lease, publishing(redis_client, lease) as publisher:
        publisher.delete(from_pieces(keys), from_pieces([previous] * len(keys)))
        publisher.finish()

    there = sum(held is not None for held, _ in HELD)
    assert (there - sum(refused), sum(refused)) == (publisher.applied, publisher.refused)
    expected = [held if kept else None for (held, _), kept in zip(HELD, refused, strict=True)]
    assert expected == redis_client.mget(keys)
