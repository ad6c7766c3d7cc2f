"""A project that Feast's client can describe too: a thousand things with one feature per type."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.support.builders import model, service
from tests.support.online_project import NOW, Shop

COUNT = 1_000
COLUMNS = {
    "id": "bigint",
    "observed_at": "timestamp",
    "amount": "double",
    "visits": "bigint",
    "label": "varchar",
    "is_new": "boolean",
    "seen_at": "timestamp",
    "scores": "double[]",
}
FEATURES = [*COLUMNS][2:]
SQL = f"""
    SELECT i AS id,
        TIMESTAMP '{NOW:%Y-%m-%d %H:%M:%S}' - INTERVAL 1 MINUTE * i AS observed_at,
        CASE WHEN i % 50 = 7 THEN 'NaN'::DOUBLE WHEN i % 50 = 8 THEN 'inf'::DOUBLE
            WHEN i % 10 = 3 THEN NULL ELSE i / 7 END AS amount,
        i * 9007199254740993 AS visits,
        'ß' || i AS label,
        i % 2 = 0 AS is_new,
        TIMESTAMP '2024-01-01' + INTERVAL 1 SECOND * i AS seen_at,
        [i / 3, i / 5] AS scores
    FROM range({COUNT}) AS t(i) WHERE i % 25 <> 4
"""
"""Every 25th thing does not exist; some amounts are NULL, NaN or infinite."""
LATER = NOW + timedelta(hours=2)
"""The server's present, at which the oldest things have expired."""
REQUEST = {
    "features": [f"things:{name}" for name in FEATURES],
    "entities": {"id": [*range(COUNT)]},
}


def feast_shop(folder: Path, url: str) -> Shop:
    """Return the project, published."""
    shop = Shop(folder, url)
    things = model("things", COLUMNS, entities={"thing": "id"}, ttl="17 hours")
    shop.publish(
        [things],
        {"things": SQL},
        exposures=[service("all_things", ["things:*"])],
    )
    return shop
