"""Rows of Arrow whose instants may lie beyond the years that Python knows, 1 to 9999."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["date_text", "instant_text", "python_rows", "python_values"]

_INFINITIES = {2**63 - 1: "infinity", -(2**63) + 1: "-infinity"}
_INFINITE_DATES = {2**31 - 1: "infinity", -(2**31) + 1: "-infinity"}
"""The numbers of microseconds, and of days, that DuckDB takes for infinity."""
_MICROS = {"s": 1_000_000, "ms": 1000, "us": 1}
_MIDNIGHT = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000
_CYCLE = 146_097
"""The days of 400 years."""


def python_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Return a table's rows as dictionaries; an instant that Python cannot hold is a text.

    >>> import pyarrow as pa
    >>> ends = pa.array([0, 2**63 - 1, -(2**56)], pa.timestamp("us"))
    >>> [str(row["end"]) for row in python_rows(pa.table({"end": ends}))]
    ['1970-01-01 00:00:00', 'infinity', '0315-08-02 (BC) 01:39:22.072064']
    """
    columns = [python_values(column) for column in table.columns]
    return [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]


def python_values(column: Any) -> list[Any]:
    """Return the values of a column of Arrow; an instant that Python cannot hold is a text."""
    try:
        found: list[Any] = column.to_pylist()
    except (OverflowError, ValueError):
        return [_value(each) for each in column]
    return (
        _named_infinities(column, found) if str(column.type).startswith("timestamp[ns") else found
    )


def _named_infinities(column: Any, values: list[Any]) -> list[Any]:
    """Name the infinities of a column in nanoseconds, which are ordinary instants to Python."""
    numbers = column.cast("int64").to_pylist()
    return [_INFINITIES.get(number, value) for number, value in zip(numbers, values, strict=True)]


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        return _far(scalar)


def _far(scalar: Any) -> Any:
    """Return the text of an instant, or the parts of a list, a map or a struct."""
    import pyarrow as pa

    kind: Any = scalar.type
    if pa.types.is_struct(kind):
        return {name: _value(item) for name, item in scalar.items()}
    if pa.types.is_nested(kind):
        return [_value(item) for item in scalar.values]
    if pa.types.is_date32(kind):
        return date_text(scalar.cast(pa.int32()).as_py())
    number: int = scalar.cast(pa.int64()).as_py()
    if kind.unit == "ns":
        return _INFINITIES.get(number) or instant_text(number // 1000)
    return _INFINITIES.get(number) or instant_text(number * _MICROS[kind.unit])


def instant_text(micros: int) -> str:
    """Return the text of an instant in microseconds since 1970, for any year.

    >>> instant_text(0), instant_text(2**63 - 1), instant_text(-(2**56))
    ('1970-01-01 00:00:00', 'infinity', '0315-08-02 (BC) 01:39:22.072064')
    """
    if micros in _INFINITIES:
        return _INFINITIES[micros]
    days, rest = divmod(micros, _DAY)
    return f"{date_text(days)} {(_MIDNIGHT + timedelta(microseconds=rest)).time()}"


def date_text(days: int) -> str:
    """Return the text of a date in days since 1970, for any year.

    >>> date_text(0), date_text(-735_160), date_text(2**31 - 1)
    ('1970-01-01', '0044-03-15 (BC)', 'infinity')
    """
    if days in _INFINITE_DATES:
        return _INFINITE_DATES[days]
    # The calendar repeats itself every 400 years, so Python's own dates do for the rest.
    cycles, rest = divmod(days, _CYCLE)
    near = _MIDNIGHT + timedelta(days=rest)
    year = near.year + 400 * cycles
    # The year before 1 is 1 BC.
    return f"{year:04d}{near:-%m-%d}" if year > 0 else f"{1 - year:04d}{near:-%m-%d} (BC)"
