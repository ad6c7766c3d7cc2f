"""The order that decides which of several rows wins, alike on every engine.

Most types sort alike everywhere. A dialect's record lists the exceptions: text where the locale of
the database matters, NaN where it does not come first, and types that an engine cannot sort but
can write as text.
"""

from __future__ import annotations

from sqlglot import exp

from featurestore.registry.definitions import Feature, FeatureView
from featurestore.sql.dialects import dialect_record
from featurestore.sql.expressions import column, nulls_last
from featurestore.sql.validity import end_of
from featurestore.values.types import DataType, Kind

__all__ = ["reversed_order", "sort_keys", "winning_order"]


def winning_order(view: FeatureView, dialect: str, table: str, *, event: bool) -> list[exp.Expr]:
    """Return the order whose first row is the row to use.

    The newest event timestamp wins, then the newest created timestamp, then the latest end: dbt
    closes the row of a key that disappears, and adds one with the same start when it comes back.
    Rows that agree on all of these are ordered by all features of the view, not only by the
    requested ones. So the same row wins in every training set, on every run, and online.

    Args:
        view: The feature view.
        dialect: The warehouse's dialect.
        table: The name of its table in the statement.
        event: Whether the rows to order can differ in their event timestamp.
    """
    names = [view.created_timestamp.name] if view.created_timestamp is not None else []
    if event:
        names.insert(0, view.event_timestamp.name)
    times = [nulls_last(column(name, table), desc=True) for name in names]
    if view.valid_until is not None:
        # NULL means no end, so it is the latest.
        times.append(exp.Ordered(this=end_of(view, dialect, table), desc=True, nulls_first=True))
    order: list[exp.Expr] = []
    if view.is_deleted is not None:
        order += sort_keys(column(view.is_deleted.name, table), view.is_deleted.data_type, dialect)
    deciding = view.ties or view.features
    for feature in deciding:
        order += sort_keys(column(feature.name, table), feature.data_type, dialect)
    if not times and len(order) == 1 and deciding and _changes_alone(deciding[0], dialect):
        order.append(order[0].is_(exp.null()))
    # Engines and sessions differ in the place of NULL: here it loses every tie.
    return [*times, *(nulls_last(node, desc=True) for node in order)]


def reversed_order(order: list[exp.Expr]) -> list[exp.Expr]:
    """Return an order turned around, so that the row to use comes last.

    >>> [term.sql("spark") for term in reversed_order([nulls_last(column("seats"), desc=True)])]
    ['seats']
    """
    return [
        exp.Ordered(
            this=term.this,
            desc=None if term.args.get("desc") else True,
            nulls_first=not term.args.get("nulls_first"),
        )
        for term in order
    ]


def _changes_alone(feature: Feature, dialect: str) -> bool:
    kind = feature.data_type.kind if feature.data_type else Kind.OTHER
    return kind in dialect_record(dialect).lone_sort_keys


def sort_keys(node: exp.Expr, data_type: DataType | None, dialect: str) -> list[exp.Expr]:
    """Return the expressions to sort by in place of a column.

    >>> from featurestore.values.type_spellings import parse_type
    >>> column = exp.column("carrier")
    >>> [key.sql("postgres") for key in sort_keys(column, parse_type("text"), "postgres")]
    ['carrier COLLATE "C"']
    >>> mood = DataType(Kind.STRING, text="enum")
    >>> [key.sql("postgres") for key in sort_keys(column, mood, "postgres")]
    ['carrier']
    >>> [key.sql("duckdb") for key in sort_keys(column, parse_type("text"), "duckdb")]
    ['carrier']
    """
    record = dialect_record(dialect)
    if data_type and data_type.leaf.variant == "enum":
        # By the order of its members, on every engine; PostgreSQL refuses to collate them.
        return [node]
    kind = data_type.kind if data_type else Kind.OTHER
    if data_type and data_type.element and kind not in record.sort_keys:
        kind = data_type.element.kind if record.arrays_sort_as_elements else kind
    keys = record.sort_keys.get(kind)
    return keys(node) if keys else [node]
