"""Ends of validity, from the warehouse's column to the bytes of a row."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from featurestore.online.decoder import Decoder
from featurestore.online.row_format import END, HEAD, NO_END, NULLS
from featurestore.online.schema import Schema
from sync.encoding.arrow_values import end_micros
from sync.encoding.byte_columns import from_pieces
from sync.encoding.encoder import Encoder

SCHEMA = Schema((), (("n", "int8"),))
KEY = b"fs:shop:prices:{}"


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_NS", "TIMESTAMP_S"])
def test_null_and_infinity_never_end(kind):
    """In any unit; other instants are microseconds, rounded down."""
    texts = ["2024-01-01 00:00:00", None, "1969-12-31 23:59:59"]
    rows = ", ".join("(NULL)" if text is None else f"('{text}')" for text in texts)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.sql(f"SELECT t::{kind} AS t FROM (VALUES {rows}) AS v(t)")
        column = found.to_arrow_table()["t"].combine_chunks()
        infinite = connection.sql("SELECT 'infinity'::TIMESTAMP AS t").to_arrow_table()["t"]

    year = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    assert [year, NO_END, -1_000_000] == end_micros(column).tolist()
    assert [NO_END] == end_micros(infinite.combine_chunks()).tolist()


def test_a_row_has_the_same_bytes_in_every_batch():
    """A NULL or an end in another row changes no byte of it."""
    ends = np.array([NO_END, 7, NO_END], np.int64)
    batch = pa.record_batch({"n": pa.array([1, None, 2], "int8")})
    keys, events = from_pieces([KEY] * 3), np.zeros(3, np.int64)

    together = Encoder("shop", "prices", SCHEMA).values(batch, keys, events, None, ends)
    encoder = Encoder("shop", "prices", SCHEMA)
    alone = [
        encoder.values(batch.slice(n, 1), keys[n : n + 1], events[:1], None, ends[n : n + 1])
        for n in (2, 1, 0)
    ]

    assert together.to_pylist() == [column.to_pylist()[0] for column in reversed(alone)]
    assert {NULLS | END} == {row[0] & 15 for row in together.to_pylist()}
    decoders = Decoder.all_of(SCHEMA)
    assert [None, 7, None] == [
        decoders[row[:HEAD]].decode(row, KEY).end for row in together.to_pylist()
    ]
