"""Rows of Arrow as the lists of values of BigQuery's INSERT."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from featurestore.values.far_instants import python_values

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["literal", "value_lists"]


def value_lists(table: pa.Table, most_bytes: int) -> Iterator[str]:
    """Yield the rows of a table as lists of values, each of about so many bytes at most."""
    columns = [python_values(column) for column in table.columns]
    rows: list[str] = []
    size = 0
    for values in zip(*columns, strict=True):
        row = f"({', '.join(map(literal, values))})"
        if rows and size + len(row.encode()) > most_bytes:
            yield ", ".join(rows)
            rows, size = [], 0
        rows.append(row)
        size += len(row.encode()) + 2
    if rows:
        yield ", ".join(rows)


def literal(value: Any) -> str:
    r"""Return a value as BigQuery reads it.

    >>> literal("it's\n"), literal(b"\x00"), literal([1, None]), literal(-0.0)
    ('"it\'s\\n"', 'FROM_BASE64("AA==")', '[1, NULL]', "CAST('-0.0' AS FLOAT64)")
    """
    for kind, written in _WRITTEN:
        if isinstance(value, kind):
            return written(value)
    return _text(json.dumps(value, default=str))


def _text(value: str) -> str:
    # A text of JSON is one of GoogleSQL too: it has the same escapes.
    return json.dumps(value, ensure_ascii=False)


def _instant(value: datetime) -> str:
    kind = "DATETIME" if value.tzinfo is None else "TIMESTAMP"
    return f"{kind} '{value.isoformat(sep=' ')}'"


_WRITTEN: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (type(None), lambda _: "NULL"),
    (bool, lambda value: str(value).upper()),
    (int, str),
    (float, lambda value: f"CAST('{value}' AS FLOAT64)"),
    (Decimal, lambda value: f"NUMERIC '{value}'"),
    (bytes, lambda value: f"FROM_BASE64({_text(base64.b64encode(value).decode())})"),
    (datetime, _instant),
    (date, lambda value: f"DATE '{value.isoformat()}'"),
    (time, lambda value: f"TIME '{value.isoformat()}'"),
    (list, lambda value: f"[{', '.join(map(literal, value))}]"),
    (str, _text),
)
"""How values are written; the first kind that fits counts, so a subclass comes first."""
