"""On-demand features in an online read: inputs, statuses, reasons, and what is refused."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pyarrow as pa
import pytest

from featurestore.errors import EntityFrameError, NameCollision, OnlineStoreError
from tests.support.builders import Table, column, model, service
from tests.support.online_project import NOW, Shop

PLANE = "plane_features"
COLUMNS = {"tailnum": "varchar", "observed_at": "timestamp", "seats": "integer", "delay": "bigint"}
EVENT = NOW - timedelta(hours=1)
ROWS = [("N1", EVENT, 100, 40), ("N2", EVENT, None, None), ("N3", EVENT, 300, 2**63 - 1)]
REQUEST = {"asked": "bigint"}
ON_DEMAND = {"is_more": "over > seats", "over": "delay + asked"}


@pytest.fixture
def shop(tmp_path, redis_client, redis_server):
    """Return a project folder that publishes to an empty server."""
    return Shop(tmp_path / "shop", redis_server)


def project(shop, on_demand=ON_DEMAND, request=REQUEST, default=50, publish=True):
    """Publish a project with one service."""
    own = {} if default is None else {"default": default}
    columns = [column(n, t, **(own if n == "seats" else {})) for n, t in COLUMNS.items()]
    exposure = service("delays", [f"{PLANE}:*"], request=request, on_demand=on_demand)
    write = shop.publish if publish else shop.write
    write([model(PLANE, columns)], {PLANE: Table(COLUMNS, ROWS)}, exposures=[exposure])
    return shop.open()


def read(store, rows, **options):
    return store.get_online_features(None, rows, feature_service="delays", **options)


def test_values_statuses_and_reasons(shop):
    """NULL and missing inputs are NULL after defaults; an error is a status with its reason."""
    rows = {"tailnum": ["N1", "N2", "N3", "N4", "N1"], "asked": [70, 1, 1, 1, None]}
    found = read(project(shop), rows)

    assert ["seats", "delay", "is_more", "over"] == list(found.values)
    assert [110, None, None, None, None] == found.values["over"]
    assert ["PRESENT", "NULL", "ERROR", "NULL", "NULL"] == found.statuses["over"]
    assert [True, None, None, None, None] == found.values["is_more"]
    assert ["PRESENT", "NULL", "ERROR", "NULL", "NULL"] == found.statuses["is_more"]
    (reason,) = [why for why in found.reasons["over"] if why]
    assert "9223372036854775808 is out of range" in reason
    assert f"its input 'over' is ERROR: {reason}" == found.reasons["is_more"][2]
    assert [100, 50, 300, 50, 100] == found.values["seats"]
    assert {"seats", "is_more", "over"} == set(found.explained)


def test_many_distinct_whole_rows_have_them(shop):
    """A large answer without gaps is decoded by column, which does not leave them out."""
    rows = [(f"P{n}", EVENT, n, n) for n in range(500)]
    exposure = service("delays", [f"{PLANE}:*"], request=REQUEST, on_demand=ON_DEMAND)
    shop.publish([model(PLANE, COLUMNS)], {PLANE: Table(COLUMNS, rows)}, exposures=[exposure])
    keys = [row[0] for row in rows]
    found = read(shop.open(), {"tailnum": keys, "asked": [1] * len(keys)})

    assert [n + 1 for n in range(500)] == found.values["over"]
    assert [True] * 500 == found.values["is_more"]
    assert [n + 1 for n in range(500)] == found.to_arrow()["over"].to_pylist()


def test_a_damaged_input_is_an_error(shop, redis_client):
    """The value behind it is unknown, so no default and no NULL takes its place."""
    store = project(shop, {"no_seats": "seats is null", "one": "asked = 1"})
    (key,) = redis_client.keys(f"*{PLANE}*N1*")
    redis_client.set(key, redis_client.get(key)[:-1] + b"\x00\x01")
    found = read(store, {"tailnum": ["N1", "N4"], "asked": [1, 1]})

    assert ["ERROR", "PRESENT"] == found.statuses["no_seats"]
    assert ["its input 'seats' is DAMAGED", None] == found.reasons["no_seats"]
    assert [None, False] == found.values["no_seats"]
    assert [True, True] == found.values["one"]


def test_the_asynchronous_read_gives_the_same(shop):
    """Both reads share the plan."""
    store = project(shop)

    async def ask():
        async with store:
            return await store.get_online_features_async(
                None, {"tailnum": ["N1"], "asked": [70]}, feature_service="delays"
            )

    assert read(store, {"tailnum": ["N1"], "asked": [70]}).to_dict(include_statuses=True) == (
        asyncio.run(ask()).to_dict(include_statuses=True)
    )


def test_every_exit_has_them(shop):
    """Full names leave an on-demand feature's name as it is; types are those of the expression."""
    rows = [{"tailnum": "N1", "asked": 70}]
    found = read(project(shop), rows, full_feature_names=True, feature_timestamps=True)

    assert [
        "tailnum",
        "asked",
        f"{PLANE}__seats",
        f"{PLANE}__delay",
        f"{PLANE}__event_timestamp",
        "is_more",
        "over",
    ] == list(found.to_dict())
    assert [pa.bool_(), pa.int64()] == found.to_arrow().schema.types[-2:]
    assert [100.0, 40.0, 1.0, 110.0] == found.to_matrix()[0].tolist()
    assert [True, 110] == found.to_df().iloc[0, -2:].tolist()


