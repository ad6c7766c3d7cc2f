"""Why an expression is refused, and the nearest form that has a meaning."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from featurestore.errors import ExpressionRefused
from featurestore.request_time.families import Family, family
from featurestore.request_time.form import EXECUTED, Form
from featurestore.request_time.operands import Operand
from featurestore.values.types import DataType, Kind

__all__ = ["REFUSED", "refused_form", "refused_node"]

_IN_A_VIEW = "An expression computes with the values of one row. Compute it in a feature view."
_AT_UTC = "Write a at time zone 'UTC'."
_CHANGES = "Its value changes from call to call, so training and serving would differ"
# By the names of classes, because not every version of sqlglot has all of them.
REFUSED: dict[str, tuple[str, str]] = {
    "Query Subquery Exists Any All": ("is a subquery, which reads other rows", _IN_A_VIEW),
    "Window": ("is a window function, which reads other rows", _IN_A_VIEW),
    "AggFunc": ("is an aggregate, which reads other rows", _IN_A_VIEW),
    "CurrentTimestamp CurrentDate CurrentTime CurrentDatetime Localtimestamp Localtime": (
        f"reads the clock. {_CHANGES}",
        "Send the instant as a request field.",
    ),
    "Rand Randn Uuid": (f"is random. {_CHANGES}", "Send the number as a request field."),
    "RegexpLike RegexpILike RegexpReplace RegexpExtract RegexpFullMatch SimilarTo": (
        "is a regular expression. Each warehouse has its own syntax for them",
        "Write a like 'pattern'.",
    ),
    "ILike": ("ignores the case, which depends on the locale", "Write lower(a) like lower(b)."),
    "Alias": ("has an alias", "The name of the on-demand feature is the alias."),
    "Star": ("names all columns", "Name the features and request fields."),
    "Parameter Placeholder": ("is a parameter", "Declare a request field."),
    "Hour Minute Second Year Month Day Quarter DayOfWeek DayOfYear Week": (
        "has no form in the table",
        "Write extract(field from a).",
    ),
    "Log": ("has another base on each warehouse", "Write ln(a) / ln(10)."),
    "Interval": (
        "is an interval, which has a meaning only beside an instant",
        "Write a + interval '1' day, with a literal number.",
    ),
    "DateDiff TimestampDiff": (
        "counts differently on each warehouse",
        "Write a - b for dates, or extract(epoch from a) - extract(epoch from b).",
    ),
    "IsNan": ("has no form in the table", "Write a = cast('NaN' as double)."),
    "Collate": ("has a collation", "Compare with = or <>."),
    "Anonymous": (
        "is a function without a known meaning",
        "User-defined functions exist in the warehouse alone: compute it in a feature view.",
    ),
    "DDL DML Command": ("is a statement", "Write one SQL expression."),
}
"""Classes of nodes that are refused, each with the reason and what to write instead."""


_CLOCKS = [
    "now",
    "getdate",
    "sysdate",
    "today",
    "clock_timestamp",
    "transaction_timestamp",
    "unix_timestamp",
]


def refused_node(node: exp.Expr, dialect: str) -> ExpressionRefused:
    """Return the error for a node that the table does not have."""
    shown = _shown(node, dialect)
    if isinstance(node, exp.Anonymous) and node.name.lower() in _CLOCKS:
        node = exp.CurrentTimestamp()
    classes = {kind.__name__ for kind in type(node).__mro__}
    for names, (reason, remedy) in REFUSED.items():
        if not classes.isdisjoint(names.split()):
            return ExpressionRefused(f"'{shown}' {reason}.", remedy=remedy)
    return ExpressionRefused(
        f"'{shown}' has no form in the table of request-time expressions.",
        remedy="The reference page 'Request-time expressions' lists all forms.",
    )


def refused_form(
    node: exp.Expr, forms: Sequence[Form], operands: Sequence[Operand], dialect: str
) -> ExpressionRefused:
    """Return the error for a node of the table whose operands have the wrong types.

    Args:
        node: The node.
        forms: All forms of the node.
        operands: Its operands; empty if no form reads it.
        dialect: The dialect of the warehouse.
    """
    if isinstance(node, exp.In) and (node.args.get("query") or node.args.get("unnest")):
        return refused_node(exp.Subquery(this=node.copy()), dialect)
    shown = _shown(node, dialect)
    here = [form for form in forms if dialect in form.dialects]
    if not here and dialect not in EXECUTED:
        return ExpressionRefused(
            f"'{shown}' is not proven on {dialect}: DuckDB, PostgreSQL and Spark disagree about it,"
            f" or the manual of {dialect} does not settle it.",
            remedy=_hint(node, operands, dialect) or "Compute it in a feature view.",
        )
    types = ", ".join(str(operand.data_type) for operand in operands)
    beside = f" for {types}" if types else " of this shape"
    remedy = _hint(node, operands, dialect) or _allowed(here, operands)
    return ExpressionRefused(f"'{shown}' has no meaning{beside} on {dialect}.", remedy=remedy)


def _shown(node: exp.Expr, dialect: str) -> str:
    text = node.sql(dialect)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004


def _hint(node: exp.Expr, operands: Sequence[Operand], dialect: str) -> str:
    """Return what to write instead in the cases that occur most; empty for others."""
    interval = isinstance(node.args.get("expression"), exp.Interval)
    found = _hint_of_node(node, dialect) or _hint_of_types(node, operands, dialect)
    return found or (_UNITS if interval else "")


def _hint_of_node(node: exp.Expr, dialect: str) -> str:
    if isinstance(node, exp.Div) and dialect not in EXECUTED:
        return "Write a / nullif(b, 0) with doubles."
    if isinstance(node, exp.Case | exp.If):
        return "Conditions must be boolean, and all results of types that have one in common."
    return ""


_TARGETS = {
    **dict.fromkeys((Kind.INT8, Kind.UINT8, Kind.UINT16), "integer"),
    **dict.fromkeys((Kind.UINT32, Kind.UINT64), "bigint"),
    Kind.FLOAT32: "double precision",
    Kind.UUID: "text",
    Kind.STRING: "text",
    Kind.TIMESTAMP: "timestamp",
}
"""The type that a value without forms of its own is cast to."""
_UNITS = "Write interval 'n' unit, with a whole number and a unit from year to second."
_BESIDE = {
    (Family.TEXT, Family.TIMESTAMP): "Write timestamp '2024-02-29 10:00:00'.",
    (Family.TEXT, Family.DATE): "Write date '2024-02-29'.",
    (Family.DATE, Family.TIMESTAMP): "Write cast(a as timestamp) for the date.",
}
"""What to write for two families that do not meet."""


def _hint_of_types(node: exp.Expr, operands: Sequence[Operand], dialect: str) -> str:
    families = [family(operand.data_type) for operand in operands]
    for pair, remedy in _BESIDE.items():
        if set(pair) <= set(families):
            return remedy
    if Family.NULL in families:
        return "Write a is null." if isinstance(node, exp.EQ) else "Cast it: cast(null as bigint)."
    if Family.OTHER in families:
        return _cast_first(operands[families.index(Family.OTHER)].data_type)
    if Family.TIMESTAMPTZ in families:
        naive = "Declare it as timestamp_ntz." if dialect == "spark" else _AT_UTC
        return f"Its days depend on the session's time zone. {naive}"
    if Family.DECIMAL in families and set(families) <= {Family.DECIMAL, Family.INTEGER}:
        return "More than 38 digits are needed: cast the operands to decimals with fewer."
    return ""


def _cast_first(data_type: DataType) -> str:
    target = _TARGETS.get(data_type.kind)
    if target:
        return f"Cast the {data_type} first: cast(a as {target})."
    return f"A value of type {data_type} has one form: a is null."


def _allowed(forms: Sequence[Form], operands: Sequence[Operand]) -> str:
    """Return the forms that take the most of these operands."""
    families = [family(operand.data_type) for operand in operands]

    def likeness(form: Form) -> int:
        return sum(one is other for one, other in zip(form.takes, families, strict=False))

    best = max(map(likeness, forms), default=0)
    listed = dict.fromkeys(
        f"{form.written} ({', '.join(form.takes)})" for form in forms if likeness(form) == best
    )
    return f"Allowed: {'; '.join(list(listed)[:4])}." if listed else ""
