"""What a column is sorted by, so that rows which tie are decided alike on every engine.

Most types sort alike everywhere. The table holds the rest: text where the database's locale has a
say, NaN where it does not come first, and types that an engine cannot sort but can write as text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlglot import exp

from featurestore.registry.definitions import FeatureView
from featurestore.sql.expressions import column
from featurestore.values.types import DataType, Kind

__all__ = ["sort_keys", "winning_order"]

Keys = Callable[[exp.Expr], list[exp.Expr]]


def winning_order(view: FeatureView, dialect: str, table: str, *, event: bool) -> list[exp.Expr]:
    """Return the order in which rows of a view win: the first of it is the row to use.

    The newest event timestamp wins, then the newest created timestamp. Rows that agree on both are
    ordered by their features, all of them in the view's order, whichever are asked for: so the same
    row wins in every training set, on every run, and online.

    Args:
        view: The feature view.
        dialect: The warehouse's dialect.
        table: The name that its table has in the statement.
        event: Whether the rows to be ordered differ in their event timestamp.
    """
    names = [view.created_timestamp.name] if view.created_timestamp is not None else []
    if event:
        names.insert(0, view.event_timestamp.name)
    order: list[exp.Expr] = [column(name, table) for name in names]
    for feature in view.ties or view.features:
        order += sort_keys(column(feature.name, table), feature.data_type, dialect)
    return [exp.Ordered(this=node, desc=True, nulls_first=False) for node in order]


def sort_keys(node: exp.Expr, data_type: DataType | None, dialect: str) -> list[exp.Expr]:
    """Return what to sort by, in place of a column.

    >>> from featurestore.values.type_spellings import parse_type
    >>> column = exp.column("carrier")
    >>> [key.sql("postgres") for key in sort_keys(column, parse_type("text"), "postgres")]
    ['carrier COLLATE "C"']
    >>> [key.sql("duckdb") for key in sort_keys(column, parse_type("text"), "duckdb")]
    ['carrier']
    """
    kind = data_type.kind if data_type else Kind.OTHER
    if data_type and data_type.element and kind not in _SORTED_BY.get(dialect, {}):
        kind = data_type.element.kind if dialect in _ARRAYS_SORT_AS_ELEMENTS else kind
    return _SORTED_BY.get(dialect, {}).get(kind, _itself)(node)


def _itself(node: exp.Expr) -> list[exp.Expr]:
    return [node]


def _by_code_point(node: exp.Expr) -> list[exp.Expr]:
    return [exp.Collate(this=node, expression=exp.to_identifier("C", quoted=True))]


def _as_text(node: exp.Expr) -> list[exp.Expr]:
    return _by_code_point(exp.cast(node, "text"))


def _written_by(function: str) -> Keys:
    return lambda node: [exp.Anonymous(this=function, expressions=[node])]


def _nan_first(function: str) -> Keys:
    return lambda node: [exp.Anonymous(this=function, expressions=[node]), node.copy()]


def _json_of_cast(node: exp.Expr) -> list[exp.Expr]:
    return _written_by("JSON_FORMAT")(exp.cast(node, "json"))


_SPARK = {Kind.JSON: _written_by("TO_JSON"), Kind.OTHER: _written_by("TO_JSON")}
_SORTED_BY: Mapping[str, Mapping[Kind, Keys]] = {
    "bigquery": {
        Kind.FLOAT64: _nan_first("IS_NAN"),
        **dict.fromkeys((Kind.ARRAY, Kind.JSON, Kind.OTHER), _written_by("TO_JSON_STRING")),
    },
    "clickhouse": {
        **dict.fromkeys((Kind.FLOAT32, Kind.FLOAT64), _nan_first("isNaN")),
        Kind.UUID: _written_by("toString"),
    },
    "databricks": _SPARK,
    "postgres": {Kind.STRING: _by_code_point, Kind.JSON: _as_text, Kind.OTHER: _as_text},
    "redshift": dict.fromkeys((Kind.ARRAY, Kind.JSON, Kind.OTHER), _written_by("JSON_SERIALIZE")),
    "snowflake": dict.fromkeys((Kind.ARRAY, Kind.JSON, Kind.OTHER), _written_by("TO_JSON")),
    "spark": _SPARK,
    "trino": {Kind.JSON: _written_by("JSON_FORMAT"), Kind.OTHER: _json_of_cast},
}
# A collation may be given to an array of text as to the text itself.
_ARRAYS_SORT_AS_ELEMENTS = {"postgres"}
