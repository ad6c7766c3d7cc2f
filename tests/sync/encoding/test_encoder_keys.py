"""Keys of whole batches: written and read back at once, they are those of each row by itself."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurestore.online.key_values import key_writer
from featurestore.online.keys import entity_key, row_prefix
from featurestore.online.online_types import to_arrow_type
from featurestore.online.schema import Schema
from sync.encoding.encoder import Encoder
from sync.orphans import _any_columns, _plain_columns

KINDS = {
    "int8": st.integers(-(2**7), 2**7 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "string": st.text("ab%:,{}é 1-._~", max_size=4),
    "date": st.dates(),
    "bool": st.booleans(),
}
ROWS = st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=3).flatmap(
    lambda kinds: st.tuples(
        st.just(kinds),
        st.lists(st.tuples(*(KINDS[kind] for kind in kinds)), min_size=1, max_size=5),
    )
)
PREFIX = row_prefix("shop", "planes")


def schema_of(kinds):
    """Return a schema of keys `k0`, `k1` ..."""
    return Schema(tuple((f"k{index}", kind) for index, kind in enumerate(kinds)), ())


def batch_of(kinds, rows):
    """Return rows as a batch."""
    columns = [
        pa.array([row[index] for row in rows], to_arrow_type(kind))
        for index, kind in enumerate(kinds)
    ]
    return pa.record_batch(columns, names=[f"k{index}" for index in range(len(kinds))])


@given(ROWS)
def test_a_batch_is_named_as_each_row_is(given_rows):
    """The keys of a batch are those that a reader makes for each row."""
    kinds, rows = given_rows
    writers = [key_writer("k", kind) for kind in kinds]
    expected = [
        entity_key(PREFIX, [write(value) for write, value in zip(writers, row, strict=True)])
        for row in rows
    ]

    written = Encoder("shop", "planes", schema_of(kinds)).keys(batch_of(kinds, rows))
    assert [key.encode() for key in expected] == written.to_pylist()


@given(ROWS)
def test_keys_are_read_back_alike_in_both_ways(given_rows):
    """Where keys can be read all at once, that gives what reading one by one gives: the rows."""
    kinds, rows = given_rows
    schema = schema_of(kinds)
    keys = Encoder("shop", "planes", schema_of(kinds)).keys(batch_of(kinds, rows)).to_pylist()
    at_once = _plain_columns(schema, PREFIX, keys)
    one_by_one, unreadable = _any_columns(schema, PREFIX, keys)

    assert [] == unreadable
    assert rows == [tuple(row.values())[1:] for row in one_by_one.to_pylist()]
    assert at_once is None or at_once.equals(one_by_one)


@pytest.mark.parametrize(
    "key", [b"{007}", b"{-0}", b"{+1}", b"{300}", b"{}", b"{1,2}", b"1", b"{1"]
)
def test_what_a_type_cannot_have_written_is_unreadable(key):
    """Leading zeros, numbers out of range and foreign shapes are not keys of an int8."""
    schema = schema_of(["int8"])
    keys = [PREFIX.encode() + key]

    assert _plain_columns(schema, PREFIX, keys) is None
    assert keys == _any_columns(schema, PREFIX, keys)[1]


def test_plain_keys_are_read_at_once():
    """Integers and plain text need no reading one by one."""
    schema = schema_of(["int64", "string"])
    keys = [PREFIX.encode() + b"{-7,N14228}", PREFIX.encode() + b"{0,}"]

    assert [(-7, "N14228"), (0, "")] == [
        tuple(row.values())[1:] for row in _plain_columns(schema, PREFIX, keys).to_pylist()
    ]
