"""Bad requests get one clear answer: what is wrong, which field, and the remedy."""

from __future__ import annotations

import json

import pytest

from tests.serve.conftest import EVENT, MODELS, SERVICES, TABLES
from tests.support.builders import Table, column, model, service
from tests.support.online_project import NOW, Shop
from tests.support.running_server import running_server

GOOD = {"service": "delays", "entities": {"tailnum": ["N1"]}}


def problem(answer):
    """Return the parts of an answer that tell the error."""
    assert "application/problem+json" == answer.headers["content-type"]
    body = answer.json()
    assert answer.status_code == body["status"]
    return body["status"], body.get("field"), body["detail"], body.get("remedy")


ODD = {"id": "bigint", "observed_at": "timestamp", "one": "double"}
EVEN = {"id": "varchar", "observed_at": "timestamp", "other": "double"}


@pytest.fixture
def two_ids(tmp_path, redis_client, redis_server):
    """Serve two views whose join keys have one name and two types."""
    shop = Shop(tmp_path / "shop", redis_server)
    views = [
        model("by_number", ODD, entities={"number": "id"}),
        model("by_text", EVEN, entities={"text": "id"}),
    ]
    tables = {
        "by_number": Table(ODD, [(7, EVENT, 1.0)]),
        "by_text": Table(EVEN, [("7", EVENT, 2.0)]),
    }
    shop.publish(views, tables)
    with running_server(shop) as server:
        yield server


NAMES = [
    (
        {"service": "delay", "entities": {}},
        "/service",
        "Unknown feature service 'delay'.",
        "Did you mean 'delays'?",
    ),
    (
        {"features": ["plane_featurs:seats"], "entities": {"tailnum": ["N1"]}},
        "/features",
        "Unknown feature view 'plane_featurs'.",
        "Did you mean 'plane_features'?",
    ),
    (
        {"features": ["plane_features:seat"], "entities": {"tailnum": ["N1"]}},
        "/features",
        "Unknown feature 'seat' in 'plane_features'.",
        "Did you mean 'seats'?",
    ),
    (
        {"features": ["seats"], "entities": {}},
        "/features",
        "'seats' is not a feature reference.",
        "Write 'view:feature' or 'view:*'.",
    ),
    (
        {"servce": "delays", "entities": {}},
        "/servce",
        "The request has an unknown field 'servce'.",
        "Did you mean 'service'?",
    ),
]


@pytest.mark.parametrize(("body", "field", "detail", "remedy"), NAMES)
def test_an_unknown_name_gets_a_suggestion(server, body, field, detail, remedy):
    """The SDK's own text, and the field that holds the name."""
    assert (422, field, detail, remedy) == problem(server.read(**body))


SHAPES = [
    (
        {"entities": {"tailnum": ["N1"]}},
        "/features",
        "Give either features or a feature service, not both or neither.",
    ),
    (
        {"service": "delays", "features": ["plane_features:seats"]},
        "/features",
        "Give either features or a feature service, not both or neither.",
    ),
    ({"features": [], "entities": {}}, "/features", "The list of features is empty."),
    (
        {"service": 7},
        "/service",
        "`service` has a wrong type: expected `str | null`, got `int`.",
    ),
    (
        {"features": ["a:b", 7]},
        "/features/1",
        "`features/1` has a wrong type: expected `str`, got `int`.",
    ),
    (
        GOOD | {"statuses": "yes"},
        "/statuses",
        "`statuses` has a wrong type: expected `bool`, got `str`.",
    ),
    (
        {"service": "delays", "entities": "N1"},
        "/entities",
        "`entities` has a wrong type: expected `object | array | null`, got `str`.",
    ),
    (
        {"service": "delays"},
        "/entities/tailnum",
        "The entity rows have no 'tailnum', a join key of 'plane_features'; they have no columns.",
    ),
    (
        {"service": "delays", "entities": {"tail": ["N1"]}},
        "/entities/tailnum",
        "The entity rows have no 'tailnum', a join key of 'plane_features'; they have tail.",
    ),
    (
        {"service": "delays", "entities": {"tailnum": "N1"}},
        "/entities/tailnum",
        "The entity rows' column 'tailnum' is 'N1', not a list of values.",
    ),
    (
        {"service": "routes", "entities": {"origin": ["EWR"], "flight": [1, 2], "tailnum": ["N1"]}},
        "/entities",
        "The entity rows' columns differ in length: origin: 1, flight: 2, tailnum: 1.",
    ),
    (
        {"service": "delays", "entities": [{"tailnum": "N1"}, {"tail": "N2"}]},
        "/entities",
        "Entity row 1 has the keys tail, but row 0 has tailnum.",
    ),
    (
        {"service": "delays", "entities": ["N1"]},
        "/entities",
        "Entity row 0 is 'N1', not a mapping of join keys to values.",
    ),
    (
        {"service": "delays", "entities": {"tailnum": ["N1"], "delay": [3]}},
        "/full_feature_names",
        "Two columns would be named 'delay': one of the entity rows and one of 'plane_features'.",
    ),
    (
        GOOD | {"request": {"gate": ["C3"]}},
        "/request/gate",
        "The service 'delays' has no request field 'gate'.",
    ),
    (
        {"service": "delays", "entities": [{"tailnum": "N1"}], "request": [{"gate": "C3"}]},
        "/request/gate",
        "The service 'delays' has no request field 'gate'.",
    ),
    (
        {"features": ["route_load:load"], "request": {"gate": ["C3"]}},
        "/request/gate",
        "A list of features has no request field 'gate'.",
    ),
    (
        GOOD | {"request": [{"gate": "C3"}]},
        "/request",
        "`entities` and `request` have different forms: one is by row, one by column.",
    ),
    (
        {"service": "delays", "entities": [{"tailnum": "N1"}], "request": []},
        "/request",
        "`request` has 0 rows, and `entities` has 1.",
    ),
    (
        GOOD | {"request": {"tailnum": ["N2"]}},
        "/request/tailnum",
        "'tailnum' is both in `entities` and in `request`.",
    ),
    (
        {"service": "delays", "entities": [{"tailnum": "N1"}], "request": ["C3"]},
        "/request",
        "A row of `request` is 'C3', not an object.",
    ),
]


