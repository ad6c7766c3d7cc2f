"""A table that refuses a statement without a filter on its partitions, executed for real."""

from __future__ import annotations

import pytest

from tests import oracle
from tests.engines import corners
from tests.engines.clickhouse_engine import ClickHouse
from tests.engines.laws import latest, same, training_rows
from tests.oracle import in_utc

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]
TITLES = (
    "a day is 24 hours when the clocks change",
    "a ttl shorter than the delay matches nothing, and its equal matches once",
    "centuries ago and ahead",
    "a date is its midnight",
)


class Partitioned(ClickHouse):
    """ClickHouse with monthly partitions, and the setting that demands a filter on them."""

    def __init__(self) -> None:
        super().__init__()
        self.session.query("SET force_index_by_date = 1")

    def create(self, name, types, rows):
        """Create a table; one with event timestamps has a partition for each month."""
        plain = super().create(name, types, rows)
        if "observed_at" not in types:
            return plain
        self.session.query(f"DROP TABLE IF EXISTS shop.{name}_by_month")
        self.session.query(
            f"CREATE TABLE shop.{name}_by_month ENGINE = MergeTree"
            " PARTITION BY toYYYYMM(observed_at) ORDER BY tuple()"
            f" SETTINGS allow_nullable_key = 1 AS SELECT * FROM {plain}"
        )
        return f'"shop"."{name}_by_month"'


@pytest.fixture(scope="module")
def engine():
    """Return a session in which every statement must filter by partition."""
    engine = Partitioned()
    yield engine
    engine.close()


@pytest.mark.parametrize("strategy", ["asof", "union", "window"])
@pytest.mark.parametrize("title", TITLES)
def test_the_bounds_are_a_filter_on_partitions(engine, title, strategy):
    """The statement with bounds runs, and returns what the oracle returns."""
    scenario = corners.CASES[title]
    expected = oracle.training_set(scenario.entity_rows, scenario.histories, timestamps=True)

    assert same(_ordered(expected)) == same(
        _ordered(training_rows(engine, scenario, strategy, bounds=True))
    )
    with pytest.raises(RuntimeError, match="INDEX_NOT_USED"):
        training_rows(engine, scenario, strategy)


@pytest.mark.parametrize("title", TITLES)
def test_newest_rows_are_read_by_partition(engine, title):
    """Both reads of the history have a filter, for the newest instants and for their rows."""
    scenario = corners.CASES[title]
    instants = [in_utc(row["event_timestamp"]) for row in scenario.entity_rows]
    now = max(instant for instant in instants if instant is not None)
    for case in scenario.cases:
        assert oracle.unordered(oracle.latest(case.history, now)) == oracle.unordered(
            latest(engine, case, now)
        )


def _ordered(rows):
    return [{name: row[name] for name in sorted(row) if name != "_row"} for row in rows]
