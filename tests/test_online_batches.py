"""Many rows read at once are the rows read one by one, whichever features are asked for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurestore.errors import OnlineStoreError
from featurestore.online.codec import Reader
from tests.builders import Table, model
from tests.online_project import NOW, Shop
from tests.test_codec import cases, exactly

OLD, NEW = NOW - timedelta(days=2), NOW - timedelta(hours=1)
COLUMNS = {"id": "bigint", "seen_at": "timestamp", "n": "bigint", "text": "varchar"}


@settings(max_examples=200)
@given(st.data())
def test_some_features_of_many_rows_are_read(data):
    """Any features, in any order, come back as Arrow has them, and the NULLs are known."""
    case = data.draw(cases(rows=5))
    count = len(case.schema.features)
    wanted = data.draw(st.lists(st.integers(0, count - 1), unique=True))

    columns, sparse = Reader(case.schema, wanted).columns(case.encoded())

    expected = [[row[index] for row in case.rows] for index in wanted]
    assert exactly(expected) == exactly(columns)
    assert {place for place, column in enumerate(expected) if None in column} == sparse


@settings(max_examples=40)
@given(cases(rows=3), st.data())
def test_one_row_cut_short_among_others_is_an_error(case, data):
    """The message says the length of the row that is broken, not of its neighbours."""
    rows = case.encoded()
    place = data.draw(st.integers(0, len(rows) - 1))
    length = data.draw(st.integers(25, len(rows[place]) - 1))
    rows[place] = rows[place][:length]

    with pytest.raises(OnlineStoreError, match=f"A value of {length} bytes"):
        Reader(case.schema, range(len(case.schema.features))).columns(rows)


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


def test_a_row_asked_for_twice_is_not_one_object(tmp_path, redis_client, redis_server):
    """Changing the list of one entity row's statuses or values leaves the others alone."""
    shop = Shop(tmp_path / "shop", redis_server)
    store = shop.publish(
        [model("ages", COLUMNS, entities={"one": "id"}, event_timestamp="seen_at")],
        {"ages": Table(COLUMNS, [(1, NEW, 10, "a")])},
    )

    first = store.get_online_features(["ages:n", "ages:text"], {"id": [1, 1]})
    first.values["n"].clear()
    first.statuses["n"].clear()

    assert [2, 2] == [len(column) for column in (first.values["text"], first.statuses["text"])]
    assert [10, 10] == store.get_online_features(["ages:n"], {"id": [1, 1]}).values["n"]


def test_many_shapes_of_requests_do_not_pile_up(store):
    """A caller that names its columns anew each time is answered, and not remembered for ever."""
    for number in range(1100):
        rows = {"id": [1], f"note_{number}": ["x"]}
        assert [10] == store.get_online_features(["stays:n"], rows).values["n"]

    assert len(store._online._plans) <= 1000  # noqa: SLF001, there is no other way to see it
