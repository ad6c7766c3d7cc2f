"""The law of request time: what is computed online is what a training set computes for now."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product

import pyarrow as pa
import pytest
import redis
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from tests.oracle import same_rows
from tests.support.builders import Table, column, model, service
from tests.support.examples import examples
from tests.support.online_project import NOW, Shop

PLANES = {
    "tailnum": "varchar",
    "observed_at": "timestamp",
    "seats": "integer",
    "delay": "bigint",
    "price": "decimal(9,2)",
    "speed": "double",
    "model": "varchar",
    "is_late": "boolean",
    "landed": "timestamp",
}
DEFAULTS = {"seats": 0, "price": 9.5, "model": "unknown", "landed": "2024-03-01T12:00"}
WEATHER = {"airport": "varchar", "observed_at": "timestamp", "speed": "double", "built": "date"}
REQUEST = {
    "asked": "bigint",
    "at": "timestamp",
    "limit_price": "decimal(9,2)",
    "day": "date",
    "ratio": "double",
    "kind": "varchar",
}
ON_DEMAND = {
    "is_more": "over > seats",
    "over": "delay + asked",
    "is_cheap": "price <= limit_price or is_late",
    "is_known": "model <> 'unknown' and plane_features__speed is not null",
    "is_same": "model = kind",
    "after": "at > landed and day >= built",
    "faster": "here__speed > ratio",
    "left_over": "asked - seats",
    "is_night": "extract(hour from at) < 6",
    "midnight": "date_trunc('day', at)",
    "age": "date_trunc('hour', landed)",
    "per_seat": "delay / nullif(seats, 0)",
    "vs_usual": "ratio / nullif(plane_features__speed, 0)",
    "margin": "limit_price - price",
    "name": "coalesce(kind, model) || '!'",
    "size": "length(kind)",
    "grade": "case when is_more then 'high' when over is null then 'none' else 'low' end",
    "best": "greatest(asked, delay)",
}
TYPES = {
    "tailnum": pa.string(),
    "airport": pa.string(),
    "asked": pa.int64(),
    "at": pa.timestamp("us"),
    "limit_price": pa.decimal128(9, 2),
    "day": pa.date32(),
    "ratio": pa.float64(),
    "kind": pa.string(),
}


def _planes():
    """Return rows with every kind of gap, and some rows that expire soon after the sync."""
    values = product([None, 7], [None, -5], [None, Decimal("9.50")], [None, 2.5], [None, "A320"])
    landed = [None, NOW.replace(tzinfo=None) - timedelta(hours=3)]
    for number, row in enumerate(values):
        event = (NOW - timedelta(hours=1 if number % 3 else 23)).replace(tzinfo=None)
        yield (f"N{number}", event, *row, number % 2 == 0, landed[number % 2])


@pytest.fixture(scope="module")
def opened(tmp_path_factory, redis_server):
    """Publish the project; return its store as of now, and as of hours later."""
    client = redis.Redis.from_url(redis_server)
    client.flushdb()
    shop = Shop(tmp_path_factory.mktemp("request_time"), redis_server)
    planes = [
        column(name, kind, **({"default": DEFAULTS[name]} if name in DEFAULTS else {}))
        for name, kind in PLANES.items()
    ]
    here = {"view": "airport_features", "alias": "here", "features": ["speed", "built"]}
    exposure = service("delays", ["plane_features:*", here], request=REQUEST, on_demand=ON_DEMAND)
    event = (NOW - timedelta(hours=2)).replace(tzinfo=None)
    weather = [("JFK", event, 20.0, date(2024, 3, 9)), ("EWR", event, None, None)]
    shop.publish(
        [
            model(columns=planes, ttl="1 day"),
            model("airport_features", WEATHER, entities={"airport": "airport"}),
        ],
        {
            "plane_features": Table(PLANES, list(_planes())),
            "airport_features": Table(WEATHER, weather),
        },
        exposures=[exposure],
    )
    yield [(moment, shop.open(moment)) for moment in (NOW, NOW + timedelta(hours=4))]
    client.flushdb()
    client.close()


def _maybe(values):
    return st.one_of(st.none(), values)


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "tailnum": _maybe(st.integers(0, 33).map("N{}".format)),
            "airport": st.sampled_from(["JFK", "EWR", "LGA", None]),
            "asked": _maybe(st.sampled_from([-(2**31), -1, 0, 7, 2**31])),
            "at": _maybe(st.datetimes(datetime(2024, 2, 1), datetime(2024, 4, 1))),  # noqa: DTZ001
            "limit_price": _maybe(st.decimals(-10, 10, places=2)),
            "day": _maybe(st.dates(date(2024, 3, 8), date(2024, 3, 10))),
            "ratio": _maybe(st.floats(width=64)),
            "kind": _maybe(st.sampled_from(["A320", "unknown", "", "ß"])),
        }
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize("later", [0, 1])
def test_online_equals_the_training_set_for_now(opened, later):
    """Every value and every type agree, with defaults before and between the expressions."""
    moment, store = opened[later]

    @examples(25, suppress_health_check=[HealthCheck.too_slow])
    @given(ROWS)
    def law(rows):
        asked = pa.Table.from_pylist(rows, pa.schema(TYPES))
        now = pa.array([moment.astimezone(UTC)] * len(rows), pa.timestamp("us", "UTC"))
        offline = store.get_historical_features(
            asked.append_column("event_timestamp", now),
            feature_service="delays",
            full_feature_names=True,
        ).to_arrow()
        online = store.get_online_features(
            None, asked.to_pydict(), feature_service="delays", full_feature_names=True
        )
        names = list(online.values)

        assert names == offline.column_names[-len(names) :]
        assert offline.select(names).schema.types == online.to_arrow().select(names).schema.types
        computed = online.to_arrow().select(names).to_pylist()
        assert same_rows(offline.select(names).to_pylist()) == same_rows(computed)
        assert {*ON_DEMAND} <= {*names}
        assert "ERROR" not in {status for name in names for status in online.statuses[name]}

    law()
