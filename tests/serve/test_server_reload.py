"""A new manifest and a new schema are picked up without dropping a request."""

from __future__ import annotations

import json
import os
import threading
from contextlib import contextmanager

import pytest

from tests.serve.conftest import EVENT, MODELS, PLANES, SERVICES, TABLES
from tests.support.builders import Table, manifest_json, model, service
from tests.support.running_server import running_server, wait_for

BODY = {"service": "delays", "entities": {"tailnum": ["N1", "N2"]}}
SEATS = service("seats", ["plane_features:seats"])


def write_manifest(shop, text):
    """Replace the manifest in one step, as a deployment does."""
    path = shop.folder / "target" / "manifest.json"
    path.with_suffix(".new").write_text(text, encoding="utf-8")
    path.with_suffix(".new").replace(path)


def manifest(*exposures):
    return json.dumps(manifest_json(*MODELS, exposures=exposures))


def state(server):
    """Return what /readyz says about the manifest."""
    answer = server.http.get("/readyz")
    return answer.status_code, answer.json()["manifest"]["status"]


@contextmanager
def callers(server, count=3):
    """Ask in several threads until the end of the block; yield the answers."""
    answers, ended = [], threading.Event()

    def ask():
        with server.client() as client:
            while not ended.is_set():
                answers.append(client.post("/v1/features", json=BODY))

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_a_new_manifest_is_served(fresh_server, shop):
    """A service is there as soon as its manifest is, and no request fails meanwhile."""
    server = fresh_server
    body = {"service": "seats", "entities": {"tailnum": ["N1"]}}
    with callers(server) as answers:
        wait_for(lambda: len(answers) > 10)
        for names in ("seats", "more", "seats"):
            exposures = [*SERVICES, SEATS, service(names + "_too", ["plane_features:delay"])]
            write_manifest(shop, manifest(*exposures))
            wait_for(lambda name=names: f"{name}_too" in server.http.get("/v1/registry").text)
        seen = len(answers)
        wait_for(lambda: len(answers) > seen + 10)

    assert [100] == server.read(**body).json()["values"]["seats"]
    assert {(200, (1.5, None), (100, 200))} == {
        (
            answer.status_code,
            tuple(answer.json()["values"]["delay"]),
            tuple(answer.json()["values"]["seats"]),
        )
        for answer in answers
    }


BROKEN = [
    ("{", "it is not complete JSON"),
    ("", None),
    (json.dumps({"metadata": {}}), None),
    (
        json.dumps(manifest_json(*MODELS, exposures=[service("delays", ["plane_featurs:*"])])),
        "Did you mean 'plane_features'?",
    ),
]


@pytest.mark.parametrize(("text", "reason"), BROKEN, ids=["cut", "empty", "foreign", "wrong"])
def test_a_broken_manifest_keeps_the_old_one(fresh_server, shop, text, reason, caplog):
    """It is named in /readyz and in the log; the next good one is served."""
    server = fresh_server
    with callers(server) as answers:
        wait_for(lambda: len(answers) > 10)
        write_manifest(shop, text)
        status, words = wait_for(
            lambda: (found := state(server))[1].startswith("broken: ") and found
        )
        seen = len(answers)
        wait_for(lambda: len(answers) > seen + 10)
        write_manifest(shop, manifest(*SERVICES, SEATS))
        wait_for(lambda: state(server) == (200, "served"))

    assert 200 == status
    assert reason is None or reason in words
    assert "The new manifest is not served, the old one still is" in caplog.text
    assert {200} == {answer.status_code for answer in answers}
    assert 200 == server.http.get("/v1/services/seats").status_code


def test_a_manifest_that_is_gone_keeps_the_old_one(fresh_server, shop):
    """`dbt clean` does not stop the server."""
    server = fresh_server
    (shop.folder / "target" / "manifest.json").unlink()
    status, words = wait_for(lambda: (found := state(server))[1].startswith("broken: ") and found)

    assert 200 == status
    assert "manifest.json" in words
    assert [100, 200] == server.read(**BODY).json()["values"]["seats"]


def test_a_manifest_with_another_time_alone_is_read_again(fresh_server, shop):
    """A touched file is loaded; it holds the same definitions."""
    server = fresh_server
    before = server.http.get("/readyz").json()["manifest"]["loaded_at"]
    os.utime(shop.folder / "target" / "manifest.json")
    wait_for(lambda: server.http.get("/readyz").json()["manifest"]["loaded_at"] != before)

    assert [100, 200] == server.read(**BODY).json()["values"]["seats"]


def test_without_a_watch_the_file_is_not_looked_at(shop):
    """With a watch of 0 seconds, only a signal loads a manifest."""
    with running_server(shop, watch_seconds=0) as server:
        write_manifest(shop, manifest())
        assert [100, 200] == server.read(**BODY).json()["values"]["seats"]
        assert 200 == server.http.get("/v1/services/delays").status_code


def test_a_new_schema_is_read_without_a_failure(fresh_server, shop):
    """A sync adds a feature and changes a type; every answer holds one of the two."""
    server = fresh_server
    columns = {**PLANES, "seats": "bigint", "age": "integer"}
    rows = [("N1", EVENT, 1.5, 100, 12), ("N2", EVENT, None, 200, 13)]
    tables = {**TABLES, "plane_features": Table(columns, rows)}
    models = [model("plane_features", columns, ttl="30 days"), MODELS[1]]
    with callers(server) as answers:
        wait_for(lambda: len(answers) > 10)
        shop.publish(models, tables, exposures=SERVICES)
        wait_for(lambda: "age" in server.http.get("/v1/views/plane_features").text)
        last = wait_for(
            lambda: (found := server.read(**BODY).json()["values"]).get("age") and found
        )
        seen = len(answers)
        wait_for(lambda: len(answers) > seen + 10)

    assert {"delay": [1.5, None], "seats": [100, 200], "age": [12, 13]} == last
    assert {200} == {answer.status_code for answer in answers}
    for answer in answers:
        values = answer.json()["values"]
        # The new definitions may be loaded between the writing of the schema and of the rows.
        assert values["seats"] in ([100, 200], [None, None], [100, None], [None, 200])
        assert values.get("age", [12, 13]) in ([12, 13], [None, None], [12, None], [None, 13])
