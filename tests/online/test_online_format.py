"""The page on the online format says what the sync writes and what the client reads."""

from __future__ import annotations

import hashlib
import json
import math
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from featurestore.online.decoder import Decoder
from featurestore.online.online_types import to_arrow_type
from featurestore.online.row_format import (
    CREATED,
    END,
    FORMAT_VERSION,
    HEAD,
    MARKS,
    NO_CREATED,
    NO_END,
    NULLS,
    fingerprint_of,
)
from featurestore.online.schema import Schema
from sync.encoding.encoder import Encoder
from tests.support.online_decoder import decode_row, fingerprint, row_key, value_of_json

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "online-format.md"
FENCE = re.compile(r"^```vectors\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VECTORS = [
    json.loads(line)
    for line in FENCE.search(PAGE.read_text(encoding="utf-8"))[1].strip().splitlines()
]
STAMPS = ("event", "created", "end")
each = pytest.mark.parametrize("vector", VECTORS, ids=[vector["view"] for vector in VECTORS])


def columns(vector, part):
    """Return the names, the types and the Python values of a vector's keys or features."""
    schema = json.loads(vector["schema"])
    written = vector["keys" if part == "keys" else "values"]
    return [
        (name, kind, value_of_json(kind, value))
        for (name, kind), value in zip(schema[part], written, strict=True)
    ]


def batch(vector):
    """Return the vector as a batch of one row."""
    parts = columns(vector, "keys") + columns(vector, "features")
    return pa.record_batch(
        {name: pa.array([value], to_arrow_type(kind)) for name, kind, value in parts}
    )


def encoder(vector):
    schema = Schema.from_json(vector["schema"])
    return Encoder(vector["project"], vector["view"], schema)


def texts(values):
    """Return values such that NaN is equal to itself, and -0.0 is not 0.0."""
    return [repr(value) for value in values]


def test_the_page_has_vectors_of_every_type():
    """Each type of the page's tables is in a vector, each kind of NULL too."""
    kinds = {kind for vector in VECTORS for _, kind, _ in columns(vector, "features")}
    bare = {re.split(r"[(<\[]", kind)[0] for kind in kinds}
    page = PAGE.read_text(encoding="utf-8")
    table = re.findall(r"^\| (`.+?) \| (?:\d|varies)", page, re.MULTILINE)
    documented = {name for row in table for name in re.findall(r"`(\w+)", row)}

    assert {"bool", "uint64", "float64", "decimal", "timestamptz", "list"} <= documented
    assert documented == bare
    assert any(None in vector["values"] for vector in VECTORS)


def test_the_page_has_vectors_of_all_parts():
    """Rows with each set of marks, with a created timestamp that is NULL, and without an end."""
    firsts = [bytes.fromhex(vector["row"])[0] for vector in VECTORS]
    found = {
        (first & 15, vector["created"] is None)
        for first, vector in zip(firsts, VECTORS, strict=True)
    }

    assert {*MARKS[FORMAT_VERSION]} == {marks for marks, _ in found}
    assert {(CREATED, True), (CREATED, False)} <= found
    ends = {vector["end"] for vector in VECTORS if bytes.fromhex(vector["row"])[0] & END}
    assert None in ends
    assert len(ends) > 1


@pytest.mark.parametrize(
    "vector",
    [vector for vector in VECTORS if bytes.fromhex(vector["row"])[0] & NULLS],
    ids=lambda vector: vector["view"],
)
def test_the_sync_writes_the_row_of_the_vector(vector):
    """The encoder's bytes are the page's; rows without a bitmap are of older releases."""
    marks = bytes.fromhex(vector["row"])[0]
    created, end = vector["created"], vector["end"]
    written = encoder(vector)
    rows = batch(vector)
    values = written.values(
        rows,
        written.keys(rows),
        np.array([vector["event"]], np.int64),
        np.array([NO_CREATED if created is None else created]) if marks & CREATED else None,
        np.array([NO_END if end is None else end]) if marks & END else None,
    ).to_pylist()

    assert vector["row"] == values[0].hex()


@each
def test_the_sync_writes_the_key_of_the_vector(vector):
    """The encoder's key is the page's, and so is the one that the page's rules give."""
    kinds = [kind for _, kind, _ in columns(vector, "keys")]
    values = [value for *_, value in columns(vector, "keys")]

    assert [vector["key"]] == [
        key.decode() for key in encoder(vector).keys(batch(vector)).to_pylist()
    ]
    assert vector["key"] == row_key(vector["project"], vector["view"], kinds, values)


@each
def test_the_fingerprint_is_the_hash_of_the_schema(vector):
    """The first 4 bytes of the SHA-256 of the schema's text name it, in metadata and row."""
    digest = hashlib.sha256(vector["schema"].encode()).hexdigest()

    assert vector["fingerprint"] == digest[:8]
    assert vector["fingerprint"] == Schema.from_json(vector["schema"]).fingerprint.hex()
    assert vector["fingerprint"] == fingerprint_of(bytes.fromhex(vector["row"])).hex()
    assert vector["schema"] == Schema.from_json(vector["schema"]).to_json()


@each
def test_the_client_reads_the_row_of_the_vector(vector):
    """The package's decoder gives the vector's values and timestamps."""
    raw = bytes.fromhex(vector["row"])

    row = Decoder.all_of(Schema.from_json(vector["schema"]))[raw[:HEAD]].decode(
        raw, vector["key"].encode()
    )

    assert [vector[name] for name in STAMPS] == [row.event, row.created, row.end]
    assert texts(value for *_, value in columns(vector, "features")) == texts(row.values)


@each
def test_a_reader_made_from_the_page_reads_the_row_of_the_vector(vector):
    """The independent decoder gives the same, with no help from the package."""
    schemas = {fingerprint(vector["schema"]): vector["schema"]}

    row = decode_row(vector["key"], bytes.fromhex(vector["row"]), schemas)

    assert [vector[name] for name in STAMPS] == [row.event, row.created, row.end]
    expected = {name: repr(value) for name, _, value in columns(vector, "features")}
    assert expected == {name: repr(value) for name, value in row.values.items()}


def test_the_walk_through_is_the_first_vector():
    """The bytes that the page explains one by one add up to its first row."""
    page = PAGE.read_text(encoding="utf-8")
    pieces = re.findall(r"^\| `([0-9a-f]+)` \|", page.partition("byte by byte:")[2], re.MULTILINE)

    assert VECTORS[0]["row"] == "".join(pieces)


def test_control_characters_of_a_schema_are_escaped_as_the_page_says():
    """The schema's text escapes quotes, backslashes and control characters, and nothing else."""
    schema = Schema((), (('a"\\\n\x01é\x7f', "bool"),))

    expected = r'{"version":3,"keys":[],"features":[["a\"\\\n\u0001é' + '\x7f","bool"]]}'

    assert expected == schema.to_json()
    assert schema == Schema.from_json(schema.to_json())


def test_the_extremes_of_a_double_are_in_the_vectors():
    """NaN, both infinities and the negative zero are among the vectors."""
    floats = [
        value
        for vector in VECTORS
        for _, kind, value in columns(vector, "features")
        if kind in ("float32", "float64") and value is not None
    ]

    assert any(math.isnan(value) for value in floats)
    assert {math.inf, -math.inf} <= set(floats)
    assert "-0.0" in texts(floats)
