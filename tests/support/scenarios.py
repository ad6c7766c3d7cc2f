"""Random feature views and entity rows for the property tests, and a DuckDB to run them on.

Values and instants are few on purpose: keys match, rows tie, and instants lie on a border or one
microsecond beside it. The instants lie around a change of daylight saving time in New York.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import strategies as st

from featurestore.errors import UnsupportedDialect
from featurestore.registry.registry import Registry
from featurestore.sql.strategies import STRATEGY_NAMES, choose_strategy
from featurestore.training.entity_frame import read_entity_frame
from featurestore.training.training_job import Request, TrainingJob
from featurestore.values.durations import format_duration
from featurestore.warehouse.duckdb import DuckDBWarehouse
from tests.oracle import History, in_utc
from tests.support.builders import column, model, registry

ARROW = {
    "varchar": pa.string(),
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "boolean": pa.bool_(),
    "double": pa.float64(),
    "decimal(10,2)": pa.decimal128(10, 2),
    "bigint[]": pa.list_(pa.int64()),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamp_s": pa.timestamp("us"),
    "timestamp_ns": pa.timestamp("ns"),
    "timestamptz": pa.timestamp("us", tz="UTC"),
}
VALUES: dict[str, tuple[Any, ...]] = {
    "varchar": ("a", "ab", ""),
    "bigint": (-1, 0, 2**63 - 1),
    "integer": (0, 1),
    "boolean": (False, True),
    "double": (1.5, -2.0, float("nan"), float("inf")),
    "decimal(10,2)": (Decimal("1.10"), Decimal("-3.00")),
    "bigint[]": ([], [1], [1, 2]),
    "date": (date(2024, 3, 9), date(2024, 3, 10)),
}
KEY_TYPES = ("varchar", "bigint", "date", "boolean", "decimal(10,2)")
INSTANT_TYPES = ("timestamp", "timestamptz", "date", "timestamp_s", "timestamp_ns")
ZONES = ("UTC", "America/New_York", "Asia/Kathmandu")
NOON = datetime(2024, 3, 10, 7, tzinfo=UTC)
TICK = timedelta(microseconds=1)
TTLS = (
    None,
    timedelta(microseconds=1),
    timedelta(minutes=90),
    timedelta(days=1),
    timedelta(days=1, seconds=1),
)
DELAYS = (timedelta(), timedelta(), TICK, timedelta(minutes=15), timedelta(days=1))
STEPS = tuple(timedelta(minutes=m) for m in (-1440, -90, -15, 0, 0, 15, 90, 1440))
TICKS = (-TICK, timedelta(), timedelta(), TICK)


@dataclass(frozen=True)
class Case:
    """One view's declaration, types and rows."""

    history: History
    types: dict[str, str]
    composite: bool

    def model(self) -> dict[str, Any]:
        """Return the dbt model that declares the view."""
        history = self.history
        entities: dict[str, Any] = {key: key for key in history.keys}
        if self.composite:
            entities = {"pair": list(history.keys)}
        written = {name: in_yml(value) for name, value in history.defaults.items()}
        return model(
            history.name,
            [
                column(name, kind, **({"default": written[name]} if name in written else {}))
                for name, kind in self.types.items()
            ],
            node=self._node(),
            entities=entities,
            event_timestamp=history.event,
            created_timestamp=history.created,
            valid_until=history.until,
            ttl=None if history.ttl is None else format_duration(history.ttl),
            available_after=format_duration(history.available_after),
        )

    def _node(self) -> dict[str, Any]:
        """Return the fields of a snapshot if the view records deletions; only those can."""
        if self.history.deleted is None:
            return {}
        return {"resource_type": "snapshot"}

    def with_rows(self, rows: list[dict[str, Any]]) -> Case:
        """Return the same view with other rows."""
        return replace(self, history=replace(self.history, rows=rows))