@pytest.mark.parametrize(("body", "field", "detail"), SHAPES)
def test_a_wrong_shape_names_its_field(server, body, field, detail):
    """The answer tells the field, the value and the rule."""
    status, where, text, remedy = problem(server.read(**body))

    assert (422, field, detail) == (status, where, text)
    assert remedy or "differ in length" in detail


KEYS = [
    ("flight", [1545.0], "1545.0", "int64"),
    ("flight", ["1545"], "'1545'", "int64"),
    ("flight", [True], "True", "int64"),
    ("flight", [[1545]], "[1545]", "int64"),
    ("origin", [7], "7", "string"),
    ("origin", [False], "False", "string"),
    ("origin", [{"a": 1}], "{'a': 1}", "string"),
]


@pytest.mark.parametrize(("name", "values", "shown", "kind"), KEYS)
def test_a_key_of_another_type_is_named(server, name, values, shown, kind):
    """Each key is checked with its own type, and is never cast."""
    entities = {"origin": ["EWR"], "flight": [1545], name: values}
    answer = server.read(features=["route_load:load"], entities=entities)

    assert (
        422,
        f"/entities/{name}",
        f"The value {shown} of the join key '{name}' is not a valid {kind}.",
        f"Pass it as {kind}, the type in 'route_load'.",
    ) == problem(answer)


def test_a_key_may_be_right_for_one_view_and_wrong_for_another(two_ids):
    """The answer names the view whose type the value does not have."""
    both = ["by_number:one", "by_text:other"]

    assert [1.0] == two_ids.read(features=both[:1], entities={"id": [7]}).json()["values"]["one"]
    assert [2.0] == two_ids.read(features=both[1:], entities={"id": ["7"]}).json()["values"][
        "other"
    ]
    assert (
        422,
        "/entities/id",
        "The value 7 of the join key 'id' is not a valid string.",
        "Pass it as string, the type in 'by_text'.",
    ) == problem(two_ids.read(features=both, entities={"id": [7]}))


def test_huge_integers_are_the_keys_of_no_row(server):
    """An integer beyond the key's type finds nothing; it is not cut off to another key."""
    entities = {"origin": ["EWR"] * 3, "flight": [1545, 1545 + 2**64, -(10**30)]}

    assert [0.75, None, None] == (
        server.read(features=["route_load:load"], entities=entities).json()["values"]["load"]
    )


RAW = [
    (b"", "it is empty"),
    (b"{", "Input data was truncated"),
    (b"nonsense", "JSON is malformed: invalid character"),
    (b'{"service": NaN}', "JSON is malformed: invalid character"),
    (b'{"service": "delays"} {}', "JSON is malformed: trailing characters"),
    (b"\xef\xbb\xbf{}", "JSON is malformed: invalid character"),
    (b'{"service": "\xff"}', "'utf-8' codec can't decode byte 0xff"),
    (b'{"entities": {"a": ["\\ud800"]}}', ""),
    (b'{"entities": ' + b"[" * 100_000, "it is nested too deeply"),
]


@pytest.mark.parametrize(("body", "reason"), RAW, ids=[body[:30].hex() for body, _ in RAW])
def test_a_body_that_is_not_json_is_refused(server, body, reason):
    """Broken JSON, broken UTF-8 and a nesting without end are the caller's error."""
    status, _, detail, _ = problem(server.http.post("/v1/features", content=body))

    assert 400 == status
    assert detail.startswith(f"The request's body is not JSON in UTF-8: {reason}")


@pytest.mark.parametrize("body", [b"", b"{", b'{"entities": {"a": [NaN]}}', b'{"entities": "\xff'])
def test_a_body_of_feast_that_is_not_json_is_refused(server, body):
    """The second path has the same rule."""
    assert 400 <= problem(server.http.post("/get-online-features", content=body))[0] <= 422


