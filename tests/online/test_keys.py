"""No two rows share a key, and one row has one key, however its join keys are given."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from featurestore.errors import EntityFrameError, UnsupportedOnlineType
from featurestore.online.key_values import from_text, key_writer
from featurestore.online.keys import entity_key, metadata_key, row_prefix, split_key, view_of
from featurestore.online.online_types import to_arrow_type
from featurestore.online.schema import Schema
from sync.encoding.encoder import Encoder
from tests.support.online_decoder import row_key

PROJECTS = ["prod", "nonprod", "prod:x", "prod%3Ax", "prod%3ax", "prod:", "pro", "prod.v2", "PROD"]
NASTY = st.sampled_from([*",{}:%\\*?[]^- ", "%2C", "%253A", "é", "e\u0301", "\0", "🛫", "a"])
TEXT = st.lists(NASTY, max_size=4).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=6
)
NAME = TEXT.filter(bool)
PLACES = st.tuples(NAME, NAME, st.lists(TEXT, min_size=1, max_size=3))
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
VALUES = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "int8": st.integers(-128, 127),
    "string": TEXT,
    "bool": st.booleans(),
    "decimal(38,10)": st.integers(1 - 10**38, 10**38 - 1).map(lambda n: Decimal(f"{n}E-10")),
    "decimal(38,0)": st.integers(1 - 10**38, 10**38 - 1).map(Decimal),
    "decimal(5,0)": st.integers(-99_999, 99_999).map(Decimal),
    "date": st.dates(),
    "timestamp[us]": st.datetimes(),
    "timestamp[s]": st.datetimes().map(lambda moment: moment.replace(microsecond=0)),
    "timestamptz[us]": st.datetimes(timezones=st.just(dt.UTC)),
    "uuid": st.uuids().map(str),
}


@st.composite
def entities(draw):
    """Return the types and the values of some join keys."""
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3))
    return kinds, tuple(draw(VALUES[kind]) for kind in kinds)


def key_of(project, view, texts):
    return entity_key(row_prefix(project, view), texts)


def texts_of(kinds, values):
    return [key_writer("key", kind)(value) for kind, value in zip(kinds, values, strict=True)]


@given(PLACES, PLACES)
@example(("a:b", "c", ["d"]), ("a", "b:c", ["d"]))
@example(("a", "b", ["c,d"]), ("a", "b", ["c", "d"]))
@example(("a", "b", [""]), ("a", "b", ["", ""]))
@example(("a", "b", ["}:{"]), ("a", "b", ["", ""]))
@example(("a", "b", ["%2C"]), ("a", "b", [","]))
def test_two_places_never_share_a_key(one, other):
    """Another project, view or join key gives another key, with any characters."""
    assert (one == other) == (key_of(*one) == key_of(*other))


@given(PLACES, PLACES)
def test_no_views_rows_lie_among_anothers(one, other):
    """What begins with a view's prefix is a row of this view: a walk finds no other's."""
    assume(one[:2] != other[:2])

    assert not key_of(*other).startswith(row_prefix(*one[:2]))


@given(PLACES)
def test_a_key_is_plain_ascii_without_patterns(place):
    """A key has one hash tag, and nothing that a pattern of SCAN would take for more."""
    key = key_of(*place)

    assert key.isascii()
    assert (1, 1) == (key.count("{"), key.count("}"))
    assert 3 == key.count(":")
    assert not set("*?[]\\^ \0\n") & set(key)


@given(PLACES)
def test_a_key_can_be_taken_apart(place):
    """The view and the join keys' texts are read back from a key."""
    project, view, texts = place
    key = key_of(*place).encode()

    assert view == view_of(key, project)
    assert texts == split_key(key, row_prefix(project, view))


@given(st.binary(max_size=12))
@example(b"{\xff}")
@example(b"{a")
def test_a_foreign_key_is_none_of_the_views(tail):
    """A key whose tail is not in braces, or not ASCII, has no join keys."""
    assume(not (tail.startswith(b"{") and tail.endswith(b"}") and tail.isascii()))

    assert None is split_key(b"fs:shop:orders:" + tail, "fs:shop:orders:")


@given(entities())
def test_join_keys_are_read_back_from_their_texts(entity):
    """The values that were written come back, with their types."""
    kinds, values = entity

    assert values == from_text(texts_of(kinds, values), kinds)
    key = key_of("shop", "orders", texts_of(kinds, values)).encode()
    assert values == from_text(split_key(key, row_prefix("shop", "orders")), kinds)


@given(entities())
def test_a_reader_made_from_the_page_writes_the_same_key(entity):
    """The client, the sync and the independent reader write one key for one entity."""
    kinds, values = entity
    key = key_of("shop", "orders", texts_of(kinds, values))
    names = [f"k{index}" for index in range(len(kinds))]
    schema = Schema(tuple(zip(names, kinds, strict=True)), (("f", "bool"),))
    batch = pa.record_batch(
        {
            name: pa.array([value], to_arrow_type(kind))
            for name, kind, value in zip(names, kinds, values, strict=True)
        }
    )

    assert key == row_key("shop", "orders", kinds, list(values))
    assert [key.encode()] == Encoder("shop", "orders", schema).keys(batch).to_pylist()


