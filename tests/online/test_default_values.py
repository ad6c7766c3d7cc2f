"""Declared defaults in an online read: which values they fill, and what says so."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from featurestore.errors import OnlineStoreError
from tests.support.builders import Table, column, model
from tests.support.online_project import NOW, Shop, schema_key

PLANE = "plane_features"
COLUMNS = {"tailnum": "varchar", "observed_at": "timestamp", "seats": "integer", "delay": "double"}
ROWS = [
    ("N1", NOW - timedelta(hours=1), 100, 1.5),
    ("N2", NOW - timedelta(hours=1), None, None),
    ("N3", NOW - timedelta(hours=23), 300, 3.5),
]
ASKED = {"tailnum": ["N1", "N2", "N3", "N4", None]}


@pytest.fixture
def shop(tmp_path, redis_client, redis_server):
    """Return a project folder that publishes to an empty server."""
    return Shop(tmp_path / "shop", redis_server)


def planes(seats=0, **fields):
    """Return the model with a default for `seats`."""
    own = {} if seats is None else {"default": seats}
    columns = [
        column(name, data_type, **(own if name == "seats" else {}))
        for name, data_type in COLUMNS.items()
    ]
    return model(PLANE, columns, ttl="1 day", **fields)


def read(store, **options):
    return store.get_online_features([f"{PLANE}:*"], ASKED, **options)


def test_a_default_fills_null_not_found_and_expired(shop):
    """The status says DEFAULTED, and the reason is the status that was there."""
    shop.publish([planes()], {PLANE: Table(COLUMNS, ROWS)})
    response = read(shop.open(NOW + timedelta(hours=2)))

    assert [100, 0, 0, 0, 0] == response.values["seats"]
    assert ["PRESENT", *["DEFAULTED"] * 4] == response.statuses["seats"]
    assert [None, "NULL", "EXPIRED", "NOT_FOUND", "NOT_FOUND"] == response.reasons["seats"]
    # The feature without a default beside it stays as it is.
    assert ["PRESENT", "NULL", "EXPIRED", "NOT_FOUND", "NOT_FOUND"] == response.statuses["delay"]
    assert {"seats"} == set(response.reasons)


def test_the_reason_is_a_column_beside_the_status(shop):
    """Only features with a default have the column, and have it in every answer."""
    store = shop.publish([planes()], {PLANE: Table(COLUMNS, ROWS)})
    whole = store.get_online_features([f"{PLANE}:*"], {"tailnum": ["N1"]})

    assert ["tailnum", "seats", "delay", "seats__status", "delay__status", "seats__reason"] == [
        *whole.to_dict(include_statuses=True)
    ]
    assert [None] == whole.to_dict(include_statuses=True)["seats__reason"]


def test_timestamps_do_not_become_known_by_a_default(shop):
    """A row that is missing or expired still has no event timestamp."""
    shop.publish([planes()], {PLANE: Table(COLUMNS, ROWS)})
    store = shop.open(NOW + timedelta(hours=2))
    found = read(store, feature_timestamps=True).event_timestamps[f"{PLANE}__event_timestamp"]

    assert [ROWS[0][1], ROWS[1][1], None, None, None] == found


def test_damaged_rows_are_never_filled(shop, redis_client):
    """A damaged row may hide a value, so its features stay DAMAGED."""
    store = shop.publish([planes()], {PLANE: Table(COLUMNS, ROWS)})
    (key,) = redis_client.keys(f"*{PLANE}*N1*")
    redis_client.set(key, redis_client.get(key)[:-1] + b"\x00\x01")
    response = read(store)

    assert [None, 0] == response.values["seats"][:2]
    assert ["DAMAGED", "DEFAULTED"] == response.statuses["seats"][:2]


def test_a_view_that_is_not_published_is_never_filled(shop):
    """A read of it fails, as without a default."""
    shop.write([planes()], {PLANE: Table(COLUMNS, ROWS)})

    with pytest.raises(OnlineStoreError, match="has not been published"):
        read(shop.open())


def test_a_feature_that_is_not_published_is_never_filled(shop):
    """A feature that a later sync will publish is NOT_FOUND until then."""
    shop.publish([model(PLANE, COLUMNS, ttl="1 day")], {PLANE: Table(COLUMNS, ROWS)})
    columns = {**COLUMNS, "wings": "integer"}
    added = [column(n, t, **({"default": 2} if n == "wings" else {})) for n, t in columns.items()]
    shop.write([model(PLANE, added, ttl="1 day")], {})
    response = read(shop.open())

    assert {"NOT_FOUND"} == set(response.statuses["wings"])


def test_a_changed_default_needs_no_sync(shop, redis_client):
    """The default is applied at the read: no byte in the online store changes with it."""
    table = {PLANE: Table(COLUMNS, ROWS)}
    shop.publish([planes(None)], table)
    before = {key: redis_client.dump(key) for key in redis_client.keys(f"*{PLANE}*")}
    shop.write([planes(7)], table)
    assert [100, 7, 300, 7, 7] == read(shop.open()).values["seats"]
    report = shop.open().sync()
    after = {key: redis_client.dump(key) for key in redis_client.keys(f"*{PLANE}*")}

    assert [0] == [view.written for view in report.views]
    rows = {
        key for key in before if schema_key(PLANE).encode() not in key and b"fs-meta" not in key
    }
    assert len(rows) > 1
    assert {key: before[key] for key in rows} == {key: after[key] for key in rows}


def test_verify_compares_what_is_published(shop):
    """A default is not published, so it is not a difference."""
    store = shop.publish([planes()], {PLANE: Table(COLUMNS, ROWS)})
    (verdict,) = store.verify(sample="all").views

    assert ([], "") == (verdict.differences, verdict.problem)


def test_a_default_that_does_not_fit_the_published_type(shop):
    """Rows of an earlier type say so, instead of mixing two types in one column."""
    shop.publish([planes()], {PLANE: Table(COLUMNS, ROWS)})
    changed = [
        column(n, "varchar" if n == "seats" else t, **({"default": "?"} if n == "seats" else {}))
        for n, t in COLUMNS.items()
    ]
    shop.write([model(PLANE, changed, ttl="1 day")], {})

    with pytest.raises(OnlineStoreError, match="does not fit the published type int32"):
        read(shop.open())


def test_the_default_has_the_type_of_the_column(shop):
    """A decimal keeps its digits, and the Arrow column its type, as in a training set."""
    columns = [
        column("tailnum", "varchar"),
        column("observed_at", "timestamp"),
        column("price", "decimal(9,2)", default=0.5),
    ]
    types = {"tailnum": "varchar", "observed_at": "timestamp", "price": "decimal(9,2)"}
    store = shop.publish([model(PLANE, columns)], {PLANE: Table(types, [("N1", NOW, None)])})
    online = read(store).to_arrow()
    entity = [{"tailnum": name, "event_timestamp": NOW} for name in ASKED["tailnum"]]
    frame = pa.Table.from_pylist(entity)
    offline = store.get_historical_features(frame, [f"{PLANE}:*"]).to_arrow()

    assert [Decimal("0.50")] * 5 == online.column("price").to_pylist()
    assert online.column("price").equals(offline.column("price"))
