"""POST /v1/features answers the SDK's values, by column, as JSON and as Arrow."""

from __future__ import annotations

import base64
import json
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import httpx
import pyarrow as pa
import pytest

from tests.serve.conftest import EVENT
from tests.support.builders import Table, model
from tests.support.online_project import NOW, Shop
from tests.support.running_server import running_server
from tests.support.sync_project import MANY_TYPES, SyncProject

PLANE_NUMBERS = ["N1", "N2", "N3", "N4", "N5"]
ARROW = "application/vnd.apache.arrow.stream"


def arrow(server, **body):
    answer = server.http.post("/v1/features", json=body, headers={"accept": ARROW})
    assert (200, ARROW) == (answer.status_code, answer.headers["content-type"]), answer.text
    return pa.ipc.open_stream(answer.content).read_all()


# The forms of a request


def test_a_service_is_read_by_column(server):
    """Values come by feature, in the order of the entities; statuses where one is not PRESENT."""
    answer = server.read(service="delays", entities={"tailnum": ["N2", "N1", "N9"]})

    assert (200, "application/json") == (answer.status_code, answer.headers["content-type"])
    assert {
        "values": {"delay": [None, 1.5, None], "seats": [200, 100, None]},
        "statuses": {
            "delay": ["NULL", "PRESENT", "NOT_FOUND"],
            "seats": ["PRESENT", "PRESENT", "NOT_FOUND"],
        },
    } == answer.json()


def test_entities_may_come_by_row(server):
    """A list of rows gives the same answer as a list per key."""
    rows = [{"origin": "EWR", "flight": 1545, "tailnum": "N1"}]
    columns = {"origin": ["EWR"], "flight": [1545], "tailnum": ["N1"]}

    by_row = server.read(service="routes", entities=rows)

    assert {"values": {"seats": [100], "load": [0.75]}, "statuses": {}} == by_row.json()
    assert by_row.json() == server.read(service="routes", entities=columns).json()


def test_features_are_named_instead_of_a_service(server):
    """References work as in the SDK, a star included; full names tell the view."""
    answer = server.read(
        features=["plane_features:seats", "route_load:*"],
        entities={"tailnum": ["N1"], "origin": ["EWR"], "flight": [1545]},
        full_feature_names=True,
    )

    assert {"plane_features__seats": [100], "route_load__load": [0.75]} == answer.json()["values"]


def test_statuses_and_timestamps_are_options(server):
    """Statuses can be left out; the instants of the rows come by view, in UTC with a Z."""
    answer = server.read(
        service="delays", entities={"tailnum": ["N3", "N9", None]}, statuses=False, timestamps=True
    )

    assert {
        "values": {"delay": [None, None, None], "seats": [None, None, None]},
        "event_timestamps": {"plane_features": ["2024-03-10T11:00:00.000001Z", None, None]},
    } == answer.json()


def test_every_status_is_named(shop):
    """NaN is null and PRESENT, so a reader can tell it from a value that is missing."""
    with running_server(shop, now=NOW + timedelta(hours=2)) as server:
        answer = server.read(service="delays", entities={"tailnum": PLANE_NUMBERS})

    assert ["PRESENT", "NULL", "PRESENT", "EXPIRED", "NOT_FOUND"] == (
        answer.json()["statuses"]["delay"]
    )
    assert [1.5, None, None, None, None] == answer.json()["values"]["delay"]


def test_a_nan_alone_shows_its_status(server):
    """A column whose only fault is a NaN lists its statuses too."""
    answer = server.read(features=["plane_features:delay"], entities={"tailnum": ["N1", "N3"]})

    assert {"values": {"delay": [1.5, None]}, "statuses": {"delay": ["PRESENT", "PRESENT"]}} == (
        answer.json()
    )


def test_no_rows_are_no_values(server):
    """Empty entities are a request for nothing."""
    assert {"delay": [], "seats": []} == (
        server.read(service="delays", entities={"tailnum": []}).json()["values"]
    )
    assert {"delay": [], "seats": []} == (
        server.read(service="delays", entities=[]).json()["values"]
    )


