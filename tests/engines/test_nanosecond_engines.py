"""Nanoseconds are rounded down, before 1970 too, on the engines whose own casts do not."""

from __future__ import annotations

import pytest

from featurestore.registry.definitions import Column
from featurestore.sql.dialects import grammar
from featurestore.sql.instants import ceil, floor, instant, naive
from featurestore.values.type_spellings import parse_type
from tests.engines.clickhouse_engine import ClickHouse
from tests.engines.datafusion_engine import DataFusion

pytestmark = pytest.mark.engines

TICKS = (-1, -1000, -1001, 0, 999, 1000, 1_704_153_599_999_999_999, -315_532_800_000_000_001)
CLICKHOUSE = ("toUnixTimestamp64Micro({x})", "fromUnixTimestamp64Nano(toInt64({n}), 'UTC')")
DATAFUSION = ("arrow_cast({x}, 'Int64')", "arrow_cast({n}, 'Timestamp(Nanosecond, {zone})')")
CASES = [
    pytest.param(ClickHouse, *CLICKHOUSE, "DateTime64(9, 'UTC')", id="clickhouse"),
    pytest.param(
        DataFusion,
        DATAFUSION[0],
        DATAFUSION[1].replace("{zone}", "None"),
        "timestamp_ns",
        id="datafusion",
    ),
    pytest.param(
        DataFusion,
        DATAFUSION[0],
        DATAFUSION[1].replace("{zone}", 'Some("Asia/Kolkata")'),
        "timestamptz_ns",
        id="datafusion-zoned",
    ),
]


@pytest.mark.parametrize(("make", "count", "value", "spelling"), CASES)
def test_an_engine_rounds_as_pythons_integers_do(make, count, value, spelling):
    """Floor and ceiling are Python's, and an event keeps all its digits."""
    engine = make()
    try:
        source = Column("x", parse_type(spelling, engine.dialect))
        writers = (floor, ceil, naive)
        cells = [
            count.format(x=write(source, engine.dialect).sql(grammar(engine.dialect)))
            for write in writers
        ]
        event = instant(source, engine.dialect).sql(grammar(engine.dialect))
        later = f"{event} > {floor(source, engine.dialect).sql(grammar(engine.dialect))}"
        shown = ", ".join(f"{cell} AS c{n}" for n, cell in enumerate([*cells, later]))
        found = [
            tuple(
                engine.rows(f"SELECT {shown} FROM (SELECT {value.format(n=n)} AS x) AS t")[
                    0
                ].values()
            )
            for n in TICKS
        ]
    finally:
        engine.close()

    assert [(n // 1000, -(-n // 1000), n // 1000, n % 1000 > 0) for n in TICKS] == [
        (*row[:3], bool(row[3])) for row in found
    ]
