"""The definitions, the health and the pages of a server."""

from __future__ import annotations

import re

import pytest

from featurestore import __version__


def test_the_registry_lists_every_name(server):
    """Entities with their keys; views and services with their descriptions."""
    assert {
        "project": "shop",
        "entities": {"plane": ["tailnum"], "route": ["origin", "flight"]},
        "views": {
            "plane_features": {"description": "", "online": True},
            "route_load": {"description": "", "online": True},
        },
        "services": {"delays": {"description": ""}, "routes": {"description": ""}},
    } == server.http.get("/v1/registry").json()


def test_a_view_shows_its_features(server):
    """Types, keys and ttl, as they are declared."""
    page = server.http.get("/v1/views/plane_features").json()

    assert {"plane": [{"name": "tailnum", "type": "string"}]} == page["entities"]
    assert [("delay", "float64"), ("seats", "int32")] == [
        (feature["name"], feature["type"]) for feature in page["features"]
    ]
    assert ("observed_at", "30 days", True) == (
        page["event_timestamp"],
        page["ttl"],
        page["online"],
    )


def test_a_service_shows_what_a_request_needs(server):
    """The join keys of all its views, and the features that it takes."""
    page = server.http.get("/v1/services/routes").json()

    assert ["tailnum", "origin", "flight"] == page["join_keys"]
    assert [("plane_features", ["seats"]), ("route_load", ["load"])] == [
        (member["view"], member["features"]) for member in page["members"]
    ]


@pytest.mark.parametrize(
    ("path", "detail", "remedy"),
    [
        (
            "/v1/views/plane_feature",
            "Unknown feature view 'plane_feature'.",
            "Did you mean 'plane_features'?",
        ),
        ("/v1/services/delay", "Unknown feature service 'delay'.", "Did you mean 'delays'?"),
        ("/v1/feature", "There is nothing at /v1/feature.", "See /openapi.json."),
    ],
)
def test_an_unknown_path_is_not_found(server, path, detail, remedy):
    """The answer has the SDK's text and its suggestion."""
    answer = server.http.get(path)

    assert (404, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    assert (detail, remedy) == (answer.json()["detail"], answer.json()["remedy"])
    assert "field" not in answer.json()


def test_a_page_is_only_read(server):
    """Another method is refused, with the methods that the path has."""
    answer = server.http.post("/v1/registry", json={})

    assert 405 == answer.status_code
    assert {"GET", "HEAD"} == {*answer.headers["allow"].split(", ")}
    assert "application/problem+json" == answer.headers["content-type"]


def test_a_ready_server_names_every_view(server):
    """Redis answers, and each view has an epoch and a schema."""
    answer = server.http.get("/readyz")

    assert 200 == answer.status_code
    assert ("ready", "ready", {"plane_features": "ready", "route_load": "ready"}) == (
        answer.json()["status"],
        answer.json()["online_store"],
        answer.json()["views"],
    )


def test_a_view_without_epoch_or_schema_is_not_ready(fresh_server, redis_client):
    """A sync that did not finish, and a schema of a later release, are named."""
    key = "fs-meta:{shop}:schema:route_load"
    current = redis_client.hget(key, "current")
    redis_client.hdel("fs-meta:{shop}:view:plane_features", "epoch")
    redis_client.hset(key, current, b'{"version": 99}')
    # The state is kept for a second, and this is its first question.
    answer = fresh_server.http.get("/readyz")
    views = answer.json()["views"]

    assert 503 == answer.status_code
    assert "has no epoch" in views["plane_features"]
    assert views["route_load"] not in ("", "ready")


def test_the_page_to_try_it_loads_nothing_from_elsewhere(server):
    """Its script and its style are the server's own, and the browser is told so."""
    page = server.http.get("/")
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    assert "text/html; charset=utf-8" == page.headers["content-type"]
    assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
    assert {"try.css", "try.js", "openapi.json", "readyz"} == {*links}
    assert {200} == {server.http.get(f"/{link}").status_code for link in links}
    script = server.http.get("/try.js").text
    assert "://" not in script
    # The token is in a field alone, and no browser keeps it.
    assert 'id="token" type="password" autocomplete="off"' in page.text
    assert not re.search(r"localStorage|sessionStorage|document\.cookie|indexedDB", script)


def test_the_description_has_examples_that_work(server):
    """Each example of a request is answered."""
    described = server.http.get("/openapi.json").json()
    posts = {
        path: methods["post"]["requestBody"]["content"]["application/json"]["example"]
        for path, methods in described["paths"].items()
        if "post" in methods
    }

    assert ("3.1.0", __version__) == (described["openapi"], described["info"]["version"])
    assert {"/v1/features", "/get-online-features"} == {*posts}
    assert {200} == {server.http.post(path, json=body).status_code for path, body in posts.items()}
    for name in ("view", "service"):
        path = f"/v1/{name}s/{{{name}}}"
        (parameter,) = described["paths"][path]["get"]["parameters"]
        assert 200 == server.http.get(f"/v1/{name}s/{parameter['example']}").status_code
