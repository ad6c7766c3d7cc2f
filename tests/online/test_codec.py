"""What the sync's encoder writes, the client's decoder reads: any schema, any values."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from featurestore.errors import OnlineStoreError, UnsupportedOnlineType
from featurestore.online.checksums import with_checksum
from featurestore.online.decoder import Decoder
from featurestore.online.online_types import online_type, online_type_name, to_arrow_type
from featurestore.online.row_format import CREATED, END, HEAD, NO_END, NULLS, fingerprint_of
from featurestore.online.schema import Schema
from sync.encoding.arrow_values import micros
from sync.encoding.byte_columns import from_pieces
from sync.encoding.encoder import Encoder
from sync.redis.stored_rows import value_size
from tests.support.examples import examples
from tests.support.online_decoder import Malformed, decode_row, fingerprint

# About as long as needs a length of more than a byte.
LONG = st.sampled_from(["x" * length for length in (253, 254, 255, 256, 300)])
INT64 = st.integers(-(2**63), 2**63 - 1)
KEY = b"fs:shop:orders:{}"
SCALARS = {
    "bool": st.booleans(),
    **{f"int{w}": st.integers(-(2 ** (w - 1)), 2 ** (w - 1) - 1) for w in (8, 16, 32, 64)},
    **{f"uint{w}": st.integers(0, 2**w - 1) for w in (8, 16, 32, 64)},
    "float32": st.floats(width=32),
    "float64": st.floats(),
    "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | LONG.map(str),
    "bytes": st.binary(max_size=12) | LONG.map(str.encode),
    "date": st.dates(),
    "time": st.times(),
    **{
        f"timestamp[{unit}]": st.datetimes().map(lambda moment, step=step: cut(moment, step))
        for unit, step in (("s", 1_000_000), ("ms", 1_000), ("us", 1))
    },
    **{
        f"timestamptz[{unit}]": st.datetimes(timezones=st.just(dt.UTC)).map(
            lambda moment, step=step: cut(moment, step)
        )
        for unit, step in (("s", 1_000_000), ("ms", 1_000), ("us", 1))
    },
}


def cut(moment, step):
    """Cut an instant to whole steps of so many microseconds."""
    return moment.replace(microsecond=moment.microsecond // step * step)


def exactly(rows):
    """Return rows such that NaN is itself, -0.0 is not 0.0, and UTC is UTC by any name."""
    return repr(rows).replace("zoneinfo.ZoneInfo(key='UTC')", "datetime.timezone.utc")


@dataclass(frozen=True)
class Case:
    """A batch of rows, and how they are published."""

    schema: Schema
    batch: pa.RecordBatch
    event: list[int]
    created: list[int] | None
    end: list[int] | None = None

    @property
    def names(self):
        """The features."""
        return [name for name, _ in self.schema.features]

    @property
    def rows(self):
        """The rows as Python values."""
        return [tuple(row.values()) for row in self.batch.to_pylist()]

    @property
    def decoder(self):
        """What reads the rows."""
        (head,) = {raw[:HEAD] for raw in self.encoded()}
        return Decoder.all_of(self.schema)[head]

    def encoded(self):
        """Write the rows."""
        created = None if self.created is None else np.array(self.created, np.int64)
        encoder, keys = Encoder("shop", "orders", self.schema), from_pieces([KEY] * len(self.event))
        event = np.array(self.event, np.int64)
        end = None if self.end is None else np.array(self.end, np.int64)
        return encoder.values(self.batch, keys, event, created, end).to_pylist()


def decimals(precision, scale):
    """Return the decimals of so many digits, the greatest and the least among them."""
    most = 10**precision - 1
    numbers = st.one_of(st.integers(-most, most), st.sampled_from([-most, -1, 0, 1, most]))
    return numbers.map(lambda number: Decimal(f"{number}E{-scale}"))


@st.composite
def kinds(draw, depth=2):
    """Return the name of a type, and a strategy for its values."""
    nested = ["list"] * 4 + ["array"] * 2 if depth else []
    chosen = draw(st.sampled_from([*SCALARS, "decimal", *nested]))
    if chosen == "decimal":
        precision = draw(st.sampled_from([1, 5, 18, 38]))
        scale = draw(st.integers(0, precision))
        return f"decimal({precision},{scale})", decimals(precision, scale)
    if chosen == "array" and depth == 2:
        kind = draw(st.sampled_from([name for name in SCALARS if name not in ("string", "bytes")]))
        size = draw(st.integers(1, 5))
        return f"{kind}[{size}]", st.lists(SCALARS[kind], min_size=size, max_size=size)
    if chosen in ("list", "array"):
        kind, values = draw(kinds(depth=depth - 1))
        return f"list<{kind}>", st.lists(st.none() | values, max_size=10)
    return chosen, SCALARS[chosen]


@st.composite
def cases(draw, rows=4):
    """Return rows of a random schema, cut out of a longer batch."""
    columns = draw(st.lists(kinds(), min_size=1, max_size=10))
    before, count, after = draw(st.tuples(st.integers(0, 9), st.integers(1, rows), st.booleans()))
    total = before + count + after
    arrays = {}
    for index, (kind, values) in enumerate(columns):
        nullable = values if draw(st.booleans()) else st.none() | values
        cells = draw(st.lists(nullable, min_size=count, max_size=count))
        padding = draw(nullable)
        around = [padding] * before + cells + [padding] * after
        arrays[f"f{index}"] = pa.array(around, to_arrow_type(kind), size=total)
    stamps = st.lists(INT64, min_size=count, max_size=count)
    created = st.lists(st.integers(1 - 2**63, 2**63 - 1), min_size=count, max_size=count)
    ends = st.lists(st.just(NO_END) | INT64, min_size=count, max_size=count)
    return Case(
        Schema((), tuple((f"f{index}", kind) for index, (kind, _) in enumerate(columns))),
        pa.record_batch(arrays).slice(before, count),
        draw(stamps),
        draw(st.none() | created),
        draw(st.none() | ends),
    )


def ends_of(case):
    """Return the ends of a case's rows, as a reader has them."""
    return [None if end == NO_END else end for end in case.end or [NO_END] * len(case.event)]


