"""POST /get-online-features speaks Feast: its own client's requests, and its form of an answer."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest

from featurestore.demo.server import embedded_server
from tests.serve.conftest import EVENT
from tests.serve.test_bad_requests import problem
from tests.support.builders import Table, model
from tests.support.feast_shop import COUNT, FEATURES, LATER, REQUEST, feast_shop
from tests.support.online_project import NOW, Shop
from tests.support.running_server import running_server

RECORDED = Path(__file__).parent / "recorded" / "feast_exchanges.json"
EXCHANGES = json.loads(RECORDED.read_text(encoding="utf-8"))
NO_TIME = "1970-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    """Serve the project that the recordings were made with; return the SDK's store as well."""
    folder = tmp_path_factory.mktemp("things")
    with embedded_server(folder) as url:
        shop = feast_shop(folder / "shop", url)
        with running_server(shop, now=LATER) as server:
            yield server, shop.open(LATER)


@pytest.mark.parametrize("place", range(len(EXCHANGES)))
def test_the_requests_of_feasts_client_get_the_recorded_answers(things, place):
    """Feast 0.67 sent these bodies and read these answers; see `recorded/record_feast.py`."""
    server, _ = things
    exchange = EXCHANGES[place]
    headers = {"content-type": exchange["content_type"]} if exchange["content_type"] else {}
    body = json.dumps(exchange["request"]).encode()

    answer = server.http.post("/get-online-features", content=body, headers=headers).json()

    kept = len(exchange["response"]["results"][0]["values"])
    for result in answer["results"]:
        for part in result:
            result[part] = result[part][:kept]
    assert exchange["response"] == answer


def test_a_thousand_rows_are_the_sdks_values(things):
    """Each column has the SDK's values, its statuses in Feast's words, and the rows' own times."""
    server, store = things
    ours = store.get_online_features(
        REQUEST["features"], REQUEST["entities"], feature_timestamps=True
    )
    words = {"NULL": "NULL_VALUE", "EXPIRED": "OUTSIDE_MAX_AGE"}

    answer = server.feast(**REQUEST).json()

    assert ["id", *FEATURES] == answer["metadata"]["feature_names"]
    columns = dict(zip(answer["metadata"]["feature_names"], answer["results"], strict=True))
    assert [*range(COUNT)] == columns["id"]["values"]
    assert {NO_TIME} == {*columns["id"]["event_timestamps"]}
    for name in FEATURES:
        expected = ours.values[name]
        if name == "seen_at":
            expected = [
                None if one is None else int(one.replace(tzinfo=UTC).timestamp())
                for one in expected
            ]
        if name == "amount":
            expected = [one if one is not None and math.isfinite(one) else None for one in expected]
        assert expected == columns[name]["values"], name
        statuses = [words.get(str(status), str(status)) for status in ours.statuses[name]]
        assert statuses == columns[name]["statuses"], name
        moments = [
            NO_TIME if moment is None else moment.isoformat().replace("+00:00", "Z")
            for moment in ours.event_timestamps["things__event_timestamp"]
        ]
        assert moments == columns[name]["event_timestamps"], name
    assert {"PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE"} == {
        *columns["amount"]["statuses"]
    }


def test_two_views_have_their_own_times(server):
    """Each feature carries the time of its own view's row."""
    entities = {"tailnum": ["N3"], "origin": ["EWR"], "flight": [1545]}
    answer = server.feast(feature_service="routes", entities=entities, full_feature_names=True)

    columns = dict(
        zip(answer.json()["metadata"]["feature_names"], answer.json()["results"], strict=True)
    )
    assert ["tailnum", "origin", "flight", "plane_features__seats", "route_load__load"] == [
        *columns
    ]
    assert ["2024-03-10T11:00:00.000001Z"] == columns["plane_features__seats"]["event_timestamps"]
    assert ["2024-03-10T11:00:00Z"] == columns["route_load__load"]["event_timestamps"]
    assert ["NULL_VALUE"] == columns["plane_features__seats"]["statuses"]


