"""Choices between values: CASE, COALESCE, NULLIF, GREATEST, LEAST, IN and BETWEEN."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlglot import exp

from featurestore.request_time.chosen_rows import computed_where
from featurestore.request_time.common_types import (
    COMPARED_PAIRS,
    SAME_FAMILIES,
    common_type,
    compared_type,
    converted,
)
from featurestore.request_time.families import BOOLEAN, FLOAT64, Family, family
from featurestore.request_time.form import (
    EVERY,
    EXECUTED,
    ON_DUCKDB,
    ON_POSTGRES,
    ON_SPARK,
    STANDARD,
    Call,
    Form,
    MeaningOf,
)
from featurestore.request_time.operands import NOTHING, Columns, Meaning, Operand, Run
from featurestore.request_time.ordering import comparison
from featurestore.values.types import DataType

__all__ = ["CHOICE_FORMS"]


def _all_converted(operands: Sequence[Operand], target: DataType, dialect: str) -> list[Operand]:
    return [converted(operand, target, dialect) for operand in operands]


def _coalesce(call: Call) -> Meaning | None:
    found = common_type(call.operands, call.dialect)
    if found is None:
        return None
    first, *others = _all_converted(call.operands, found, call.dialect)

    def column(columns: Columns, count: int) -> Sequence[Any]:
        values = first.run(columns, count)
        for other in others:
            if None not in values:
                break
            wanted = [value is None for value in values]
            more = computed_where(other, columns, wanted)
            values = [y if x is None else x for x, y in zip(values, more, strict=True)]
        return values

    return Meaning(found, column=column)


def _nullif(call: Call) -> Meaning | None:
    compared = compared_type(call.operands, call.dialect)
    if compared is None:
        return None
    kept = call.operands[0]
    if call.dialect == ON_POSTGRES and family(kept.data_type) is not family(
        call.operands[1].data_type
    ):
        # The first operand takes the type in which both are compared.
        kept = converted(kept, compared, call.dialect)
    equal = comparison("=", compared, call.dialect)
    left, right = _all_converted(call.operands, compared, call.dialect)

    def column(columns: Columns, count: int) -> list[Any]:
        pairs = zip(left.run(columns, count), right.run(columns, count), strict=True)
        if kept.run is left.run:
            return [None if x is None or (y is not None and equal(x, y)) else x for x, y in pairs]
        own = kept.run(columns, count)
        return [
            None if x is None or (y is not None and equal(x, y)) else value
            for value, (x, y) in zip(own, pairs, strict=True)
        ]

    return Meaning(kept.data_type, column=column, is_total=call.dialect in EXECUTED)


def _greatest(sign: str) -> MeaningOf:
    """Return the meaning of GREATEST (`>`) or LEAST (`<`): NULLs do not count."""

    def meaning(call: Call) -> Meaning | None:
        found = common_type(call.operands, call.dialect)
        if found is None:
            return None
        operands = _all_converted(call.operands, found, call.dialect)
        better = comparison(sign, found, call.dialect)

        def choose(values: tuple[Any, ...]) -> Any:
            best = None
            for value in values:
                if value is not None and (best is None or better(value, best)):
                    best = value
            return best

        def column(columns: Columns, count: int) -> list[Any]:
            runs = [operand.run(columns, count) for operand in operands]
            return [choose(values) for values in zip(*runs, strict=True)]

        return Meaning(found, column=column)

    return meaning


def _in(call: Call) -> Meaning | None:
    found = compared_type(call.operands, call.dialect)
    if found is None:
        return None
    tested, *others = _all_converted(call.operands, found, call.dialect)
    values = [other.constant for other in others]
    if NOTHING in values or found == FLOAT64:
        equal = comparison("=", found, call.dialect)
        is_total = call.dialect in EXECUTED
        return Meaning(BOOLEAN, column=_in_columns(tested, others, equal), is_total=is_total)
    return Meaning(BOOLEAN, column=_in_constants(tested, values))


def _in_constants(tested: Operand, values: Sequence[Any]) -> Run:
    known = frozenset(value for value in values if value is not None)
    otherwise = None if None in values else False

    def column(columns: Columns, count: int) -> list[bool | None]:
        return [
            None if x is None else True if x in known else otherwise
            for x in tested.run(columns, count)
        ]

    return column


def _in_columns(
    tested: Operand, others: Sequence[Operand], equal: Callable[[Any, Any], bool]
) -> Run:
    def row(x: Any, values: Sequence[Any]) -> bool | None:
        if x is None:
            return None
        if any(y is not None and equal(x, y) for y in values):
            return True
        return None if None in values else False

    def column(columns: Columns, count: int) -> list[bool | None]:
        listed = zip(*(other.run(columns, count) for other in others), strict=True)
        return [row(x, y) for x, y in zip(tested.run(columns, count), listed, strict=True)]

    return column


def _between(call: Call) -> Meaning | None:
    tested, low, high = call.operands
    # PostgreSQL compares with each end by itself, the others find one type for all three.
    groups = [(tested, low), (tested, high)]
    if call.dialect != ON_POSTGRES:
        groups = [tuple(call.operands)] * 2  # type: ignore[list-item]
    types = [compared_type(group, call.dialect) for group in groups]
    if types[0] is None or types[1] is None:
        return None
    lower, upper = (
        comparison(">=", types[0], call.dialect),
        comparison("<=", types[1], call.dialect),
    )
    x_low, x_high = (converted(tested, t, call.dialect) for t in types if t)
    low, high = converted(low, types[0], call.dialect), converted(high, types[1], call.dialect)

    def row(x: Any, least: Any, z: Any, most: Any) -> bool | None:
        above = None if x is None or least is None else lower(x, least)
        below = None if z is None or most is None else upper(z, most)
        if above is False or below is False:
            return False
        return None if above is None or below is None else True

    def column(columns: Columns, count: int) -> list[bool | None]:
        runs = [operand.run(columns, count) for operand in (x_low, low, x_high, high)]
        return [row(*values) for values in zip(*runs, strict=True)]

    return Meaning(BOOLEAN, column=column, is_total=call.dialect in EXECUTED)


def _listed(node: exp.Expr) -> list[exp.Expr] | None:
    """Read a node whose operands are `this` and `expressions`."""
    more = {name for name, part in node.args.items() if part and name != "ignore_nulls"}
    return [node.this, *node.expressions] if more <= {"this", "expressions"} else None


def _between_parts(node: exp.Expr) -> list[exp.Expr] | None:
    # PostgreSQL's BETWEEN SYMMETRIC swaps the ends.
    is_other = bool(node.args.get("symmetric"))
    return None if is_other else [node.this, node.args["low"], node.args["high"]]


_LAZY = "A later operand is not computed where an earlier one is not NULL."
_SPARED = "NULLs do not count; the result is NULL only if all are. NaN is the greatest number."
_FIRST = "The result has the type of `a`."
_EACH = (Family.NUMBER, *SAME_FAMILIES)
_SURE = {
    Family.INTEGER,
    Family.NUMBER,
    Family.TEXT,
    Family.DATE,
    Family.TIMESTAMP,
    Family.TIMESTAMPTZ,
}


def _each(
    node: type[exp.Expr], written: str, rule: MeaningOf, gives: str, note: str, *, ordered: bool
) -> list[Form]:
    """Return a form for numbers and one for each other family."""
    everywhere = STANDARD if node is exp.In else EVERY
    places: dict[Family, tuple[str, ...]] = {
        one: EXECUTED if ordered or one not in _SURE else everywhere for one in _EACH
    }
    if ordered:
        places[Family.TEXT] = (ON_DUCKDB, ON_SPARK)
    return [
        Form(
            node,
            written,
            (one,),
            rule,
            gives,
            places[one],
            note,
            _listed,
            repeats=True,
            takes_null=True,
        )
        for one in _EACH
    ]


CHOICE_FORMS = (
    *_each(exp.Coalesce, "coalesce(a, b, ...)", _coalesce, "the common type", _LAZY, ordered=False),
    *(
        Form(
            exp.Nullif,
            "nullif(a, b)",
            pair,
            _nullif,
            "as `a`",
            EXECUTED if Family.BOOLEAN in pair else EVERY,
            _FIRST,
            takes_null=False,
        )
        for pair in COMPARED_PAIRS
    ),
    *_each(
        exp.Greatest,
        "greatest(a, b, ...)",
        _greatest(">"),
        "the common type",
        _SPARED,
        ordered=True,
    ),
    *_each(exp.Least, "least(a, b, ...)", _greatest("<"), "the common type", _SPARED, ordered=True),
    *_each(
        exp.In,
        "a in (b, ...)",
        _in,
        "boolean",
        "NULL if no item is equal and one is NULL.",
        ordered=False,
    ),
    *(
        Form(
            exp.Between,
            "a between b and c",
            (one,) * 3,
            _between,
            "boolean",
            (ON_DUCKDB, ON_SPARK) if one is Family.TEXT else EVERY if one in _SURE else EXECUTED,
            "Both ends belong to it.",
            _between_parts,
        )
        for one in _EACH
    ),
)