@dataclass(frozen=True)
class Scenario:
    """Views, entity rows, and the session's time zone."""

    cases: tuple[Case, ...]
    entity_types: dict[str, str]
    entity_rows: list[dict[str, Any]]
    zone: str

    @property
    def histories(self) -> list[History]:
        """Return the views as arguments of the oracle."""
        return [case.history for case in self.cases]

    @property
    def registry(self) -> Registry:
        """Return the views as the registry declares them."""
        return registry(*(case.model() for case in self.cases)).checked()


def as_type(moment: datetime, data_type: str) -> date | datetime:
    """Return an instant as a value of a type, truncated to the type's precision."""
    if data_type == "date":
        return moment.date()
    if data_type == "timestamp_s":
        moment = moment.replace(microsecond=0)
    return moment if data_type == "timestamptz" else moment.replace(tzinfo=None)


def _instants(data_type: str) -> st.SearchStrategy[Any]:
    parts = st.tuples(st.sampled_from(STEPS), st.sampled_from(TICKS))
    return parts.map(lambda part: as_type(NOON + part[0] + part[1], data_type))


def _values(data_type: str) -> st.SearchStrategy[Any]:
    return st.sampled_from((*VALUES[data_type], *VALUES[data_type], None))


def _rarely_null(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 9).flatmap(lambda dice: st.none() if dice == 0 else values)


def in_yml(value: Any) -> Any:
    """Return a value as a yml has it: dates and decimals are text there."""
    return str(value) if isinstance(value, date | Decimal) else value


def _defaults(data_type: str) -> st.SearchStrategy[Any]:
    """Draw a default of a type; None for no default, as lists and NaN cannot be one."""
    scalars = [value for value in VALUES[data_type] if not isinstance(value, list)]
    infinite = [value for value in scalars if isinstance(value, float) and not math.isfinite(value)]
    return st.sampled_from([None, *(value for value in scalars if value not in infinite)])


@st.composite
def _case(draw: st.DrawFn, name: str, key_types: dict[str, str], *, defaults: bool = False) -> Case:
    keys = draw(st.sampled_from([("k0",), ("k0",), ("k0", "k1"), ("k1",), ()]))
    event = draw(st.sampled_from(INSTANT_TYPES))
    created = draw(st.sampled_from([None, *INSTANT_TYPES]))
    features = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3))
    columns = {key: _values(key_types[key]) for key in keys}
    columns["observed_at"] = _rarely_null(_instants(event))
    types = {**{key: key_types[key] for key in keys}, "observed_at": event}
    if created is not None:
        columns["loaded_at"] = _rarely_null(_instants(created))
        types["loaded_at"] = created
    until = draw(st.sampled_from([None, *INSTANT_TYPES]))
    deletes = until is not None and draw(st.booleans())
    if until is not None:
        columns["ends_at"] = st.one_of(st.none(), _instants(until))
        types["ends_at"] = until
    if deletes:
        columns["dbt_is_deleted"] = st.sampled_from(("False", "False", "True", None))
        types["dbt_is_deleted"] = "varchar"
    for number, data_type in enumerate(features):
        types[f"f{number}"] = data_type
        columns[f"f{number}"] = _values(data_type)
    history = History(
        name,
        draw(st.lists(st.fixed_dictionaries(columns), max_size=14)),
        keys,
        tuple(f"f{number}" for number in range(len(features))),
        created="loaded_at" if created else None,
        until="ends_at" if until else None,
        deleted="dbt_is_deleted" if deletes else None,
        ttl=draw(st.sampled_from(TTLS)),
        available_after=draw(st.sampled_from(DELAYS)),
        defaults={
            f"f{number}": value
            for number, data_type in enumerate(features if defaults else ())
            if (value := draw(_defaults(data_type))) is not None
        },
    )
    return Case(history, types, len(keys) > 1 and draw(st.booleans()))


def _aims(case: Case, at: str) -> st.SearchStrategy[dict[str, Any]]:
    """Draw the keys of a row of the view, and an instant when it starts or stops to count."""
    history = case.history
    delay, ttl = history.available_after, history.ttl or timedelta(days=2)

    def aim(row: Any, border: timedelta, tick: timedelta) -> dict[str, Any]:
        keys = {key: row[key] for key in history.keys}
        event = in_utc(row[history.event])
        written = in_utc(row[history.created]) if history.created and not border else None
        end = in_utc(row[history.until]) if history.until and border == delay else None
        start = end or written or event
        return keys | ({"event_timestamp": as_type(start + border + tick, at)} if start else {})

    return st.builds(
        aim,
        st.sampled_from(list(history.rows)),
        st.sampled_from((timedelta(), delay, delay, ttl)),
        st.sampled_from(TICKS),
    )


