"""Many rows read at once are the rows read one by one, whichever features are asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurestore.errors import OnlineStoreError
from featurestore.online.arrow_columns import feature_array
from featurestore.online.checksums import CHECKSUM_BYTES
from featurestore.online.column_reader import ColumnReader
from featurestore.online.online_types import to_arrow_type
from featurestore.online.row_format import CREATED, HEAD, NULLS, common_head, header_size
from featurestore.online.schema import Schema
from tests.online.test_codec import cases, exactly
from tests.support.builders import Table, model
from tests.support.examples import examples
from tests.support.online_project import NOW, Shop
from tests.support.sync_project import NOW as SYNCED
from tests.support.sync_project import SyncProject, View

OLD, NEW = NOW - timedelta(days=2), NOW - timedelta(hours=1)
COLUMNS = {"id": "bigint", "seen_at": "timestamp", "n": "bigint", "text": "varchar"}


@examples(200)
@given(st.data())
def test_some_features_of_many_rows_are_read(data):
    """Any features, in any order, come back as Arrow has them, and the NULLs are known."""
    case = data.draw(cases(rows=5))
    count = len(case.schema.features)
    wanted = data.draw(st.lists(st.integers(0, count - 1), unique=True))
    # Many rows are read with numpy.
    times = data.draw(st.sampled_from([1, 20]))
    reader, rows = ColumnReader(case.schema, case.decoder.marks, wanted), case.encoded() * times

    columns, sparse = reader.columns(rows)

    expected = [[row[index] for row in case.rows] * times for index in wanted]
    assert exactly(expected) == exactly(columns)
    assert {place for place, column in enumerate(expected) if None in column} == sparse
    packed = reader.packed(rows)
    if packed is not None:
        assert exactly(expected) == exactly([column.values() for column in packed])
        kinds = [to_arrow_type(case.schema.features[index][1]) for index in wanted]
        arrays = [column.arrow() for column in packed]
        plain = [feature_array(*pair) for pair in zip(expected, kinds, strict=True)]
        assert kinds == [array.type for array in arrays]
        assert exactly([array.to_pylist() for array in plain]) == exactly(
            [array.to_pylist() for array in arrays]
        )


FIXED = ("bool", "int64", "uint64", "float32", "date", "timestamptz[ms]", "decimal(9,2)")


def test_many_complete_rows_are_packed():
    """Numbers, timestamps, decimals and texts need no object for each value; lists do."""
    plain = Schema((), tuple((f"f{n}", kind) for n, kind in enumerate((*FIXED, "string", "bytes"))))
    listed = Schema((), (("f", "int8"), ("l", "list<int8>")))
    row = bytes(1 + 8 + 8 + 4 + 4 + 8 + 16) + b"\x02ab\x01\xff"

    reader = ColumnReader(plain, 0, range(len(plain.features)))
    found = reader.packed([plain.head(0) + bytes(8) + row] * 20)
    assert [20] * len(plain.features) == [len(column.values()) for column in found]
    assert ["ab"] * 20 == found[-2].values()
    assert None is reader.packed([plain.head(0) + bytes(8) + row])
    assert None is reader.packed([plain.head(0) + bytes(8) + row[:-1]] * 20)
    lists = ColumnReader(listed, 0, [0, 1])
    assert None is lists.packed([listed.head(0) + bytes(8) + b"\x01\x01\x00"] * 20)


@pytest.mark.parametrize(
    ("kind", "far"),
    [
        ("date", 2**31 - 1),
        ("date", -(2**31)),
        *((f"timestamp[{unit}]", far) for unit in ("s", "us") for far in (2**62, -(2**63))),
        *((f"timestamptz[{unit}]", far) for unit in ("s", "us") for far in (2**62, -(2**63))),
        ("timestamp[us]", 253_402_300_800_000_000),
        ("timestamptz[us]", -62_135_596_800_000_001),
    ],
)
def test_an_instant_that_python_lacks_is_an_error_in_many_rows_too(kind, far):
    """A date after the year 9999 is not read as a number, nor as None."""
    schema, width = Schema((), (("at", kind),)), 4 if kind == "date" else 8
    head = schema.head(0) + bytes(8)
    rows = [head + bytes(width)] * 20 + [head + far.to_bytes(width, "little", signed=True)]
    reader = ColumnReader(schema, 0, [0])

    with pytest.raises(OnlineStoreError, match="unreadable"):
        reader.columns(rows)
    assert None is reader.packed(rows)


@examples(40)
@given(cases(rows=3), st.data())
def test_one_row_cut_short_among_others_is_an_error(case, data):
    """The message says the length of the row that is broken, not of its neighbours."""
    rows, marks = case.encoded(), case.decoder.marks
    place = data.draw(st.integers(0, len(rows) - 1))
    # The reader of columns does not look at the checksum, which comes last.
    length = data.draw(st.integers(0, len(rows[place]) - CHECKSUM_BYTES - 1))
    rows[place] = rows[place][:length]

    with pytest.raises(OnlineStoreError, match=f"A value of {length} bytes"):
        ColumnReader(case.schema, marks, range(len(case.schema.features))).columns(rows)


EVENTS = st.one_of(st.sampled_from([-(2**63), -1, 0, 1, 255, 256, 2**63 - 1]), st.integers(0, 600))


HEADS = st.builds(
    Schema.head, st.sampled_from([Schema((), ()), Schema((("id", "int8"),), ())]), st.integers(0, 3)
)


@given(st.lists(st.tuples(HEADS, EVENTS), max_size=5))
def test_rows_that_are_alike_tell_their_oldest(rows):
    """One head, and no event before 1970: else a closer look is taken, row by row."""
    raw = [head + event.to_bytes(8, signed=True) + b"rest" for head, event in rows]

    found = common_head(raw)

    heads, events = {row[:HEAD] for row in raw}, [event for _, event in rows]
    whole = len(heads) == 1 and min(events) >= 0
    assert found == ((*heads, min(events)) if whole else None)
    assert None is common_head([*raw, None])
    assert None is common_head([*raw, b""])


@pytest.mark.parametrize("events", [(-1, -2), (-1, 5)], ids=["all", "one"])
@pytest.mark.parametrize("later", [0, 3, 8, 9])
def test_rows_of_before_1970_are_as_old_as_they_are(
    tmp_path, redis_server, redis_client, events, later
):
    """An event timestamp that is negative is held against the ttl as any other is."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    moments = [epoch + timedelta(hours=hours) for hours in events]
    rows = [(number, moment, number, "x") for number, moment in enumerate(moments)]
    view = model("ages", COLUMNS, entities={"one": "id"}, event_timestamp="seen_at", ttl="8 hours")
    shop = Shop(tmp_path / "shop", redis_server)
    shop.write([view], {"ages": Table(COLUMNS, rows)})
    with shop.open(max(moments)) as store:
        store.sync()

    with shop.open(max(moments) + timedelta(hours=later)) as store:
        found = store.get_online_features(["ages:n"], {"id": [0, 1]})

    ages = [max(events) + later - event for event in events]
    assert ["EXPIRED" if age > 8 else "PRESENT" for age in ages] == found.statuses["n"]
    assert [None if age > 8 else n for n, age in enumerate(ages)] == found.values["n"]


