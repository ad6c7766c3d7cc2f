"""Reading online, from a real server, what a sync has published there."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from featurestore.errors import (
    EntityFrameError,
    NameCollision,
    OnlineStoreError,
    SyncError,
    UnknownFeature,
    UnknownFeatureService,
    UnknownFeatureView,
)
from featurestore.online.response import Status
from featurestore.online.schema import Schema
from tests.support.builders import Table, model, service
from tests.support.online_decoder import crc32, fingerprint
from tests.support.online_project import NOW, Shop, schema_key
from tests.support.redis_fixture import assert_closed

PLANE = "plane_features"
COLUMNS = {"tailnum": "varchar", "observed_at": "timestamp", "delay": "double", "seats": "integer"}
EVENT = NOW - timedelta(hours=1)
ROWS = [
    ("N1", "2024-03-10 10:00:00", 9.5, 9),
    ("N1", EVENT, 1.5, 100),
    ("N2", EVENT, None, 200),
    ("N3", EVENT + timedelta(microseconds=1), float("nan"), None),
]
PLANES = {PLANE: Table(COLUMNS, ROWS)}
DELAY = f"{PLANE}:delay"
SEATS = f"{PLANE}:seats"


@pytest.fixture
def shop(tmp_path, redis_client, redis_server):
    """Return a project folder that publishes to an empty server."""
    return Shop(tmp_path / "shop", redis_server)


@pytest.fixture
def planes(shop):
    """Return a store with one view, published."""
    return shop.publish([model(PLANE, COLUMNS)], PLANES)


def status(*names):
    return [Status(name) for name in names]


def cells(response, feature):
    """Return each value of a feature with its status."""
    return [
        (value, str(found))
        for value, found in zip(response.values[feature], response.statuses[feature], strict=True)
    ]


# What is read


def test_the_newest_row_of_each_entity_is_read_in_order(planes):
    """Each entity row gets the newest values of its entity, in the order asked for."""
    response = planes.get_online_features([SEATS, DELAY], {"tailnum": ["N2", "N1"]})

    assert {"tailnum": ["N2", "N1"], "seats": [200, 100], "delay": [None, 1.5]} == (
        response.to_dict()
    )
    assert ["tailnum", "seats", "delay"] == list(response.to_dict())


def test_a_status_tells_null_from_not_found(planes):
    """PRESENT has a value, NULL is a row without a value, NOT_FOUND lacks the row."""
    response = planes.get_online_features([DELAY, SEATS], {"tailnum": ["N1", "N2", "N3", "N4"]})

    assert status("PRESENT", "NULL", "PRESENT", "NOT_FOUND") == response.statuses["delay"]
    assert status("PRESENT", "PRESENT", "NULL", "NOT_FOUND") == response.statuses["seats"]
    assert [100, 200, None, None] == response.values["seats"]


def test_a_nan_is_a_value(planes):
    """NaN is not NULL: it comes back as NaN and is PRESENT."""
    response = planes.get_online_features([DELAY], {"tailnum": ["N3"]})

    assert [("nan", "PRESENT")] == [(str(v), s) for v, s in cells(response, "delay")]


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        (timedelta(), [(1.5, "PRESENT")]),
        (timedelta(microseconds=1), [(None, "EXPIRED")]),
        (timedelta(microseconds=-1), [(1.5, "PRESENT")]),
        (timedelta(hours=20), [(None, "EXPIRED")]),
    ],
)
def test_a_row_as_old_as_the_ttl_still_counts(shop, late, expected):
    """The ttl is held against the event timestamp at the moment of the read, to the microsecond."""
    shop.publish([model(PLANE, COLUMNS, ttl="2 hours")], PLANES)

    store = shop.open(EVENT + timedelta(hours=2) + late)

    response = store.get_online_features([DELAY], {"tailnum": ["N1"]})
    assert expected == cells(response, "delay")


def test_expired_is_not_null(shop):
    """A NULL of an expired row is EXPIRED; without a ttl no row ever is."""
    shop.publish([model(PLANE, COLUMNS, ttl="2 hours")], PLANES)
    late = NOW + timedelta(hours=5)

    assert [(None, "EXPIRED")] == cells(
        shop.open(late).get_online_features([DELAY], {"tailnum": ["N2"]}), "delay"
    )

    shop.publish([model(PLANE, COLUMNS)], PLANES)

    assert [(None, "NULL")] == cells(
        shop.open(late).get_online_features([DELAY], {"tailnum": ["N2"]}), "delay"
    )


def test_a_null_key_is_not_found(planes):
    """NULL matches no row, online as offline."""
    response = planes.get_online_features([SEATS], {"tailnum": [None, "N1"]})

    assert [(None, "NOT_FOUND"), (100, "PRESENT")] == cells(response, "seats")


def test_an_entity_may_be_asked_for_twice(planes):
    """Each entity row is answered, however often its entity occurs."""
    response = planes.get_online_features([SEATS], {"tailnum": ["N1", "N2", "N1", "N1"]})

    assert [100, 200, 100, 100] == response.values["seats"]


def test_composite_keys_are_read_by_all_their_columns(shop):
    """A row is found by the whole key, in the order of the view, not of the entity rows."""
    columns = {"origin": "varchar", "dest": "varchar", "observed_at": "timestamp", "n": "integer"}
    rows = [("a,b", "c", EVENT, 1), ("a", "b,c", EVENT, 2), ("", "", EVENT, 3)]
    routes = model("routes", columns, entities={"route": ["origin", "dest"]})
    store = shop.publish([routes], {"routes": Table(columns, rows)})

    response = store.get_online_features(
        ["routes:n"], {"dest": ["b,c", "c", "", "a"], "origin": ["a", "a,b", "", None]}
    )

    assert [2, 1, 3, None] == response.values["n"]


def test_global_features_are_the_same_on_every_row(shop):
    """A view without entities gives its one row to each entity row."""
    columns = {"observed_at": "timestamp", "rate": "double"}
    rates = model("rates", columns, entities={})
    store = shop.publish(
        [rates, model(PLANE, COLUMNS)], {**PLANES, "rates": Table(columns, [(EVENT, 0.5)])}
    )

    response = store.get_online_features(["rates:rate", SEATS], {"tailnum": ["N1", "N9"]})

    assert [0.5, 0.5] == response.values["rate"]
    assert [100, None] == response.values["seats"]


@pytest.mark.parametrize(
    ("kind", "stored", "asked"),
    [
        ("bigint", "7", 7),
        ("hugeint", "7", 7),
        ("utinyint", "7", 7),
        ("decimal(10,2)", "1.50", Decimal("1.5")),
        ("decimal(10,2)", "1.50", "1.500"),
        ("boolean", "true", True),
        ("date", "DATE '2024-02-29'", date(2024, 2, 29)),
        ("timestamp", "'2024-02-29 12:00'", datetime(2024, 2, 29, 12, tzinfo=UTC)),
        ("timestamptz", "'2024-02-29 13:00+01'", datetime(2024, 2, 29, 12, tzinfo=UTC)),
        ("timestamp_s", "'2024-02-29 12:00'", "2024-02-29T12:00:00"),
        ("uuid", "'7D5E1B5C-6A1C-4F3C-9E1E-000000000001'", "7d5e1b5c-6a1c-4f3c-9e1e-000000000001"),
        ("varchar", "'Zoë 🛫 {a}:%,'", "Zoë 🛫 {a}:%,"),
    ],
)
def test_every_type_of_key_finds_its_row(shop, kind, stored, asked):
    """A join key is found by an equal value, as the warehouse has it or as text."""
    columns = {"id": None, "observed_at": None, "n": None}
    rows = f"SELECT CAST({stored} AS {kind}) AS id, TIMESTAMP '2024-03-01' AS observed_at, 1 AS n"
    store = shop.publish([model("things", columns, entities={"thing": "id"})], {"things": rows})

    assert [1] == store.get_online_features(["things:n"], {"id": [asked]}).values["n"]


# What is refused


def test_a_view_that_was_never_published_is_an_error(shop):
    """It says which view, which project and which server, and what to run."""
    shop.write([model(PLANE, COLUMNS)], PLANES)
    where = shop.url.removeprefix("redis://")

    with pytest.raises(OnlineStoreError) as error:
        shop.open().get_online_features([DELAY], {"tailnum": ["N1"]})

    assert (
        f"The feature view '{PLANE}' of project 'shop' has not been published to {where}."
        " Run `featurestore sync`."
    ) == str(error.value)
    assert 1 == error.value.exit_code


def test_a_view_that_is_not_online_is_an_error(shop):
    """A read says that the view is declared so, and so does a sync that names it."""
    store = shop.publish([model(PLANE, COLUMNS, online=False)], PLANES)

    with pytest.raises(OnlineStoreError, match=f"'{PLANE}' is declared `online: false`"):
        store.get_online_features([DELAY], {"tailnum": ["N1"]})
    with pytest.raises(SyncError, match=f"'{PLANE}'.* is declared `online: false`"):
        store.sync([PLANE])


def test_unknown_names_are_refused_with_the_nearest(planes):
    """A misspelt view, feature or service is named, with what was meant."""
    rows = {"tailnum": ["N1"]}

    with pytest.raises(UnknownFeatureView, match=f"Did you mean '{PLANE}'"):
        planes.get_online_features(["plane_featurs:delay"], rows)
    with pytest.raises(UnknownFeature, match="Did you mean 'delay'"):
        planes.get_online_features([f"{PLANE}:dely"], rows)
    with pytest.raises(UnknownFeatureService, match="'delays'"):
        planes.get_online_features(feature_service="delays", entity_rows=rows)


def test_a_missing_join_key_is_refused(planes):
    """The message says which key which view needs, and what is there."""
    with pytest.raises(EntityFrameError) as error:
        planes.get_online_features([DELAY], {"tailnumber": ["N1"]})

    assert (
        "The entity rows have no 'tailnum', a join key of 'plane_features'; they have"
        " tailnumber. Did you mean 'tailnumber'?"
    ) == str(error.value)


def test_a_key_of_a_wrong_type_is_refused(planes):
    """A number is not text: the message names the key, the value and the type."""
    with pytest.raises(EntityFrameError) as error:
        planes.get_online_features([DELAY], {"tailnum": ["N1", 14228]})

    assert "The value 14228 of the join key 'tailnum' is not a valid string." == error.value.message


def test_rows_with_different_keys_are_refused(planes):
    """Ragged rows are named by their number."""
    with pytest.raises(EntityFrameError, match=r"Entity row 1 has the keys tail, but row 0 has"):
        planes.get_online_features([DELAY], [{"tailnum": "N1"}, {"tail": "N2"}])
    with pytest.raises(EntityFrameError, match=r"Entity row 1 has the keys none"):
        planes.get_online_features([DELAY], [{"tailnum": "N1"}, {}])


def test_columns_of_different_lengths_are_refused(planes):
    """Columns must have one length, each is told."""
    with pytest.raises(EntityFrameError, match="differ in length: tailnum: 2, month: 1"):
        planes.get_online_features([DELAY], {"tailnum": ["N1", "N2"], "month": [1]})


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{}], "The entity rows have no 'tailnum', a join key of 'plane_features'; they have no"),
        ({"tailnum": 1}, "The entity rows' column 'tailnum' is 1, not a list of values."),
        ({"tailnum": "N1"}, "The entity rows' column 'tailnum' is 'N1', not a list of values."),
        ({"tailnum": {"a": 1}}, "The entity rows' column 'tailnum' is {'a': 1}, not a list"),
        ([{"tailnum": "N1"}, "N2"], "Entity row 1 is 'N2', not a mapping of join keys to values."),
        ([7], "Entity row 0 is 7, not a mapping of join keys to values."),
        ([None], "Entity row 0 is None, not a mapping"),
        ([["N1"]], "Entity row 0 is ['N1'], not a mapping"),
        ("N1", "The entity rows are a str, not a list of mappings."),
        (7, "The entity rows are a int, not a list of mappings."),
        (None, "The entity rows are a NoneType, not a list of mappings."),
        (
            pa.table({"tailnum": ["N1"]}).to_pandas(),
            "The entity rows are a DataFrame, not a list of",
        ),
        (pa.table({"tailnum": ["N1"]}), "The entity rows are a Table, not a list of mappings."),
        ({"tailnum": [np.array([1, 2])]}, "The value array([1, 2]) of the join key 'tailnum' is"),
    ],
    ids=repr,
)
def test_entity_rows_of_another_form_are_refused(planes, rows, message):
    """One line says what was given and what to give, and a text is not a list of its letters."""
    with pytest.raises(EntityFrameError) as error:
        planes.get_online_features([DELAY], rows)

    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


# The shapes of request and response


def test_rows_and_columns_ask_the_same(planes):
    """A list of rows and a mapping of columns are two ways to say one thing."""
    rows = [{"tailnum": "N1"}, {"tailnum": "N9"}]
    by_rows = planes.get_online_features([DELAY], rows)
    by_columns = planes.get_online_features([DELAY], {"tailnum": ["N1", "N9"]})

    assert by_rows == by_columns


def test_no_entity_rows_give_no_rows(planes):
    """An empty column is a request for nothing, and gets typed columns of nothing."""
    response = planes.get_online_features([DELAY], {"tailnum": []})

    assert {"tailnum": [], "delay": []} == response.to_dict()
    assert "double" == str(response.to_arrow().schema.field("delay").type)
    assert 0 == len(response.to_df())


def test_other_columns_pass_through(planes):
    """Other columns of the entity rows come back untouched, in their place."""
    rows = [{"flight": {"no": 1}, "tailnum": "N1", "note": None}]

    found = planes.get_online_features([SEATS], rows).to_dict()

    assert {"flight": [{"no": 1}], "tailnum": ["N1"], "note": [None], "seats": [100]} == found
    assert ["flight", "tailnum", "note", "seats"] == list(found)


def test_statuses_stand_beside_the_values_on_request(planes):
    """With include_statuses each feature has a column of words; without it there is none."""
    response = planes.get_online_features([DELAY], {"tailnum": ["N1", "N2", "N9"]})

    assert {
        "tailnum": ["N1", "N2", "N9"],
        "delay": [1.5, None, None],
        "delay__status": ["PRESENT", "NULL", "NOT_FOUND"],
    } == response.to_dict(include_statuses=True)
    assert ["tailnum", "delay"] == list(response.to_dict())
    assert "NOT_FOUND" in json.dumps(response.to_dict(include_statuses=True))


def test_a_frame_keeps_integers_and_nulls(planes):
    """In pandas an integer beside a NULL stays an integer, and NULL is None."""
    frame = planes.get_online_features([SEATS], {"tailnum": ["N1", "N3"]}).to_df()

    assert ["tailnum", "seats"] == list(frame.columns)
    assert [100, None] == frame["seats"].tolist()
    assert int is type(frame["seats"][0])


def test_a_star_takes_all_features(planes):
    """`view:*` is every feature of the view, in the order of the declaration."""
    found = planes.get_online_features(f"{PLANE}:*", {"tailnum": ["N1"]}).to_dict()

    assert {"tailnum": ["N1"], "delay": [1.5], "seats": [100]} == found


def test_a_collision_of_names_is_an_error_with_a_way_out(shop):
    """Two features of one name, or one named like a column given, need the full names."""
    other = model("other", {"tailnum": "varchar", "observed_at": "timestamp", "delay": "double"})
    store = shop.publish(
        [model(PLANE, COLUMNS), other],
        {**PLANES, "other": Table(other_columns(), [("N1", EVENT, 7.5)])},
    )

    with pytest.raises(NameCollision, match=r"'delay': one of 'plane_features' and one of 'other'"):
        store.get_online_features([DELAY, "other:delay"], {"tailnum": ["N1"]})
    with pytest.raises(NameCollision, match=r"'delay': one of the entity rows"):
        store.get_online_features([DELAY], {"tailnum": ["N1"], "delay": [1]})

    response = store.get_online_features(
        [DELAY, "other:delay"], {"tailnum": ["N1"], "delay": [1]}, full_feature_names=True
    )
    assert {
        "tailnum": ["N1"],
        "delay": [1],
        "plane_features__delay": [1.5],
        "other__delay": [7.5],
    } == response.to_dict()


def other_columns():
    return {"tailnum": "varchar", "observed_at": "timestamp", "delay": "double"}


def test_a_service_takes_one_view_under_two_names(shop):
    """Each alias reads the same view by its own columns of the entity rows."""
    members = [
        {"view": PLANE, "alias": name, "entities": {"plane": name}, "features": ["seats", "delay"]}
        for name in ("first", "second")
    ]
    store = shop.publish(
        [model(PLANE, COLUMNS)], PLANES, exposures=[service("pairs", [*members, SEATS])]
    )
    rows = {"first": ["N1", "N9"], "second": ["N2", "N1"], "tailnum": ["N2", None]}

    found = store.get_online_features(
        feature_service="pairs", entity_rows=rows, full_feature_names=True
    ).to_dict()

    assert {
        "first__seats": [100, None],
        "first__delay": [1.5, None],
        "second__seats": [200, 100],
        "second__delay": [None, 1.5],
        "plane_features__seats": [200, None],
    } == {name: values for name, values in found.items() if name not in rows}
    with pytest.raises(NameCollision, match="one of 'first' and one of 'second'"):
        store.get_online_features(feature_service="pairs", entity_rows=rows)
    with pytest.raises(EntityFrameError, match="no 'second', a join key of 'second'"):
        store.get_online_features(
            feature_service="pairs", entity_rows={"first": ["N1"]}, full_feature_names=True
        )


EVERY_TYPE = """
SELECT * FROM (VALUES
  (1::BIGINT, TIMESTAMP '2024-03-01', true, (-128)::TINYINT, (-32768)::SMALLINT, 7::INTEGER,
   (-9223372036854775808)::BIGINT, 255::UTINYINT, 65535::USMALLINT, 4294967295::UINTEGER,
   18446744073709551615::UBIGINT, (-99999999999999999999999999999999999999)::HUGEINT,
   0.1::REAL, '-inf'::DOUBLE, -1.50::DECIMAL(38,10), 0.9999::DECIMAL(4,4), 'Zoë 🛫'::VARCHAR,
   '7d5e1b5c-6a1c-4f3c-9e1e-000000000001'::UUID, '{"a": [1, null]}'::JSON, '\\x00\\xFF'::BLOB,
   DATE '1969-12-31', TIME '23:59:59.999999', TIMESTAMP '0001-01-01 00:00:00.000001',
   TIMESTAMP_S '2024-02-29 12:00:00', TIMESTAMP_MS '2024-02-29 12:00:00.999',
   TIMESTAMPTZ '2024-02-29 12:00:00.999999+01', [1, NULL, -1]::INTEGER[],
   ['', NULL, 'né']::VARCHAR[], [[true], [], NULL]::BOOLEAN[][], [1.5, NULL]::DECIMAL(5,1)[],
   ['2024-02-29', NULL]::DATE[], ['NaN', '-0.0']::DOUBLE[],
   [TIMESTAMPTZ '2024-02-29 12:00:00+01']::TIMESTAMPTZ[]),
  (2::BIGINT, TIMESTAMP '2024-03-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL)
) AS t(id, observed_at, f_bool, f_tinyint, f_smallint, f_integer, f_bigint, f_utinyint,
  f_usmallint, f_uinteger, f_ubigint, f_hugeint, f_real, f_double, f_decimal, f_fraction,
  f_varchar, f_uuid, f_json, f_blob, f_date, f_time, f_timestamp, f_timestamp_s, f_timestamp_ms,
  f_timestamptz, f_integers, f_varchars, f_nested, f_decimals, f_dates, f_doubles, f_instants)
"""


def test_an_arrow_table_has_the_types_of_a_training_set(shop):
    """Every type has online the Arrow type and the values that it has offline."""
    names = EVERY_TYPE.partition("AS t(")[2].rstrip(")\n ").replace("\n", "").split(",")
    columns = dict.fromkeys(name.strip() for name in names)
    store = shop.publish(
        [model("everything", columns, entities={"thing": "id"})], {"everything": EVERY_TYPE}
    )
    spine = "SELECT unnest([1, 2, 3])::BIGINT AS id, TIMESTAMP '2024-03-10' AS event_timestamp"

    offline = store.get_historical_features(spine, "everything:*").to_arrow().sort_by("id")
    online = store.get_online_features("everything:*", {"id": [1, 2, 3]}).to_arrow()

    features = [name for name in online.column_names if name != "id"]
    assert 31 == len(features)
    assert {name: offline.schema.field(name).type for name in features} == {
        name: online.schema.field(name).type for name in features
    }
    assert repr(offline.select(features).to_pylist()) == repr(online.select(features).to_pylist())


def test_an_enum_is_read_as_its_text(shop):
    """An enum comes back as the text of its value."""
    columns = {"id": None, "observed_at": None, "size": None, "sizes": None}
    rows = (
        "SELECT 1 AS id, TIMESTAMP '2024-03-01' AS observed_at, 'b'::ENUM('a', 'b') AS size,"
        " ['b', NULL, 'a']::ENUM('a', 'b')[] AS sizes"
    )
    store = shop.publish([model("things", columns, entities={"thing": "id"})], {"things": rows})

    found = store.get_online_features("things:*", {"id": [1]}).to_dict()

    assert {"id": [1], "size": ["b"], "sizes": [["b", None, "a"]]} == found


# How it is read


async def test_the_asynchronous_client_gives_the_same(shop):
    """Both clients give one response: values, statuses, types, errors."""
    store = shop.publish([model(PLANE, COLUMNS, ttl="90 minutes")], PLANES)
    late = shop.open(NOW + timedelta(hours=1))
    rows = {"tailnum": ["N1", "N2", None, "N9", "N1"], "note": list("abcde")}

    async with store, late:
        found = await store.get_online_features_async([DELAY, SEATS], rows)
        expired = await late.get_online_features_async([SEATS], {"tailnum": ["N1"]})
        with pytest.raises(EntityFrameError, match="no 'tailnum'"):
            await store.get_online_features_async([SEATS], {"tail": ["N1"]})
        with pytest.raises(UnknownFeature):
            await store.get_online_features_async([f"{PLANE}:x"], rows)

    assert store.get_online_features([DELAY, SEATS], rows) == found
    assert [(None, "EXPIRED")] == cells(expired, "seats")


async def test_the_asynchronous_client_learns_of_a_change(shop):
    """It asks for the new layout when a row has it, as the blocking client does."""
    first = shop.publish(*things({"a": "bigint"}, {OLD: [11]}))

    async with first:
        once = await first.get_online_features_async(["things:a"], {"id": [OLD]})
        shop.publish(*things({"b": "varchar", "a": "bigint"}, {OLD: ["new", 21]}))
        then = await first.get_online_features_async(["things:a"], {"id": [OLD]})

    assert ([11], [21]) == (once.values["a"], then.values["a"])


def test_a_store_serves_one_event_loop_after_another(planes):
    """Connections belong to their loop: the next one opens its own."""

    async def once():
        async with planes as store:
            found = await store.get_online_features_async([SEATS], {"tailnum": ["N1"]})
        return found.values["seats"]

    assert [[100], [100]] == [asyncio.run(once()), asyncio.run(once())]


def test_a_closed_store_opens_again(planes, redis_client):
    """Closing gives the connection back; a read after it works all the same."""
    before = _connections(redis_client)
    with planes as store:
        store.get_online_features([SEATS], {"tailnum": ["N1"]})
        opened = _connections(redis_client) - before
        assert len(opened) >= 1

    assert_closed(redis_client, opened)
    assert [100] == planes.get_online_features([SEATS], {"tailnum": ["N1"]}).values["seats"]
    planes.close()


def _connections(client):
    return {int(entry["id"]) for entry in client.client_list()}


def commands(client):
    """Return how often each command was run since the counts were reset."""
    counts = {
        name.removeprefix("cmdstat_"): found["calls"]
        for name, found in client.info("commandstats").items()
    }
    return {name: n for name, n in counts.items() if not name.startswith(("config", "info"))}


def test_a_read_is_one_round_trip(shop, redis_client):
    """Any number of entities and views is one MGET, once the layouts are known."""
    other = model("other", other_columns())
    store = shop.publish(
        [model(PLANE, COLUMNS), other],
        {**PLANES, "other": Table(other_columns(), [("N1", EVENT, 7.5)])},
    )
    features = [DELAY, SEATS, "other:delay"]
    rows = {"tailnum": [f"N{n % 50}" for n in range(300)]}
    store.get_online_features(features, rows, full_feature_names=True)
    redis_client.config_resetstat()

    store.get_online_features(features, rows, full_feature_names=True)

    assert {"mget": 1} == commands(redis_client)


async def test_an_asynchronous_read_is_one_round_trip(planes, redis_client):
    """The asynchronous client asks no more than the blocking one."""
    async with planes:
        await planes.get_online_features_async([DELAY], {"tailnum": ["N1"]})
        redis_client.config_resetstat()
        await planes.get_online_features_async([DELAY], {"tailnum": ["N1", "N2", "N9"]})

    assert {"mget": 1} == commands(redis_client)


def test_a_read_of_nothing_asks_nothing(planes, redis_client):
    """No entity rows, or NULL keys alone, cost no round trip."""
    planes.get_online_features([DELAY], {"tailnum": ["N1"]})
    redis_client.config_resetstat()

    planes.get_online_features([DELAY], {"tailnum": []})
    planes.get_online_features([DELAY], {"tailnum": [None]})

    assert {} == commands(redis_client)


def test_a_read_needs_no_warehouse(planes, shop):
    """The warehouse may be away: online reads never touch it."""
    (shop.folder / "warehouse.duckdb").unlink()

    assert [100] == shop.open().get_online_features([SEATS], {"tailnum": ["N1"]}).values["seats"]


def test_a_read_changes_nothing(planes, redis_client):
    """Reading, expired and missing rows included, leaves every key as it was."""
    before = expiries(redis_client)

    planes.get_online_features([DELAY], {"tailnum": ["N1", "N2", "N9", None]})

    assert before == expiries(redis_client)


def expiries(client):
    """Return each key with its remaining time."""
    return {key: client.pttl(key) for key in client.scan_iter()}


def test_the_keys_are_those_of_the_page(shop, redis_client):
    """A sync writes rows, two metadata keys per view, two for all; rows outlive their ttl a day."""
    shop.publish([model(PLANE, COLUMNS, ttl="2 hours")], PLANES)
    rows = {f"fs:shop:{PLANE}:{{{name}}}".encode() for name in ("N1", "N2", "N3")}
    view_key, schemas = f"fs-meta:{{shop}}:view:{PLANE}", schema_key(PLANE)
    own = {name.decode(): text.decode() for name, text in redis_client.hgetall(view_key).items()}
    day = timedelta(days=1) // timedelta(milliseconds=1)

    metadata = {view_key.encode(), schemas.encode()}
    metadata |= {b"fs-meta:{shop}:views", b"fs-meta:{shop}:owner"}
    assert rows | metadata == set(redis_client.scan_iter())
    assert {"epoch", "as_of", "synced_at"} == set(own)
    assert NOW == datetime.fromisoformat(own["as_of"])
    assert datetime.fromisoformat(own["synced_at"]).utcoffset() == timedelta()
    # The rows are an hour old, so an hour of their two is left, rounded up to a second.
    left = {redis_client.pttl(key) for key in rows}
    most = day + timedelta(hours=1, seconds=1) // timedelta(milliseconds=1)
    assert day < min(left) <= max(left) <= most
    assert {-1} == {redis_client.pttl(key) for key in (view_key, schemas)}


# While definitions change

KEYS = {"id": "bigint", "observed_at": "timestamp"}
BEFORE = {"a": "bigint", "b": "varchar"}
OLD, NEW, GONE = 1, 2, 3
CHANGES = {
    "added": ({"a": "bigint", "b": "varchar", "c": "double"}, [21, "n", 0.5]),
    "added in front": ({"c": "bigint", "a": "bigint", "b": "varchar"}, [99, 21, "n"]),
    "removed": ({"a": "bigint"}, [21]),
    "reordered": ({"b": "varchar", "a": "bigint"}, ["n", 21]),
    "retyped to the same width": ({"a": "double", "b": "varchar"}, [0.5, "n"]),
    "retyped to another width": ({"a": "varchar", "b": "integer"}, ["n", 21]),
    "types swapped": ({"a": "varchar", "b": "bigint"}, ["n", 21]),
    "renamed": ({"x": "bigint", "y": "varchar"}, [21, "n"]),
}
changed = pytest.mark.parametrize("change", CHANGES)


def things(features, rows):
    """Return the one model and its table."""
    columns = {**KEYS, **features}
    table = Table(columns, [(key, EVENT, *values) for key, values in rows.items()])
    return [model("things", columns, entities={"thing": "id"})], {"things": table}


def read(store):
    """Return what a store reads of each feature it knows: by name, each entity's value."""
    response = store.get_online_features("things:*", {"id": [OLD, NEW, GONE]})
    return {name: cells(response, name) for name in response.values}


def expected(asked, current, held):
    """Return what may be read: only values whose name and type are as in the schema in force.

    Args:
        asked: The features that the reader's registry has.
        current: The features of the schema in force, with their types.
        held: For each entity, the features and the values of its row.
    """
    rows = [held.get(key) for key in (OLD, NEW, GONE)]
    return {
        name: [
            (row[1][list(row[0]).index(name)], "PRESENT")
            if row and name in current and row[0].get(name) == current[name]
            else (None, "NOT_FOUND")
            for row in rows
        ]
        for name in asked
    }


@changed
def test_old_and_new_readers_are_right_after_a_change(shop, change):
    """After the sync a reader of either registry gets the new values, or none: never others."""
    after, values = CHANGES[change]
    first = shop.publish(*things(BEFORE, {OLD: [11, "o"], NEW: [12, "p"]}))
    warm, cold = read(first), shop.open()
    assert expected(BEFORE, BEFORE, {OLD: (BEFORE, [11, "o"]), NEW: (BEFORE, [12, "p"])}) == warm
    assert tuple(BEFORE) == cold.registry.view("things").feature_names
    second = shop.publish(*things(after, {OLD: values, NEW: values}))
    held = {OLD: (after, values), NEW: (after, values)}

    assert expected(after, after, held) == read(second)
    assert expected(BEFORE, after, held) == read(cold)
    once, then = read(first), read(first)
    assert expected(BEFORE, after, held) == then
    assert_no_other_values(once, then)


def assert_no_other_values(once, then):
    """A reader that learns of the new layout on the way misses values at worst."""
    for name, found in once.items():
        for cell, settled in zip(found, then[name], strict=True):
            assert cell in (settled, (None, "NOT_FOUND"))


@changed
def test_a_new_reader_is_right_before_a_change_is_published(shop, change):
    """A registry ahead of the data finds what is there under the same name and type."""
    after, _ = CHANGES[change]
    shop.publish(*things(BEFORE, {OLD: [11, "o"]}))
    shop.write(*things(after, {}))

    found = read(shop.open())

    # The types are those that are published: a reader cannot know of others.
    assert expected(after, BEFORE, {OLD: (BEFORE, [11, "o"])}) == found


@changed
def test_every_reader_is_right_in_the_middle_of_a_change(shop, redis_client, change):
    """While rows of both schemas lie side by side, each is read by its own."""
    after, values = CHANGES[change]
    schemas = schema_key("things")
    first = shop.publish(*things(BEFORE, {OLD: [11, "o"], NEW: [12, "p"]}))
    read(first)
    cold = shop.open()
    assert tuple(BEFORE) == cold.registry.view("things").feature_names
    old_row = redis_client.get("fs:shop:things:{1}")
    old_schemas = redis_client.hgetall(schemas)
    second = shop.publish(*things(after, {OLD: values, NEW: values}))
    # Halfway through a sync: the metadata key has both schemas, one row is still the old one.
    redis_client.set("fs:shop:things:{1}", old_row)
    redis_client.hset(schemas, mapping={n: t for n, t in old_schemas.items() if n != b"current"})
    held = {OLD: (BEFORE, [11, "o"]), NEW: (after, values)}

    assert expected(after, after, held) == read(second)
    assert expected(BEFORE, after, held) == read(cold)
    for found in (read(first), read(first)):
        for name, column in found.items():
            old_value = (dict(zip(BEFORE, [11, "o"], strict=True))[name], "PRESENT")
            new_value = (dict(zip(after, values, strict=True)).get(name), "PRESENT")
            assert column[0] in (old_value, (None, "NOT_FOUND"))
            assert column[1] in (new_value, (None, "NOT_FOUND"))
            assert column[2] == (None, "NOT_FOUND")


@pytest.mark.parametrize("change", ["added", "types swapped"])
def test_the_new_schema_is_announced_before_its_first_row(shop, redis_client, change):
    """When the first changed rows arrive, Redis has both schemas, the new one current."""
    after, values = CHANGES[change]
    shop.publish(*things(BEFORE, {OLD: [11, "o"]}))
    old = redis_client.hget(schema_key("things"), "current")
    shop.write(*things(after, {OLD: values}))
    seen = []

    shop.open().sync(progress=lambda _: seen.append(redis_client.hgetall(schema_key("things"))))

    kept = redis_client.hgetall(schema_key("things"))
    new = Schema((("id", "int64"),), tuple(wire(after))).to_json()
    name = fingerprint(new).hex().encode()
    assert seen
    assert {name: new.encode(), b"current": name, b"pii": b"[]"} == kept
    assert {old, name, b"current", b"pii"} == set(seen[0])
    assert name == seen[0][b"current"]


def sound(key, row):
    """Return a row with its checksum."""
    return row + crc32(key.encode() + row).to_bytes(4, "little")


def wire(features):
    """Return features with the names of their published types."""
    names = {"bigint": "int64", "varchar": "string", "double": "float64", "integer": "int32"}
    return [(name, names[kind]) for name, kind in features.items()]


def test_a_row_of_an_unknown_schema_is_not_found(planes, redis_client):
    """A sound row with an unannounced schema has no values."""
    key = "fs:shop:plane_features:{N1}"
    row = redis_client.get(key)
    redis_client.set(key, sound(key, row[:1] + b"who?" + row[5:-4]))

    response = planes.get_online_features([SEATS], {"tailnum": ["N1", "N2"]})

    assert [(None, "NOT_FOUND"), (200, "PRESENT")] == cells(response, "seats")


def test_another_format_is_refused_and_then_published_anew(planes, shop, redis_client):
    """Metadata and rows of another version are not read; a plain sync replaces both."""
    planes.get_online_features([SEATS], {"tailnum": ["N1"]})
    schemas, name = schema_key(PLANE), b"0123456789abcdef"
    held = redis_client.hgetall(schemas)
    text = held[held[b"current"]].replace(b'"version":3', b'"version":1')
    redis_client.delete(schemas)
    redis_client.hset(schemas, mapping={"current": name, name: text})
    for key in redis_client.keys("fs:shop:plane_features:*"):
        redis_client.set(key, b"\x01" + bytes(40))

    for reader in (shop.open(), planes):
        with pytest.raises(OnlineStoreError, match=r"A schema of format 1 .* not in format 3 or 2"):
            reader.get_online_features([SEATS], {"tailnum": ["N1"]})
    planes.sync()

    assert held == redis_client.hgetall(schemas)
    assert [100] == planes.get_online_features([SEATS], {"tailnum": ["N1"]}).values["seats"]


@pytest.mark.parametrize(
    "damage",
    [
        {"current": b"00000000"},
        {"current": b"?"},
        *({None: text} for text in (b"", b"{", b"[]", b"{}", b'{"version":3,"keys":[]}', b"\xff")),
        {None: b'{"version":3,"keys":[["tailnum"]],"features":[]}'},
        {None: b'{"version":3,"keys":1,"features":[]}'},
    ],
    ids=repr,
)
def test_a_damaged_schema_is_an_error(planes, shop, redis_client, damage):
    """The current schema is missing or unreadable: a full sync writes it again."""
    schemas = schema_key(PLANE)
    current = redis_client.hget(schemas, "current")
    held = redis_client.hgetall(schemas)
    redis_client.hset(schemas, mapping={name or current: text for name, text in damage.items()})

    with pytest.raises(OnlineStoreError, match=r"A schema .*sync --full"):
        shop.open().get_online_features([SEATS], {"tailnum": ["N1"]})
    planes.sync(full=True)

    assert held == redis_client.hgetall(schemas)
    assert [100] == shop.open().get_online_features([SEATS], {"tailnum": ["N1"]}).values["seats"]


@pytest.mark.parametrize("first", [0x38, 0x3F, 0x40])
def test_a_sound_row_of_a_newer_layout_asks_for_an_upgrade(planes, redis_client, first):
    """Its checksum holds, so it is not damaged: a release wrote it that knows more marks."""
    key = "fs:shop:plane_features:{N1}"
    redis_client.set(key, sound(key, bytes([first]) + redis_client.get(key)[1:-4]))

    message = f"in format {first >> 4} with the marks {first & 15}, .*Upgrade featurestore"
    with pytest.raises(OnlineStoreError, match=message):
        planes.get_online_features([SEATS], {"tailnum": ["N1", "N2"]})


def test_two_versions_of_a_model_live_side_by_side(shop):
    """Each version of a model is a view of its own, with its own rows and layout."""
    columns = {"id": "bigint", "observed_at": "timestamp", "a": "bigint"}
    second = {"id": "bigint", "observed_at": "timestamp", "a": "varchar"}
    models = [
        model(
            "things",
            typed,
            entities={"thing": "id"},
            node={
                "unique_id": f"model.shop.things.v{version}",
                "relation_name": f'"warehouse"."main"."things_v{version}"',
                "version": version,
                "latest_version": 2,
            },
        )
        for version, typed in ((1, columns), (2, second))
    ]
    store = shop.publish(
        models,
        {
            "things_v1": Table(columns, [(1, EVENT, 11)]),
            "things_v2": Table(second, [(1, EVENT, "new")]),
        },
    )

    found = store.get_online_features(
        ["things.v1:a", "things.v2:a"], {"id": [1]}, full_feature_names=True
    ).to_dict()

    assert {"id": [1], "things.v1__a": [11], "things.v2__a": ["new"]} == found
