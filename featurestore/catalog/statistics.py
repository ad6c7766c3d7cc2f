"""Statistics of a view's features, from one statement per view.

The statement samples a large table. For personal data it reads only the share of
NULLs and the number of distinct values.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from sqlglot import exp

from featurestore.catalog.histogram import BINS, histogram, inner_range
from featurestore.registry.definitions import Feature, FeatureView
from featurestore.sql.dialects import dialect_record, render
from featurestore.sql.expressions import column, relation
from featurestore.values.far_instants import python_rows
from featurestore.values.missing import Missing
from featurestore.warehouse.abilities import estimate_of
from featurestore.warehouse.protocol import Warehouse

__all__ = [
    "STATISTICS_SAMPLE_ROWS",
    "FeatureStatistics",
    "Measured",
    "ViewStatistics",
    "measure_view",
    "statistics_sql",
]

STEPS = 40
"""The number of quantiles between the least value and the greatest."""

STATISTICS_SAMPLE_ROWS = 200_000
"""A larger table is sampled to about this number of rows."""

_POINTS = [step / STEPS for step in range(STEPS + 1)]
_GROUPED = 10_000
_NUMBERS = ("integer", "float", "decimal")
_RANGES = (*_NUMBERS, "date", "timestamp", "time")


@dataclass(frozen=True, slots=True)
class FeatureStatistics:
    """Statistics of one feature's values.

    Attributes:
        null_rate: The share of rows with NULL.
        distinct: The approximate number of distinct values.
        low: The least value, as text; empty for personal data and for types without a useful order.
        high: The greatest value, likewise.
        bars: The shares of rows in ranges of equal width; empty without a histogram.
        ends: The start of the first range and the end of the last.
    """

    null_rate: float
    distinct: int | None = None
    low: str = ""
    high: str = ""
    bars: tuple[float, ...] = ()
    ends: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class ViewStatistics:
    """Statistics of one view's rows.

    Attributes:
        rows: The number of rows.
        sampled: The number of rows in the sample.
        newest: The newest event timestamp, as text if Python cannot hold it; None for an empty
            table.
        features: The statistics of each feature, by name.
    """

    rows: int
    sampled: int
    newest: datetime | str | None
    features: Mapping[str, FeatureStatistics] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """Statistics of all views.

    Attributes:
        views: The statistics by view, without unreadable views.
        failures: The reasons of unreadable views, by view.
        engine: The warehouse and its version; empty if no warehouse was asked.
    """

    views: Mapping[str, ViewStatistics] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    engine: str = ""


def measure_view(
    view: FeatureView, warehouse: Warehouse, *, sample_rows: int = STATISTICS_SAMPLE_ROWS
) -> ViewStatistics:
    """Return the statistics of a view.

    Args:
        view: The view, with all types known.
        warehouse: The warehouse with its table.
        sample_rows: The approximate greatest size of the sample.

    Raises:
        WarehouseError: The table is unreadable.
    """
    estimate = estimate_of(warehouse, view.relation)
    # Without statistics the whole table is read: its size is unknown, and so is the share.
    share = min(1.0, sample_rows / estimate.rows) if estimate and estimate.rows else 1.0
    sql = statistics_sql(view, warehouse.dialect, share=share)
    found = python_rows(warehouse.stream(sql).read_all())[0]
    numbers = range(len(view.features))
    return ViewStatistics(
        rows=found["rows_in_all"],
        sampled=found["rows_sampled"],
        newest=_instant(found["newest"]),
        features={
            feature.name: _feature(number, found)
            for number, feature in zip(numbers, view.features, strict=True)
        },
    )


def statistics_sql(view: FeatureView, dialect: str, *, share: float = 1.0) -> str:
    """Return the statement that reads a view's statistics.

    Args:
        view: The view, with all types known.
        dialect: The warehouse's dialect.
        share: The share of rows to sample.
    """
    table = render(relation(view.relation, dialect), dialect)
    event = _sql(view.event_timestamp.name, dialect)
    source = table
    sample = dialect_record(dialect).sample
    if share < 1 and not isinstance(sample, Missing):
        # At least the least share that three decimals can write: 0 % is an empty sample.
        source = sample.format(table=table, percent=f"{max(share * 100, 0.001):.3f}")
    parts = [
        # These two come from the whole table: a sample would miss the newest row.
        f"(SELECT COUNT(*) FROM {table}) AS rows_in_all",
        f"(SELECT MAX({event}) FROM {table}) AS newest",
        "COUNT(*) AS rows_sampled",
    ]
    for number, feature in enumerate(view.features):
        parts += [f"{sql} AS {name}{number}" for name, sql in _aggregates(feature, dialect)]
    return f"SELECT\n  {(',' + chr(10) + '  ').join(parts)}\nFROM {source}"


def _aggregates(feature: Feature, dialect: str) -> Iterator[tuple[str, str]]:
    record, name = dialect_record(dialect), _sql(feature.name, dialect)
    family = feature.data_type.family if feature.data_type else ""
    yield "known", f"COUNT({name})"
    if family not in ("array", "json", "other"):
        yield "distinct", record.distinct.format(x=name)
    # The least and the greatest value are values of single people.
    if feature.pii:
        return
    if family in _RANGES:
        ordered = _without_nan(name, dialect) if family == "float" else name
        yield "low", f"MIN({ordered})"
        yield "high", f"MAX({ordered})"
    if family == "boolean":
        yield "true", f"SUM(CASE WHEN {name} THEN 1 ELSE 0 END)"
    if family in _NUMBERS and not isinstance(record.quantiles, Missing):
        # Engines differ in the type of a quantile of integers and decimals.
        double = render(exp.cast(column(feature.name), "double"), dialect)
        yield "quantiles", record.quantiles(double, _POINTS)


def _without_nan(name: str, dialect: str) -> str:
    """Write NULL in place of NaN, which some engines take for the greatest number."""
    nan = render(exp.cast(exp.Literal.string("NaN"), "double"), dialect)
    # NaN equals itself on some engines and not on others, so both tests are needed.
    return f"CASE WHEN {name} = {name} THEN NULLIF({name}, {nan}) END"


def _sql(name: str, dialect: str) -> str:
    return render(column(name), dialect)


def _feature(number: int, found: Mapping[str, Any]) -> FeatureStatistics:
    rows, known = found["rows_sampled"], found[f"known{number}"]
    true, quantiles = found.get(f"true{number}"), found.get(f"quantiles{number}")
    points = _numbers(quantiles or ())
    few = (found.get(f"distinct{number}") or 0) <= BINS
    bars, ends = (
        histogram(points, few=few),
        tuple(map(_shown, inner_range(points))) if points else ("", ""),
    )
    if true is not None and known:
        share = float(true) / known
        bars, ends = (1 - share, share), ("true", "false")
    return FeatureStatistics(
        null_rate=1 - known / rows if rows else 0.0,
        distinct=found.get(f"distinct{number}"),
        low=_shown(found.get(f"low{number}")),
        high=_shown(found.get(f"high{number}")),
        bars=bars,
        ends=(ends[0], ends[1]),
    )


def _numbers(quantiles: Any) -> list[float]:
    # Snowflake returns an array as JSON.
    listed = json.loads(quantiles) if isinstance(quantiles, str) else quantiles
    # The histogram relies on ascending points, and infinities have no place in it.
    return sorted(float(value) for value in listed if value is not None and math.isfinite(value))


def _shown(value: Any) -> str:
    if isinstance(value, float | Decimal):
        return f"{float(value):,.4g}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, int):
        # No separator in small numbers, so that a year stays readable.
        return f"{value:,}" if abs(value) >= _GROUPED else str(value)
    # Only an instant that Python cannot hold is a text here.
    return value if isinstance(value, str) else ""


def _instant(value: Any) -> datetime | str | None:
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value if isinstance(value, str) else None
