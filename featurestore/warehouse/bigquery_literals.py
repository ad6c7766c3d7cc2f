"""Rows of Arrow as the lists of values of BigQuery's INSERT."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator
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
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"CAST('{value if math.isfinite(value) else str(value)}' AS FLOAT64)"
    if isinstance(value, Decimal):
        return f"BIGNUMERIC '{value}'"
    if isinstance(value, bytes):
        return f"FROM_BASE64({_text(base64.b64encode(value).decode())})"
    if isinstance(value, datetime):
        kind = "DATETIME" if value.tzinfo is None else "TIMESTAMP"
        return f"{kind} '{value.isoformat(sep=' ')}'"
    if isinstance(value, date | time):
        return f"{type(value).__name__.upper()} '{value.isoformat()}'"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    return _text(value if isinstance(value, str) else json.dumps(value, default=str))


def _text(value: str) -> str:
    # A text of JSON is one of GoogleSQL too: the same escapes, but for a surrogate pair.
    return json.dumps(value, ensure_ascii=False)