def case_of(kind, values):
    """Return rows of one feature."""
    array = pa.array(values, to_arrow_type(kind))
    schema = Schema((), (("f0", kind),))
    return Case(schema, pa.record_batch({"f0": array}), [0] * len(values), None)


@examples(200)
@given(cases())
@example(case_of("decimal(38,38)", [None, None]))
@example(case_of("list<string>", [[], [None], [""], None]))
@example(case_of("float32[384]", [[0.5] * 384, None, [-0.0] * 384]))
@example(case_of("decimal(5,1)[2]", [None, [Decimal("-1.5"), Decimal("9999.9")]]))
@example(case_of("float64", [float("nan"), float("inf"), float("-inf"), -0.0]))
@example(case_of("string", ["", "\0", "🛫", None]))
def test_what_is_encoded_is_decoded(case):
    """Each row comes back with its timestamps and exactly the values that Arrow gives."""
    found = [case.decoder.decode(raw, KEY) for raw in case.encoded()]

    assert case.event == [row.event for row in found]
    assert (case.created or [None] * len(found)) == [row.created for row in found]
    assert ends_of(case) == [row.end for row in found]
    assert exactly(case.rows) == exactly([row.values for row in found])


@examples(100)
@given(cases())
def test_a_reader_made_from_the_page_agrees(case):
    """The independent decoder, which refuses bytes that are left over, reads the same."""
    text = case.schema.to_json()
    schemas = {fingerprint(text): text}

    found = [decode_row(KEY.decode(), raw, schemas) for raw in case.encoded()]

    assert case.event == [row.event for row in found]
    assert ends_of(case) == [row.end for row in found]
    assert exactly(case.rows) == exactly([tuple(row.values.values()) for row in found])


@examples(40)
@given(cases(rows=2))
def test_a_row_that_is_cut_short_is_an_error(case):
    """No prefix of a row is read as a row: each is refused in one clear line."""
    decoder = case.decoder
    text = case.schema.to_json()

    for raw in case.encoded():
        for length in range(len(raw)):
            with pytest.raises(OnlineStoreError, match="in the online store"):
                decoder.decode(raw[:length], KEY)
            with pytest.raises(Malformed):
                decode_row(KEY.decode(), raw[:length], {fingerprint(text): text})


@examples(40)
@given(cases(rows=3))
def test_a_batch_is_its_rows(case):
    """Rows encoded together are those that each is alone; where one has bits, all have."""
    alone = [
        Case(
            case.schema,
            case.batch.slice(index, 1),
            case.event[index : index + 1],
            None if case.created is None else case.created[index : index + 1],
            None if case.end is None else case.end[index : index + 1],
        )
        for index in range(case.batch.num_rows)
    ]

    for one, raw in zip(alone, case.encoded(), strict=True):
        (itself,) = one.encoded()
        assert exactly(one.decoder.decode(itself, KEY)) == exactly(case.decoder.decode(raw, KEY))
        if one.decoder.marks == case.decoder.marks:
            assert itself == raw


@examples(100)
@given(cases(rows=5))
def test_a_row_has_the_parts_that_it_needs(case):
    """A view without a created timestamp or ends spends no bytes on them."""
    marks = NULLS
    marks |= 0 if case.created is None else CREATED
    marks |= 0 if case.end is None else END

    assert marks == case.decoder.marks
    for raw, row in zip(case.encoded(), case.rows, strict=True):
        assert value_size(case.schema, marks, dict(zip(case.names, row, strict=True))) == len(raw)


@pytest.mark.parametrize("marks", range(8))
def test_a_view_without_features_has_rows_too(marks):
    """They are nothing but a head, and one that is cut short is refused like any other."""
    schema = Schema((), ())
    decoder = Decoder.all_of(schema)[schema.head(marks)]
    raw = schema.head(marks) + (7).to_bytes(8)
    raw += ((8).to_bytes(8) if marks & CREATED else b"") + ((9).to_bytes(8) if marks & END else b"")
    raw = with_checksum(KEY, raw)

    found = decoder.decode(raw, KEY)

    assert (7, 8 if marks & CREATED else None, ()) == (found.event, found.created, found.values)
    assert (9 if marks & END else None) == found.end
    for length in range(len(raw)):
        with pytest.raises(OnlineStoreError, match=f"A value of {length} bytes"):
            decoder.decode(raw[:length], KEY)