def test_a_request_by_features_needs_no_request_fields(shop):
    """The fields belong to the service."""
    found = project(shop).get_online_features([f"{PLANE}:*"], {"tailnum": ["N1"]})

    assert ["seats", "delay"] == list(found.values)


def test_surplus_columns_pass_as_those_of_any_request(shop):
    """As for entity columns today: what is not needed comes back as it was given."""
    found = read(project(shop), {"tailnum": ["N1"], "asked": [1], "note": ["x"]})

    assert ["x"] == found.to_dict()["note"]


@pytest.mark.parametrize(
    ("rows", "error", "texts"),
    [
        (
            {"tailnum": ["N1"]},
            EntityFrameError,
            ["no 'asked', a request field", "Add 'asked' (int64)"],
        ),
        ({"tailnum": ["N1"], "Asked": [1]}, EntityFrameError, ["Did you mean 'Asked'?"]),
        (
            {"tailnum": ["N1", "N2"], "asked": [1, 1.5]},
            EntityFrameError,
            ["value 1.5 of the request field 'asked' in entity row 1", "int64"],
        ),
        ({"tailnum": ["N1"], "asked": [1], "over": [1]}, NameCollision, ["'over'"]),
    ],
)
def test_rows_that_do_not_fit_are_refused(shop, rows, error, texts):
    """The error names the field, the value and the remedy."""
    with pytest.raises(error) as raised:
        read(project(shop), rows)

    assert [] == [text for text in texts if text not in str(raised.value)]


def test_a_personal_value_is_not_shown(shop):
    """An error's text ends up in logs."""
    store = project(shop, request={"asked": {"type": "bigint", "pii": True}})
    with pytest.raises(EntityFrameError, match=r"value \(personal data\) of the request field"):
        read(store, {"tailnum": ["N1"], "asked": ["secret"]})


def test_a_feature_that_is_not_published_cannot_be_an_input(shop):
    """The service says which, and the remedy."""
    project(shop)
    columns = [column(n, t) for n, t in {**COLUMNS, "wings": "integer"}.items()]
    exposure = service("delays", [f"{PLANE}:*"], on_demand={"many": "wings > 2"})
    shop.write([model(PLANE, columns)], {}, exposures=[exposure])

    with pytest.raises(OnlineStoreError, match="'wings' is not published"):
        read(shop.open(), {"tailnum": ["N1"]})


def test_no_rows_give_no_values(shop):
    """An empty request has the columns of any other."""
    found = read(project(shop), {"tailnum": [], "asked": []})

    assert {"seats": [], "delay": [], "is_more": [], "over": []} == dict(found.values)