@pytest.fixture
def store(tmp_path, redis_client, redis_server):
    """Return a store with a view that ages, one that does not, and one without keys."""
    rows = [(1, NEW, 10, "a"), (2, NEW, None, ""), (3, OLD, 30, "c"), (-4, NEW, 40, None)]
    whole = Table({"seen_at": "timestamp", "rate": "double"}, [(NEW, 0.5)])
    return Shop(tmp_path / "shop", redis_server).publish(
        [
            model("ages", COLUMNS, entities={"one": "id"}, event_timestamp="seen_at", ttl="3 days"),
            model("stays", COLUMNS, entities={"one": "id"}, event_timestamp="seen_at"),
            model("rates", whole.columns, entities={}, event_timestamp="seen_at"),
        ],
        {"ages": Table(COLUMNS, rows), "stays": Table(COLUMNS, rows), "rates": whole},
    )


@pytest.mark.parametrize("later", [0, 2, 9], ids=["none expired", "one expired", "all expired"])
def test_a_batch_gives_what_each_row_alone_gives(store, tmp_path, redis_server, later):
    """Rows that are found, NULL, expired, unknown, without a key or asked for twice, in one go."""
    reader = Shop(tmp_path / "shop", redis_server).open(NOW + timedelta(days=later))
    asked = [1, 2, 3, None, -4, 3, 99, 1, 1, None]
    features = ["ages:text", "ages:n", "stays:n", "rates:rate"]

    together = reader.get_online_features(features, {"id": asked}, full_feature_names=True)

    alone = [
        reader.get_online_features(features, [{"id": key}], full_feature_names=True)
        for key in asked
    ]
    for name in together.feature_names:
        assert [one.values[name][0] for one in alone] == together.values[name]
        assert [one.statuses[name][0] for one in alone] == together.statuses[name]
    states = {str(status) for status in together.statuses["ages__n"]}
    assert {"NOT_FOUND"} < states
    assert ("EXPIRED" in states) == (later > 0)


def drop_bitmap(redis, key):
    """Rewrite a row of at most eight features without its bitmap of NULLs."""
    raw = redis.get(key)
    marks, start = raw[0] & 15, header_size(raw[0] & 15)
    row = bytes([raw[0] - NULLS]) + raw[1:start] + raw[start + 1 : -CHECKSUM_BYTES]
    assert marks & NULLS
    redis.set(key, row + crc32(key + row).to_bytes(CHECKSUM_BYTES, "little"), keepttl=True)