KNOWN = {*range(0x20, 0x24), *range(0x30, 0x38)}


@given(st.integers(0, 255).filter(lambda first: first not in KNOWN), st.binary(max_size=60))
def test_another_version_is_refused(first, rest):
    """Nor is a value taken for one of this format whose first byte has marks that are unknown."""
    with pytest.raises(OnlineStoreError, match="not in format 3 or 2") as error:
        fingerprint_of(bytes([first]) + rest)

    assert "featurestore sync --full" in error.value.remedy


@given(st.binary(max_size=12))
def test_a_value_without_a_whole_head_is_refused(raw):
    """Fewer bytes than a head are refused, with any content."""
    with pytest.raises(OnlineStoreError, match=f"A value of {len(raw)} bytes"):
        fingerprint_of(raw)


@given(kinds())
def test_a_types_name_round_trips_through_arrow(kind):
    """The Arrow type of a published type is published under the same name."""
    name, _ = kind

    assert name == online_type_name(to_arrow_type(name))
    assert name == online_type(name).name


@pytest.mark.parametrize(
    "arrow_type",
    [
        pa.timestamp("ns"),
        pa.timestamp("us", "Europe/Zurich"),
        pa.time32("s"),
        pa.time64("ns"),
        pa.duration("us"),
        pa.month_day_nano_interval(),
        pa.struct([("a", pa.int32())]),
        pa.map_(pa.string(), pa.int32()),
        pa.list_(pa.struct([("a", pa.int32())])),
        pa.decimal256(50, 2),
        pa.float16(),
    ],
    ids=str,
)
def test_a_type_without_a_format_has_no_name(arrow_type):
    """What could not be read back exactly is not published at all."""
    assert None is online_type_name(arrow_type)


@pytest.mark.parametrize(
    "name",
    [
        "int128",
        "string[3]",
        "list<int8[2]>",
        "int8[2][2]",
        "list<",
        "list<any>",
        "decimal(5)",
        "",
        "timestamp",
    ],
)
def test_an_unknown_type_in_a_schema_is_an_error(name):
    """A schema that a newer release wrote is refused by name, not misread."""
    with pytest.raises(UnsupportedOnlineType, match="is not a type of the online format"):
        online_type(name)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array(["b", None, "a", "b"]).dictionary_encode(), ["b", None, "a", "b"]),
        (pa.array([70, None, 80, 70]).dictionary_encode(), [70, None, 80, 70]),
        (
            pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(["a", None])),
            ["a", None, None],
        ),
        (pa.array(["é", None, ""], pa.large_string()), ["é", None, ""]),
        (pa.array([b"\0", None, b""], pa.large_binary()), [b"\0", None, b""]),
        (pa.array([[1, None], None, []], pa.large_list(pa.int64())), [[1, None], None, []]),
        (pa.nulls(3, pa.decimal128(5, 2)), [None, None, None]),
        (pa.nulls(3, pa.string()), [None, None, None]),
    ],
    ids=[
        "enum",
        "numbers",
        "enum of NULL",
        "large string",
        "large bytes",
        "large list",
        "no decimal",
        "no string",
    ],
)
@pytest.mark.parametrize("start", [0, 1])
def test_arrows_other_layouts_of_a_type_are_published_alike(array, expected, start):
    """Enums and large arrays, whole or cut, are written as the plain type is."""
    kind = online_type_name(array.type)
    batch = pa.record_batch({"f0": array}).slice(start)
    case = Case(Schema((), (("f0", kind),)), batch, [0] * batch.num_rows, None)

    found = [case.decoder.decode(raw, KEY).values[0] for raw in case.encoded()]

    assert expected[start:] == found


@given(st.lists(st.none() | st.datetimes(), min_size=1, max_size=5), st.sampled_from(["us", "s"]))
def test_timestamps_become_microseconds(moments, unit):
    """An instant of any unit is its microseconds since 1970 in UTC; NULL is the least."""
    step = 1_000_000 if unit == "s" else 1
    whole = [moment and cut(moment, step) for moment in moments]
    epoch = dt.datetime(1970, 1, 1)  # noqa: DTZ001, naive timestamps are UTC
    expected = [
        -(2**63) if moment is None else (moment - epoch) // dt.timedelta(microseconds=1)
        for moment in whole
    ]

    assert expected == micros(pa.array(whole, pa.timestamp(unit))).tolist()
    assert expected == micros(pa.array(whole, pa.timestamp(unit, "UTC"))).tolist()


def test_a_date_as_timestamp_is_its_midnight():
    """A view whose event timestamp is a date counts from midnight in UTC."""
    assert [86_400_000_000] == micros(pa.array([dt.date(1970, 1, 2)])).tolist()
