"""What the warehouse says of a view's features: one statement per view, over a sample if it is big.

Of personal data only the share of NULLs and the number of values are asked: nothing that would show
a value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sqlglot import exp

from featurestore.registry.definitions import Feature, FeatureView
from featurestore.sql.dialects import dialect_record, render
from featurestore.sql.expressions import column, relation
from featurestore.values.missing import Missing
from featurestore.warehouse.abilities import estimate_of
from featurestore.warehouse.protocol import Warehouse

__all__ = [
    "STATISTICS_SAMPLE_ROWS",
    "FeatureStatistics",
    "ViewStatistics",
    "histogram",
    "measure_view",
    "statement",
]

STEPS = 40
"""The number of quantiles between the least value and the greatest."""

STATISTICS_SAMPLE_ROWS = 200_000
"""Beyond this number of rows only about so many are looked at."""

_POINTS = [step / STEPS for step in range(STEPS + 1)]
_BINS = 24
_GROUPED = 10_000
_NUMBERS = ("integer", "float", "decimal")
_RANGES = (*_NUMBERS, "date", "timestamp", "time")


@dataclass(frozen=True, slots=True)
class FeatureStatistics:
    """What is known of one feature's values.

    Attributes:
        null_rate: The share of rows where it is NULL.
        distinct: About how many different values there are.
        low: The least value, as text; empty where values are not shown or have no order to show.
        high: The greatest.
        bars: The shares of rows in ranges of equal width, for a picture; empty where there is none.
        ends: Where the first of these ranges begins and the last one ends.
    """

    null_rate: float
    distinct: int | None = None
    low: str = ""
    high: str = ""
    bars: tuple[float, ...] = ()
    ends: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class ViewStatistics:
    """What is known of one view's rows.

    Attributes:
        rows: All of them.
        sampled: The rows that the features' numbers are of.
        newest: The newest event timestamp; None where there is no row.
        features: By feature.
    """

    rows: int
    sampled: int
    newest: datetime | None
    features: Mapping[str, FeatureStatistics] = field(default_factory=dict)


def measure_view(
    view: FeatureView, warehouse: Warehouse, *, sample_rows: int = STATISTICS_SAMPLE_ROWS
) -> ViewStatistics:
    """Ask the warehouse about a view.

    Args:
        view: The view, with all types known.
        warehouse: Where its table is.
        sample_rows: About how many rows to look at, at most.

    Raises:
        WarehouseError: The table cannot be read.
    """
    estimate = estimate_of(warehouse, view.relation)
    share = min(1.0, sample_rows / estimate.rows) if estimate and estimate.rows else 1.0
    sql = statement(view, warehouse.dialect, share=share)
    found = warehouse.stream(sql).read_all().to_pylist()[0]
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


def statement(view: FeatureView, dialect: str, *, share: float = 1.0) -> str:
    """Write the one statement that a view's statistics are read with.

    Args:
        view: The view, with all types known.
        dialect: The warehouse's dialect.
        share: The share of rows to look at.
    """
    table = render(relation(view.relation, dialect), dialect)
    event = _sql(view.event_timestamp.name, dialect)
    source = table
    sample = dialect_record(dialect).sample
    if share < 1 and not isinstance(sample, Missing):
        source = sample.format(table=table, percent=f"{max(share * 100, 0.001):.3f}")
    parts = [
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
    if feature.pii:
        return
    if family in _RANGES:
        yield "low", f"MIN({name})"
        yield "high", f"MAX({name})"
    if family == "boolean":
        yield "true", f"SUM(CASE WHEN {name} THEN 1 ELSE 0 END)"
    if family in _NUMBERS and not isinstance(record.quantiles, Missing):
        double = render(exp.cast(column(feature.name), "double"), dialect)
        yield "quantiles", record.quantiles(double, _POINTS)


def _sql(name: str, dialect: str) -> str:
    return render(column(name), dialect)


def _feature(number: int, found: Mapping[str, Any]) -> FeatureStatistics:
    rows, known = found["rows_sampled"], found[f"known{number}"]
    true, quantiles = found.get(f"true{number}"), found.get(f"quantiles{number}")
    points = _numbers(quantiles or ())
    few = (found.get(f"distinct{number}") or 0) <= _BINS
    bars, ends = (
        histogram(points, few=few),
        tuple(map(_shown, _ends(points))) if points else ("", ""),
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
    # Snowflake hands out an array as its JSON.
    listed = json.loads(quantiles) if isinstance(quantiles, str) else quantiles
    return sorted(float(value) for value in listed if value is not None and math.isfinite(value))


def histogram(
    quantiles: Sequence[float], bins: int = _BINS, *, few: bool = False
) -> tuple[float, ...]:
    """Return shares of rows in ranges of equal width, from evenly spaced quantiles.

    The outermost quantiles are cut off: one stray value would flatten all others to a line.

    Args:
        quantiles: The quantiles, in order.
        bins: The number of ranges.
        few: Whether there are so few different values that nothing lies between two quantiles.

    >>> histogram([0, 1, 2, 3, 4], bins=2)
    (0.5, 0.5)
    >>> histogram([7, 7, 7])
    (1.0,)
    """
    if len(quantiles) < 2:  # noqa: PLR2004, a range has two ends
        return (1.0,) if quantiles else ()
    low, high = _ends(quantiles)
    if low >= high:
        return (1.0,)
    shares = [0.0] * bins
    width = (high - low) / bins
    for first, last in pairwise(quantiles):
        places = (first - low) / width, (last - low) / width
        for start, stop in zip(places, places, strict=True) if few else (places,):
            _spread(shares, start, stop)
    total = sum(shares) or 1.0
    return tuple(round(share / total, 4) for share in shares)


def _ends(quantiles: Sequence[float]) -> tuple[float, float]:
    low, high = quantiles[min(1, len(quantiles) - 1)], quantiles[max(-2, -len(quantiles))]
    return (low, high) if low < high else (quantiles[0], quantiles[-1])


def _spread(shares: list[float], first: float, last: float) -> None:
    """Add one share of rows, which lie evenly between two places measured in ranges."""
    if first == last:
        if 0 <= first <= len(shares):
            shares[min(int(first), len(shares) - 1)] += 1
        return
    for number in range(len(shares)):
        overlap = min(last, number + 1) - max(first, number)
        shares[number] += max(overlap, 0.0) / (last - first)


def _shown(value: Any) -> str:
    if isinstance(value, float | Decimal):
        return f"{float(value):,.4g}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, int):
        # Years are numbers too.
        return f"{value:,}" if abs(value) >= _GROUPED else str(value)
    return ""


def _instant(value: Any) -> datetime | None:
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return None
