"""Text: characters are code points; upper and lower case are those of ASCII."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlglot import exp

from featurestore.request_time.failures import Refusal
from featurestore.request_time.families import BOOLEAN, INT32, INT64, STRING, Family
from featurestore.request_time.form import (
    EVERY,
    EXECUTED,
    ON_DUCKDB,
    ON_POSTGRES,
    ON_SPARK,
    Call,
    Form,
    MeaningOf,
    arguments,
)
from featurestore.request_time.forms.like_patterns import like_pattern
from featurestore.request_time.operands import NOTHING, Columns, Meaning, Operand

__all__ = ["TEXT_FORMS"]


def _joined(_: Call) -> Meaning:
    return Meaning(STRING, row=lambda *texts: "".join(texts))


def _concat_without_nulls(call: Call) -> Meaning:
    operands: Sequence[Operand] = call.operands

    def column(columns: Columns, count: int) -> list[str]:
        runs = [operand.run(columns, count) for operand in operands]
        return ["".join(x for x in texts if x is not None) for texts in zip(*runs, strict=True)]

    return Meaning(STRING, column=column)


def _length(call: Call) -> Meaning:
    return Meaning(INT64 if call.dialect == ON_DUCKDB else INT32, row=len)


def _in_ascii(change: Callable[[str], str], name: str) -> MeaningOf:
    def row(text: str) -> str:
        if text.isascii():
            return change(text)
        raise Refusal(f"{name}({text!r}) is not ASCII: the warehouse's locale decides its case.")

    return lambda _: Meaning(STRING, row=row, is_total=False)


def _trimmed(strip: Callable[[str], str]) -> MeaningOf:
    def row(text: str) -> str:
        return strip(text)

    def careful(text: str) -> str:
        """Refuse blanks beyond ASCII, which DuckDB removes as well."""
        result = strip(text)
        if not result.isascii() and result != result.strip(_WIDE_BLANKS):
            raise Refusal(f"trim({text!r}) has blanks that are not ASCII at an end.")
        return result

    return lambda call: (
        Meaning(STRING, row=careful, is_total=False)
        if call.dialect == ON_DUCKDB
        else Meaning(STRING, row=row)
    )


_WIDE_BLANKS = "\u00a0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


def _part(text: str, start: int, length: int | None = None) -> str:
    if start < 1:
        raise Refusal(f"substr starts at {start}: the first character is 1.")
    if length is None:
        return text[start - 1 :]
    if length < 0:
        raise Refusal(f"substr has the negative length {length}.")
    return text[start - 1 : start - 1 + length]


def _left(text: str, count: int) -> str:
    if count < 0:
        raise Refusal(f"left has the negative count {count}.")
    return text[:count]


def _right(text: str, count: int) -> str:
    if count < 0:
        raise Refusal(f"right has the negative count {count}.")
    return text[len(text) - count :] if count < len(text) else text


def _counted(row: Callable[..., Any]) -> MeaningOf:
    """Return the meaning of a function with counts, which are integers of at most 32 bits."""
    return lambda call: (
        None
        if any(operand.data_type == INT64 for operand in call.operands)
        else Meaning(STRING, row=row, is_total=False)
    )


def _like(call: Call) -> Meaning | None:
    escape = "\\" if call.dialect in (ON_POSTGRES, ON_SPARK) else None
    return _matched(call, escape)


def _like_escape(call: Call) -> Meaning | None:
    escape = call.node.expression
    if not isinstance(escape, exp.Literal) or not escape.is_string or len(escape.this) != 1:
        return None
    return _matched(call, escape.this)


def _matched(call: Call, escape: str | None) -> Meaning | None:
    is_strict = call.dialect == ON_SPARK
    like = call.node.this if isinstance(call.node, exp.Escape) else call.node
    # NOT LIKE is a node of its own, and not a negation of LIKE.
    wanted = not like.args.get("negate")
    pattern = call.operands[1].constant
    if pattern is NOTHING or pattern is None:
        return Meaning(
            BOOLEAN,
            row=lambda text, other: (
                like_pattern(other, escape, is_strict=is_strict)(text) is wanted
            ),
            is_total=False,
        )
    try:
        matches = like_pattern(pattern, escape, is_strict=is_strict)
    except Refusal:
        return None
    return Meaning(BOOLEAN, row=lambda text, _: matches(text) is wanted)


def _escape_parts(node: exp.Expr) -> list[exp.Expr] | None:
    like = node.this
    return [like.this, like.expression] if type(like) is exp.Like else None


def _substring_parts(node: exp.Expr) -> list[exp.Expr] | None:
    start, length = node.args.get("start"), node.args.get("length")
    return None if start is None else [node.this, start, *([length] if length else [])]


def _all(node: exp.Expr) -> list[exp.Expr]:
    return list(node.expressions)


def _trim_at(position: str | None) -> Callable[[exp.Expr], list[exp.Expr] | None]:
    def read(node: exp.Expr) -> list[exp.Expr] | None:
        named = node.args.get("position")
        given = str(named).upper() if named else None
        return [node.this] if given == position and not node.args.get("expression") else None

    return read


_TEXT = (Family.TEXT,)
_TWO = (Family.TEXT, Family.TEXT)
_ONE = arguments("this")
_CASE = "A text with other characters is an error: the warehouse's locale decides there."
_BLANKS = "Removes blanks (U+0020) only. DuckDB also removes Unicode's blanks: they are an error."
_NEGATIVE = "A negative count is an error. A bigint must be cast to an integer."
_START = (
    "`start` counts from 1. A smaller start or a negative length is an error."
    " A bigint must be cast to an integer."
)

TEXT_FORMS = (
    Form(exp.DPipe, "a || b", _TWO, _joined, "text", EVERY, "NULL if one of them is."),
    Form(
        exp.Concat,
        "concat(a, b, ...)",
        _TEXT,
        _concat_without_nulls,
        "text",
        (ON_DUCKDB, ON_POSTGRES),
        "NULLs count as empty text.",
        _all,
        repeats=True,
    ),
    Form(
        exp.Concat,
        "concat(a, b, ...)",
        _TEXT,
        _joined,
        "text",
        (ON_SPARK,),
        "NULL if one of them is.",
        _all,
        repeats=True,
    ),
    Form(
        exp.Length,
        "length(a)",
        _TEXT,
        _length,
        "integer; DuckDB: bigint",
        EXECUTED,
        "Counts code points.",
        _ONE,
    ),
    Form(exp.Lower, "lower(a)", _TEXT, _in_ascii(str.lower, "lower"), "text", EVERY, _CASE, _ONE),
    Form(exp.Upper, "upper(a)", _TEXT, _in_ascii(str.upper, "upper"), "text", EVERY, _CASE, _ONE),
    Form(
        exp.Trim,
        "trim(a)",
        _TEXT,
        _trimmed(lambda x: x.strip(" ")),
        "text",
        EXECUTED,
        _BLANKS,
        _trim_at(None),
    ),
    Form(
        exp.Trim,
        "ltrim(a)",
        _TEXT,
        _trimmed(lambda x: x.lstrip(" ")),
        "text",
        EXECUTED,
        _BLANKS,
        _trim_at("LEADING"),
    ),
    Form(
        exp.Trim,
        "rtrim(a)",
        _TEXT,
        _trimmed(lambda x: x.rstrip(" ")),
        "text",
        EXECUTED,
        _BLANKS,
        _trim_at("TRAILING"),
    ),
    Form(
        exp.Substring,
        "substr(a, start)",
        (Family.TEXT, Family.INTEGER),
        _counted(_part),
        "text",
        EXECUTED,
        _START,
        _substring_parts,
    ),
    Form(
        exp.Substring,
        "substr(a, start, length)",
        (Family.TEXT, Family.INTEGER, Family.INTEGER),
        _counted(_part),
        "text",
        EXECUTED,
        _START,
        _substring_parts,
    ),
    Form(
        exp.Left,
        "left(a, n)",
        (Family.TEXT, Family.INTEGER),
        _counted(_left),
        "text",
        EXECUTED,
        _NEGATIVE,
    ),
    Form(
        exp.Right,
        "right(a, n)",
        (Family.TEXT, Family.INTEGER),
        _counted(_right),
        "text",
        EXECUTED,
        _NEGATIVE,
    ),
    Form(
        exp.Like,
        "a like b",
        _TWO,
        _like,
        "boolean",
        EXECUTED,
        "`%` is any text, `_` one character. A backslash escapes them, except in DuckDB.",
    ),
    Form(
        exp.Escape,
        "a like b escape 'c'",
        _TWO,
        _like_escape,
        "boolean",
        EXECUTED,
        "On Spark, an escape before another character than `%`, `_` and itself is an error.",
        _escape_parts,
    ),
)