@st.composite
def scenarios(draw: st.DrawFn, *, created: bool = False, defaults: bool = False) -> Scenario:
    """Draw views and entity rows.

    With `created`, every view has a created timestamp; with `defaults`, features may have one.
    """
    key_types = {key: draw(st.sampled_from(KEY_TYPES)) for key in ("k0", "k1")}
    names = draw(st.sampled_from([("v",), ("v", "w")]))
    cases = tuple(draw(_case(name, key_types, defaults=defaults)) for name in names)
    if created:
        cases = tuple(case for case in cases if case.history.created) or (
            draw(_case("u", key_types).filter(lambda case: case.history.created is not None)),
        )
    at = draw(st.sampled_from(INSTANT_TYPES))
    columns = {key: _values(data_type) for key, data_type in key_types.items()}
    columns["event_timestamp"] = _rarely_null(_instants(at))
    columns["note"] = _values("varchar")
    rows = draw(st.lists(st.fixed_dictionaries(columns), max_size=10))
    targets = [_aims(case, at) for case in cases if case.history.rows]
    if targets:
        rows = [row | draw(st.one_of(st.just({}), *targets)) for row in rows]
    types = {**key_types, "event_timestamp": at, "note": "varchar"}
    return Scenario(cases, types, rows, draw(st.sampled_from(ZONES)))


class Bench(DuckDBWarehouse):
    """One DuckDB in memory for all scenarios; leaving a `with` block does not close it."""

    def __init__(self) -> None:
        super().__init__(duckdb.connect())
        # The manifest's relation names include a database, as dbt writes them.
        self.connection.execute("ATTACH ':memory:' AS warehouse")
        self.connection.execute("USE warehouse")

    def close(self) -> None:
        """Stay open."""

    def create(self, name: str, types: dict[str, str], rows: list[dict[str, Any]]) -> None:
        """Create a table of a scenario."""
        self.connection.register("incoming", arrow(types, rows))
        typed = ", ".join(f"CAST({column} AS {types[column]}) AS {column}" for column in types)
        self.connection.execute(
            f"CREATE OR REPLACE TABLE main.{name} AS SELECT {typed} FROM incoming"
        )

    def load(self, scenario: Scenario) -> None:
        """Create the scenario's tables, and set its time zone."""
        for case in scenario.cases:
            self.create(case.history.name, case.types, list(case.history.rows))
        self.connection.execute(f"SET TimeZone = '{scenario.zone}'")

    @contextmanager
    def session(self, *, write: bool = False) -> Iterator[Bench]:
        """Lend the warehouse to a job, for reading only."""
        assert not write
        yield self

    def job(self, scenario: Scenario, entity_df: Any = None, **options: Any) -> TrainingJob:
        """Plan the training set of all features of the scenario's views, under full names."""
        if entity_df is None:
            entity_df = arrow(scenario.entity_types, scenario.entity_rows)
        declared = scenario.registry
        request = Request(
            entity_frame=read_entity_frame(entity_df, str, declared.dialect),
            members=declared.members([f"{case.history.name}:*" for case in scenario.cases], None),
            full_feature_names=True,
            **options,
        )
        return TrainingJob(declared, self.session, request)


def arrow(types: dict[str, str], rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as Arrow data of the types."""
    return pa.Table.from_pylist(rows, pa.schema({name: ARROW[types[name]] for name in types}))


def shapes(*, as_known: bool = False) -> list[str]:
    """Return the name of every shape of join that DuckDB can run."""
    able = []
    for name in STRATEGY_NAMES:
        try:
            able.append(choose_strategy("duckdb", as_known=as_known, wanted=name).name)
        except UnsupportedDialect:
            continue
    return able
