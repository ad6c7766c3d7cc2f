"""A published project, and servers of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from featurestore.demo.server import embedded_server
from tests.support.builders import Table, model, service
from tests.support.online_project import NOW, Shop
from tests.support.running_server import running_server

EVENT = NOW - timedelta(hours=1)
PLANES = {"tailnum": "varchar", "observed_at": "timestamp", "delay": "double", "seats": "integer"}
ROUTES = {"origin": "varchar", "flight": "bigint", "observed_at": "timestamp", "load": "double"}
MODELS = (
    model("plane_features", PLANES, ttl="30 days"),
    model("route_load", ROUTES, entities={"route": ["origin", "flight"]}),
)
TABLES = {
    "plane_features": Table(
        PLANES,
        [
            ("N1", EVENT, 1.5, 100),
            ("N2", EVENT, None, 200),
            ("N3", EVENT + timedelta(microseconds=1), float("nan"), None),
            ("N4", NOW - timedelta(days=29, hours=23), 4.5, 400),
        ],
    ),
    "route_load": Table(ROUTES, [("EWR", 1545, EVENT, 0.75)]),
}
SERVICES = (
    service("delays", ["plane_features:*"]),
    service("routes", ["plane_features:seats", "route_load:load"]),
)


@pytest.fixture
def shop(tmp_path, redis_client, redis_server):
    """Return a published project."""
    project = Shop(tmp_path / "shop", redis_server)
    project.publish(MODELS, TABLES, exposures=SERVICES)
    return project


@pytest.fixture
def fresh_server(shop):
    """Return a server of a project that a test may change."""
    with running_server(shop) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Return a server of a project that no test changes, with a Redis of its own."""
    folder = tmp_path_factory.mktemp("served")
    with embedded_server(folder) as url:
        shop = Shop(folder / "shop", url)
        shop.publish(MODELS, TABLES, exposures=SERVICES)
        with running_server(shop) as running:
            yield running