def test_a_row_asked_for_twice_is_answered_twice(server):
    """Duplicate rows keep their places."""
    answer = server.read(service="delays", entities={"tailnum": ["N1", "N2", "N1"]})

    assert [100, 200, 100] == answer.json()["values"]["seats"]


def test_a_view_without_entities_needs_none(tmp_path, redis_client, redis_server):
    """Global features have one row, which no key asks for."""
    columns = {"observed_at": "timestamp", "wind": "double"}
    shop = Shop(tmp_path / "shop", redis_server)
    weather = model("weather", columns, entities={})
    shop.publish([weather], {"weather": Table(columns, [(EVENT, 12.5)])})
    with running_server(shop) as server:
        answers = [
            server.read(features=["weather:*"]).json(),
            server.read(features=["weather:*"], entities=[{}]).json(),
        ]

    assert [{"values": {"wind": [12.5]}, "statuses": {}}] * 2 == answers


# The values are the SDK's


ROW = (
    *(7, NOW, NOW, True, -128, -32768, -(2**31), 2**63 - 1, 2**64 - 1, 0.5, 0.1),
    *(Decimal("1234567890.0000000001"), "ß\u2028\U0001f600", b"\x00\xff", date(2024, 2, 29)),
    *(time(1, 2, 3, 4), "2024-02-29 12:00:00.000005", datetime(2024, 2, 29, 12, tzinfo=UTC)),
    *("2024-02-29 12:00:00", "low", [1, None, 2**62], ["a", None], [Decimal("1.50")]),
    [[0.5, float("inf")], None],
)


@pytest.fixture
def many_types(tmp_path, redis_client, redis_server):
    """Serve one row with a feature of every type."""
    project = SyncProject(tmp_path / "project", MANY_TYPES)
    project.insert(MANY_TYPES, ROW)
    store = project.store(redis_server, NOW)
    store.sync()
    with running_server(Shop(project.folder, redis_server)) as server:
        yield server, store


def test_each_type_keeps_its_value_in_json(many_types):
    """Decimals are text, instants ISO 8601 with a Z, bytes base64, integers all their digits."""
    server, _ = many_types
    answer = server.read(features=["many_types:*"], entities={"number": [7]})
    text = answer.text

    assert {
        "a_bool": True,
        "a_tiny": -128,
        "a_small": -32768,
        "a_int": -(2**31),
        "a_big": 2**63 - 1,
        "an_ubig": 2**64 - 1,
        "a_float": 0.5,
        "a_double": 0.1,
        "a_decimal": "1234567890.0000000001",
        "a_text": "ß\u2028\U0001f600",
        "a_blob": base64.b64encode(b"\x00\xff").decode(),
        "a_date": "2024-02-29",
        "a_time": "01:02:03.000004",
        "an_instant": "2024-02-29T12:00:00.000005Z",
        "a_zoned": "2024-02-29T12:00:00Z",
        "a_second": "2024-02-29T12:00:00Z",
        "an_enum": "low",
        "numbers": [1, None, 2**62],
        "words": ["a", None],
        "decimals": ["1.50"],
        "nested": [[0.5, None], None],
    } == {name: column[0] for name, column in answer.json()["values"].items()}
    assert f'"an_ubig":[{2**64 - 1}]' in text


def test_each_type_keeps_its_value_in_arrow(many_types):
    """The stream is the SDK's own table, with a dictionary column of statuses per feature."""
    server, store = many_types
    expected = store.get_online_features(["many_types:*"], {"number": [7, 8]}).to_arrow()

    plain = arrow(server, features=["many_types:*"], entities={"number": [7, 8]}, statuses=False)
    shown = arrow(server, features=["many_types:*"], entities={"number": [7, 8]})

    assert expected == plain
    assert expected == shown.select(expected.column_names)
    assert ["PRESENT", "NOT_FOUND"] == shown["a_big__status"].to_pylist()
    assert "dictionary<values=string, indices=int32, ordered=0>" == str(
        shown.schema.field("a_big__status").type
    )


