"""The feature views of the sync's scenarios, and their rows."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal

from tests.engines.shops import View

PLANES = View(
    "plane_status",
    ("tailnum",),
    {
        "tailnum": "varchar",
        "observed_at": "timestamp",
        "written_at": "timestamp",
        "delay": "double",
        "seats": "integer",
        "note": "varchar",
    },
    {"event_timestamp": "observed_at", "created_timestamp": "written_at", "ttl": "30 days"},
)
"""A ttl and a created timestamp."""
ROUTES = View(
    "route_load",
    ("src", "number"),
    {
        "src": "varchar",
        "number": "bigint",
        "departed_at": "timestamptz",
        "load": "decimal(10,2)",
        "hops": "bigint[]",
    },
    {"event_timestamp": "departed_at", "available_after": "36 hours"},
)
"""A composite key, and rows that are known late."""
WEATHER = View(
    "weather",
    (),
    {"day": "date", "wind": "double", "storm": "boolean"},
    {"event_timestamp": "day"},
)
"""No key: one row for all."""
OWNERS = View(
    "owners",
    ("tailnum",),
    {"tailnum": "bigint", "since": "timestamptz", "until": "timestamptz", "name": "varchar"},
    {"event_timestamp": "since", "valid_until": "until", "ttl": "300 days"},
)
"""A snapshot: rows end."""


def plane(name, event, written=None, delay=1.5, seats=2, note="x"):
    return PLANES.row(name, event, written or event, delay, seats, note)


def route(src, number, event, load="1.50", hops=(1, 2)):
    moment = event and event.replace(tzinfo=UTC)
    return ROUTES.row(
        src, number, moment, load and Decimal(load), None if hops is None else list(hops)
    )


def owner(number, since, until, name):
    since, until = (moment and moment.replace(tzinfo=UTC) for moment in (since, until))
    return OWNERS.row(number, since, until, name)