def test_a_damaged_row_is_invalid(fresh_server, redis_client):
    """Feast has no word for damage, and its clients read no value for INVALID."""
    key = b"fs:shop:plane_features:{N1}"
    row = bytearray(redis_client.get(key))
    row[-1] ^= 1
    redis_client.set(key, bytes(row))
    answer = fresh_server.feast(
        features=["plane_features:seats"], entities={"tailnum": ["N1", "N2"]}
    )

    assert {"values": [None, 200], "statuses": ["INVALID", "PRESENT"]} == {
        part: answer.json()["results"][1][part] for part in ("values", "statuses")
    }


@pytest.mark.parametrize("kind", [None, "application/json"])
def test_json_need_not_be_announced(server, kind):
    """Feast's own server answers 422 without a content type; here it is JSON."""
    body = json.dumps({"feature_service": "delays", "entities": {"tailnum": ["N1"]}}).encode()
    headers = {} if kind is None else {"content-type": kind}
    answer = server.http.post("/get-online-features", content=body, headers=headers)

    assert [100] == answer.json()["results"][2]["values"]


def test_unknown_fields_are_ignored(server):
    """A later client's further fields do no harm, as with Feast's own server."""
    answer = server.feast(
        feature_service="delays", features=[], entities={"tailnum": ["N1"]}, later=[1]
    )

    assert [1.5] == answer.json()["results"][1]["values"]


WRONG = [
    (
        {"features": ["plane_features:seat"], "entities": {"tailnum": ["N1"]}},
        "/features",
        "Unknown feature 'seat' in 'plane_features'.",
    ),
    (
        {"features": ["plane:seats"], "entities": {"tailnum": ["N1"]}},
        "/features",
        "Unknown feature view 'plane'.",
    ),
    (
        {"feature_service": "delay", "entities": {"tailnum": ["N1"]}},
        "/feature_service",
        "Unknown feature service 'delay'.",
    ),
    (
        {"features": ["plane_features:seats"], "entities": {"id": [1]}},
        "/entities/tailnum",
        "The entity rows have no 'tailnum', a join key of 'plane_features'; they have id.",
    ),
    (
        {"features": ["plane_features:seats"], "entities": {"tailnum": [7]}},
        "/entities/tailnum",
        "The value 7 of the join key 'tailnum' is not a valid string.",
    ),
    (
        {"features": ["plane_features:seats"]},
        "",
        "The request's body has a wrong type: object missing required field `entities`.",
    ),
    (
        {"features": [], "entities": {"tailnum": ["N1"]}},
        "/features",
        "The list of features is empty.",
    ),
]


@pytest.mark.parametrize(("body", "field", "detail"), WRONG)
def test_errors_of_the_caller_are_4xx(server, body, field, detail):
    """Feast answers 500 to most of these."""
    status, where, text, _ = problem(server.feast(**body))

    assert (422, field or None, detail) == (status, where, text)


def test_no_rows_are_no_error(server):
    """Feast answers 500; here empty lists are answered with empty lists."""
    answer = server.feast(feature_service="delays", entities={"tailnum": []})

    assert [[], [], []] == [result["values"] for result in answer.json()["results"]]


def test_instants_are_whole_seconds(tmp_path, redis_client, redis_server):
    """As in Feast: dates and instants in seconds, before 1970 too, and inside lists."""
    columns = {
        "id": "bigint",
        "observed_at": "timestamp",
        "day": "date",
        "at": "timestamptz",
        "times": "timestamp[]",
    }
    row = (7, EVENT, "1969-12-31", "2024-02-29 12:00:00.5+00", ["1970-01-01 00:00:01"])
    shop = Shop(tmp_path / "shop", redis_server)
    thing = model("things", columns, entities={"thing": "id"})
    shop.publish([thing], {"things": Table(columns, [row])})
    with running_server(shop, now=NOW) as server:
        answer = server.feast(features=["things:*"], entities={"id": [7]}).json()

    noon = int(datetime(2024, 2, 29, 12, tzinfo=UTC).timestamp())
    assert [[7], [-86400], [noon], [[1]]] == [one["values"] for one in answer["results"]]