def test_numbers_out_of_range_are_refused(server):
    """JSON has numbers that neither a double nor an integer of 4,300 digits can hold."""
    for number in ("1e400", "9" * 5_000):
        body = f'{{"service": "delays", "entities": {{"tailnum": [{number}]}}}}'
        status, field, _, _ = problem(server.http.post("/v1/features", content=body.encode()))
        assert (422, "/entities") == (status, field)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/xml"])
def test_another_content_type_is_refused(server, kind):
    """A body that is announced as something else is not read as JSON."""
    headers = {"content-type": kind}
    answer = server.http.post("/v1/features", content=json.dumps(GOOD), headers=headers)

    assert (415, f"A body of type {kind} cannot be read.") == problem(answer)[::2]


def test_a_compressed_body_is_refused(server):
    """The limit on the body counts its bytes as they come, so compression would evade it."""
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = server.http.post("/v1/features", content=b"\x1f\x8b", headers=headers)

    assert (415, "A body with the encoding gzip cannot be read.") == problem(answer)[::2]


def test_an_answer_in_another_type_is_refused(server):
    """Neither JSON nor Arrow is acceptable."""
    answer = server.http.post("/v1/features", json=GOOD, headers={"accept": "text/csv"})

    assert (406, "None of text/csv can be answered.") == problem(answer)[::2]


@pytest.mark.parametrize("path", ["/v1/features", "/get-online-features"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
def test_another_method_is_refused(server, method, path):
    """The answer tells the method that the path has."""
    answer = server.http.request(method, path)

    assert (405, "POST") == (answer.status_code, answer.headers["allow"])


def test_what_is_declared_but_not_served_is_the_callers_error(tmp_path, redis_client, redis_server):
    """A view that is not online, and personal data that was not published."""
    shop = Shop(tmp_path / "shop", redis_server)
    people = {"id": "bigint", "observed_at": "timestamp", "visits": "bigint"}
    columns = [column(name, kind) for name, kind in people.items()]
    columns.append(column("email", "varchar", feature=True, pii=True))
    typed = people | {"email": "varchar"}
    views = [
        model("people", columns, entities={"person": "id"}),
        model("offline", people, entities={"person": "id"}, online=False),
    ]
    tables = {
        "people": Table(typed, [(7, EVENT, 3, "a@b.c")]),
        "offline": Table(people, [(7, EVENT, 3)]),
    }
    shop.publish(views, tables)
    with running_server(shop) as server:
        personal = problem(server.read(features=["people:email"], entities={"id": [7]}))
        offline = problem(server.read(features=["offline:visits"], entities={"id": [7]}))
        ready = server.http.get("/readyz")

    assert (422, "/features") == personal[:2] == offline[:2]
    assert "'people:email' is personal data" in personal[2]
    assert "is declared `online: false`" in offline[2]
    assert (200, {"people": "ready"}) == (ready.status_code, ready.json()["views"])


def test_a_view_that_waits_for_its_first_sync_heals_by_itself(shop):
    """It is not the caller's error, so the answer is 503; /readyz names the view."""
    columns = {"tailnum": "varchar", "observed_at": "timestamp", "age": "bigint"}
    new = model("plane_ages", columns)
    tables = {**TABLES, "plane_ages": Table(columns, [("N1", EVENT, 12)])}
    shop.write([*MODELS, new], tables, exposures=[*SERVICES, service("ages", ["plane_ages:age"])])
    with running_server(shop) as server:
        body = {"service": "ages", "entities": {"tailnum": ["N1"]}}
        early, unready = server.read(**body), server.http.get("/readyz")
        shop.open().sync()
        late = server.read(**body)

    assert 503 == problem(early)[0]
    assert "1" == early.headers["retry-after"]
    assert "'plane_ages' has not been published" in early.json()["detail"]
    assert (503, "not ready") == (unready.status_code, unready.json()["status"])
    assert "has not been published" in unready.json()["views"]["plane_ages"]
    assert {"age": [12]} == late.json()["values"]
    assert NOW > EVENT


def test_a_column_of_mixed_types_is_refused_in_arrow(server):
    """Arrow has one type per column, so this is the caller's error there."""
    headers = {"accept": "application/vnd.apache.arrow.stream"}
    body = {**GOOD, "entities": {"tailnum": ["N1", "N2"], "gate": ["C3", 7]}}
    answer = server.http.post("/v1/features", json=body, headers=headers)
    status, field, detail, _ = problem(answer)

    assert (422, "/entities") == (status, field)
    assert "has values of several types" in detail


def test_a_bug_is_an_answer_without_a_traceback(server, caplog, monkeypatch):
    """The log has the reason; the caller gets none of it, and the next one its values."""
    with monkeypatch.context() as patch:
        patch.setattr("featurestore.serve.features.json_values", lambda _: 1 / 0)
        answer = server.read(**GOOD)

    assert (500, "The server failed. Its log has the reason.") == problem(answer)[::2]
    assert "ZeroDivisionError: division by zero" in caplog.text
    assert [100] == server.read(**GOOD).json()["values"]["seats"]
