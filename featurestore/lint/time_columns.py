"""Columns that are times: by their names, or because SQL treats a date as one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.column_trace import blocks_behind, origins_in, table_columns_behind
from featurestore.lint.query_blocks import Block, BlockSource, TableColumn, own_columns, own_nodes

__all__ = ["dates_in_use", "is_date_name", "is_surely_time", "makes_time", "truncates"]

# Strict, because it makes a table one of events, whose joins the rules report.
_SURELY_TIME = re.compile(r"(_at|_ts|_timestamp|_datetime|_time)$|^(ts|timestamp|event_time)$")
_DATE_NAME = re.compile(r"(^|_)(date|day|dt|on)$")
# Dates that tell about a thing; they are not the instant at which a row happened.
_DESCRIBES = re.compile(
    r"(^|_)(birth|born|dob|hire|hired|expiry|expires?|expiration|due|planned|scheduled|expected"
    r"|target|valid|effective|start|end|launch|release|founded|opening)(_|$)"
)
_NODES = "Date DateBin DateTrunc DatetimeTrunc TimeSlice TimestampTrunc ToDate TsOrDsToDate"
# By name, because an older sqlglot lacks some of the classes.
_TRUNCATIONS = tuple(getattr(exp, name) for name in _NODES.split() if hasattr(exp, name))
_TRUNCATION_NAMES = frozenset(
    [
        "date_bin",
        "time_bucket",
        "time_slice",
        "to_date",
        "todate",
        "tostartofday",
        "tostartofhour",
        "tostartofinterval",
        "tostartofmonth",
        "tostartofweek",
        "trunc",
    ]
)
_OTHER_PLACES = ("with_", "from_", "joins", "laterals")


def is_surely_time(name: str) -> bool:
    """Return whether a column is a time by its name alone.

    >>> is_surely_time("ordered_at"), is_surely_time("order_date")
    (True, False)
    """
    return bool(_SURELY_TIME.search(name))


def is_date_name(name: str) -> bool:
    """Return whether a column is called like the date of an event.

    >>> is_date_name("sent_date"), is_date_name("birth_date"), is_date_name("candidate")
    (True, False, False)
    """
    return bool(_DATE_NAME.search(name)) and not _DESCRIBES.search(name)


def truncates(node: exp.Expr) -> bool:
    """Return whether an expression cuts a time to the start of its period."""
    return (
        isinstance(node, _TRUNCATIONS)
        or (isinstance(node, exp.Anonymous) and node.name.lower() in _TRUNCATION_NAMES)
        or (isinstance(node, exp.Cast) and node.to.is_type("date"))
    )


def makes_time(node: exp.Expr) -> bool:
    """Return whether an expression is a time because it is cast to one, or truncated."""
    return truncates(node) or (
        isinstance(node, exp.Cast) and node.to.is_type(*exp.DataType.TEMPORAL_TYPES)
    )


def dates_in_use(query: BlockSource) -> frozenset[TableColumn]:
    """Return the columns called like dates that a query casts, truncates or orders by."""
    return frozenset(
        found for block in blocks_behind(query) for found in block.kept(_dates_of_block)
    )


def _dates_of_block(block: Block) -> frozenset[TableColumn]:
    columns = {id(column): column for column in _columns_as_times(block)}
    return frozenset(
        found
        for column in columns.values()
        for found in table_columns_behind(origins_in(block, column))
        if is_date_name(found.column)
    )


def _columns_as_times(block: Block) -> Iterator[exp.Column]:
    for part in _own_parts(block.select):
        for node in own_nodes(part):
            if makes_time(node) or isinstance(node, exp.Ordered | exp.Min | exp.Max):
                yield from own_columns(node)


def _own_parts(select: exp.Select) -> Iterator[exp.Expr]:
    for name, value in select.args.items():
        if name not in _OTHER_PLACES:
            parts = value if isinstance(value, list) else [value]
            yield from (part for part in parts if isinstance(part, exp.Expr))
    for join in select.args.get("joins") or ():
        if (condition := join.args.get("on")) is not None:
            yield condition