@pytest.mark.parametrize("ttl", [None, "2 days"])
@pytest.mark.parametrize("created", [False, True])
def test_rows_with_other_parts_are_read_in_a_batch(
    tmp_path, redis_server, redis_client, ttl, created
):
    """Rows without a bitmap, as older releases wrote them, among newer, old and missing ones."""
    view = View("loads", {"id": "BIGINT"}, {"n": "INTEGER", "words": "VARCHAR[]"}, created)
    view = view.but(ttl=ttl)
    project = SyncProject(tmp_path, view)
    moments = [SYNCED - timedelta(hours=1), SYNCED - timedelta(days=2)]
    if ttl is None:
        moments.append(datetime(1969, 1, 1, tzinfo=UTC))

    def row(number, made, *values):
        at = moments[number % 7 % len(moments)]
        return number, at.replace(tzinfo=None), *([made] if created else []), *values

    nulls = [row(n, [None, SYNCED][n % 2], n % 3 or None, None) for n in range(50)]
    full = [row(n, SYNCED, n, ["a" * n * 9]) for n in range(50, 90)]
    for rows in (nulls, full):
        project.insert(view, *rows)
        project.store(redis_server).sync()
    for number in range(50, 90):
        drop_bitmap(redis_client, b"fs:shop:loads:{%d}" % number)
    held = redis_client.mget(redis_client.keys("fs:shop:loads:*"))
    store = project.store(redis_server, SYNCED + timedelta(minutes=30))
    names, asked = ["loads:n", "loads:words"], {"id": list(range(100))}

    together = store.get_online_features(names, asked)

    assert {CREATED * created, CREATED * created | NULLS} == {raw[0] & 15 for raw in held}
    assert 90 == len(held)
    alone = [store.get_online_features(names, {"id": [number]}) for number in asked["id"]]
    for name in ("n", "words"):
        assert [one.values[name][0] for one in alone] == together.values[name]
        assert [one.statuses[name][0] for one in alone] == together.statuses[name]
    assert [84, ["a" * 756]] == [together.values["n"][84], together.values["words"][84]]
    aged = {"EXPIRED"} if ttl else set()
    assert {"PRESENT", "NULL", "NOT_FOUND"} | aged == {*together.statuses["n"]}


def test_composite_keys_of_mixed_types_are_read_in_a_batch(tmp_path, redis_server, redis_client):
    """Integers stand beside texts that need an escape; NULLs and repeats among them."""
    columns = {"id": "bigint", "place": "varchar", "seen_at": "timestamp", "n": "bigint"}
    rows = [(1, "a", NEW, 10), (1, "b,c", NEW, 20), (-2, "a", NEW, 30)]
    both = model("both", columns, entities={"pair": ["id", "place"]}, event_timestamp="seen_at")
    store = Shop(tmp_path / "shop", redis_server).publish([both], {"both": Table(columns, rows)})
    asked = {"id": [-2, 1, None, 1, 1, 1, -2], "place": ["a", "b,c", "a", "a", None, "c", "a"]}

    found = store.get_online_features(["both:n"], asked)

    assert [30, 20, None, 10, None, None, 30] == found.values["n"]
    missing = [status == "NOT_FOUND" for status in found.statuses["n"]]
    assert [False, False, True, False, True, True, False] == missing


def test_a_row_asked_for_twice_is_not_one_object(tmp_path, redis_client, redis_server):
    """Changing the list of one entity row's statuses or values leaves the others alone."""
    shop = Shop(tmp_path / "shop", redis_server)
    store = shop.publish(
        [model("ages", COLUMNS, entities={"one": "id"}, event_timestamp="seen_at")],
        {"ages": Table(COLUMNS, [(1, NEW, 10, "a")])},
    )

    first = store.get_online_features(["ages:n", "ages:text"], {"id": [1, 1]})
    first.values["n"].clear()
    assert ["PRESENT", "PRESENT"] == first.statuses["n"]
    first.statuses["n"].clear()

    assert [] == first.statuses["n"]
    assert [2, 2] == [len(column) for column in (first.values["text"], first.statuses["text"])]
    assert [10, 10] == store.get_online_features(["ages:n"], {"id": [1, 1]}).values["n"]


def test_many_shapes_of_requests_do_not_pile_up(store):
    """A caller with new column names each time is answered, and does not fill the cache."""
    for number in range(1100):
        rows = {"id": [1], f"note_{number}": ["x"]}
        assert [10] == store.get_online_features(["stays:n"], rows).values["n"]

    assert len(store._online.client._plans) <= 1000  # noqa: SLF001, only the cache shows it