@given(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=2), st.lists(TEXT))
def test_texts_of_other_types_are_no_join_keys(kinds, texts):
    """Texts that are not of the types, or too many or too few, are None, not an error."""
    values = from_text(texts, kinds)

    assert values is None or len(values) == len(kinds) == len(texts)


def test_a_view_without_join_keys_has_one_row():
    """Global features have the empty tag, and only it is read back as such."""
    assert "fs:shop:global:{}" == key_of("shop", "global", ())
    assert () == from_text(split_key(b"fs:shop:global:{}", "fs:shop:global:"), ())
    assert None is from_text(["a"], ())
    assert None is from_text(None, ("string",))


@pytest.mark.parametrize(
    ("kind", "text", "values"),
    [
        ("int64", "7", [7, np.int64(7), np.int8(7), np.uint64(7), Decimal("7.0")]),
        ("decimal(38,0)", "7", [7, np.int64(7), Decimal(7), Decimal("7.00")]),
        ("decimal(38,0)", str(10**38 - 1), [10**38 - 1, Decimal(10**38 - 1)]),
        ("uint64", str(2**64 - 1), [2**64 - 1, np.uint64(2**64 - 1)]),
        ("string", "N1", ["N1", np.str_("N1")]),
        ("bool", "true", [True, np.bool_(True), "true"]),
        ("decimal(10,2)", "1.5", [Decimal("1.50"), Decimal("1.5"), "1.5", "1.50", "01.5"]),
        ("decimal(10,2)", "100", [100, Decimal(100), Decimal("1E+2"), Decimal("100.00"), "1e2"]),
        ("decimal(10,2)", "0", [0, Decimal("-0.00"), Decimal("0E+3"), "-0", "0.0"]),
        ("decimal(10,2)", "-0.01", [Decimal("-0.01"), Decimal("-1E-2"), "-.01"]),
        ("date", "2024-02-29", [dt.date(2024, 2, 29), "2024-02-29"]),
        (
            "timestamp[us]",
            "1709251199999999",
            [
                dt.datetime(2024, 2, 29, 23, 59, 59, 999_999),  # noqa: DTZ001, naive means UTC
                dt.datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=dt.UTC),
                dt.datetime(2024, 3, 1, 0, 59, 59, 999_999, dt.timezone(dt.timedelta(hours=1))),
                pd.Timestamp("2024-02-29 23:59:59.999999"),
                pd.Timestamp("2024-02-29 23:59:59.999999", tz="UTC"),
                "2024-02-29 23:59:59.999999",
                "2024-03-01T00:59:59.999999+01:00",
            ],
        ),
        ("timestamptz[s]", "-1000000", [EPOCH - dt.timedelta(seconds=1), "1969-12-31T23:59:59Z"]),
    ],
)
def test_equal_values_have_one_text(kind, text, values):
    """A key may be given in any type that says the same, and as text where that is exact."""
    assert [text] * len(values) == [key_writer("id", kind)(value) for value in values]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("int64", ["7", 7.0, True, np.bool_(True), Decimal("inf"), None, b"7", np.float64(7), [7]]),
        ("decimal(38,0)", ["7", 7.0, True, Decimal("NaN"), None]),
        ("string", [7, b"N1", None, True, ["N1"], float("nan")]),
        ("bool", ["yes", 2, None, "True", [True]]),
        ("decimal(10,2)", [1.5, np.float64(1.5), float("nan"), Decimal("NaN"), "inf", "x", None]),
        ("date", [20240229, "29.02.2024", dt.datetime(2024, 2, 29, tzinfo=dt.UTC), None]),
        ("timestamp[us]", [1709251199, "now", dt.date(2024, 2, 29), None]),
    ],
)
def test_a_value_of_a_wrong_type_is_refused_by_name(kind, values):
    """The message says which key, which value and which type; nothing is guessed."""
    for value in values:
        with pytest.raises(EntityFrameError) as error:
            key_writer("order_id", kind)(value)

        assert f"The value {value!r} of the join key 'order_id' is not a valid {kind}." == (
            error.value.message
        )
        assert f"Pass it as {kind}, the type in the feature view." == error.value.remedy


@pytest.mark.parametrize("kind", ["float64", "float32", "time", "bytes", "list<string>", "double"])
def test_some_types_cannot_be_keys(kind):
    """Equal floats differ as text, so a float cannot be a key."""
    with pytest.raises(UnsupportedOnlineType, match=r"A join key of type .* cannot be published"):
        key_writer("price", kind)


@pytest.mark.parametrize("project", PROJECTS)
def test_no_project_lies_within_another(project):
    """No key of a project, metadata included, has the prefix of another project."""
    own = (row_prefix(project, "v")[: -len("v:")], metadata_key(project, ""))
    others = [name for name in PROJECTS if name != project]
    theirs = [
        key
        for name in others
        for key in (
            key_of(name, "v", ["k"]),
            metadata_key(name, "lock"),
            metadata_key(name, "schema", "v"),
        )
    ]

    assert [] == [key for key in theirs if key.startswith(own)]
    assert project == unquote(own[0].split(":")[1])


@given(st.lists(TEXT, min_size=1, max_size=3), st.lists(TEXT, min_size=1, max_size=3))
def test_no_two_metadata_keys_are_equal(one, other):
    """A metadata key differs by project, kind and view, and a row never has such a key."""
    assert (one == other) == (metadata_key(*one) == metadata_key(*other))
    assert not metadata_key(*one).startswith("fs:")