def test_numbers_are_those_of_the_sdk(tmp_path, redis_client, redis_server):
    """Every finite double comes back as the same bits; the others are null."""
    numbers = [0.1, -0.0, 5e-324, 1.7976931348623157e308, math.pi, float("inf"), float("-inf")]
    columns = {"id": "bigint", "observed_at": "timestamp", "number": "double"}
    rows = [(place, EVENT, number) for place, number in enumerate(numbers)]
    shop = Shop(tmp_path / "shop", redis_server)
    thing = model("things", columns, entities={"thing": "id"})
    shop.publish([thing], {"things": Table(columns, rows)})
    with running_server(shop) as server:
        answer = server.read(features=["things:*"], entities={"id": [*range(len(numbers))]})

    values = answer.json()["values"]["number"]
    assert [repr(number) for number in numbers[:5]] == [repr(value) for value in values[:5]]
    assert [None, None] == values[5:]
    assert ["PRESENT"] * 7 == answer.json()["statuses"]["number"]


def test_event_timestamps_come_in_arrow(server):
    """The instants are columns of the stream, as in the SDK."""
    table = arrow(
        server, service="delays", entities={"tailnum": ["N1"]}, timestamps=True, statuses=False
    )

    assert [EVENT] == table["plane_features__event_timestamp"].to_pylist()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/html, */*;q=0.1", "application/json"),
        ("application/json", "application/json"),
        (f"{ARROW}, application/json;q=0.5", ARROW),
        (f"{ARROW};q=0, application/json", "application/json"),
        (ARROW.upper(), ARROW),
    ],
)
def test_accept_chooses_the_form(server, accept, kind):
    """JSON is the default; Arrow comes to whoever asks for it."""
    body = {"service": "delays", "entities": {"tailnum": ["N1"]}}
    request = server.http.build_request("POST", "/v1/features", json=body)
    del request.headers["accept"]
    if accept:
        request.headers["accept"] = accept

    assert kind == server.http.send(request).headers["content-type"]


@pytest.mark.parametrize("kind", [None, "application/json", "application/json; charset=utf-8"])
def test_json_may_be_announced_or_not(server, kind):
    """A missing content type is JSON."""
    body = json.dumps({"service": "delays", "entities": {"tailnum": ["N1"]}})
    headers = {} if kind is None else {"content-type": kind}

    answer = server.http.post("/v1/features", content=body.encode(), headers=headers)

    assert [100] == answer.json()["values"]["seats"]


def test_many_callers_get_their_own_values(tmp_path, redis_client, redis_server):
    """Requests at the same time do not mix."""
    from concurrent.futures import ThreadPoolExecutor

    columns = {"id": "bigint", "observed_at": "timestamp", "number": "bigint"}
    shop = Shop(tmp_path / "shop", redis_server)
    thing = model("things", columns, entities={"thing": "id"})
    rows = [(place, EVENT, place * 10) for place in range(200)]
    shop.publish([thing], {"things": Table(columns, rows)})
    with running_server(shop) as server, ThreadPoolExecutor(8) as pool:

        def ask(start):
            ids = [(start + step) % 200 for step in range(5)]
            return server.read(features=["things:*"], entities={"id": ids}).json(), ids

        answers = [*pool.map(ask, range(200))]

    assert [] == [
        (answer, ids)
        for answer, ids in answers
        if answer["values"]["number"] != [number * 10 for number in ids]
    ]


def test_the_documented_client_works(server):
    """The ten lines of the how-to read what they say."""
    with httpx.Client(transport=httpx.HTTPTransport(uds=server.uds)) as client:
        answer = client.post(
            "http://features/v1/features",
            json={"service": "delays", "entities": {"tailnum": ["N1"]}},
        )
        answer.raise_for_status()

    assert {"delay": [1.5], "seats": [100]} == answer.json()["values"]
