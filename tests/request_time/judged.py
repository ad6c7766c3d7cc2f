"""The judge: the warehouse itself computes every expression on every row."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from sqlglot import exp

from featurestore.request_time import Failed, compile_expression, inlined
from tests.request_time.edge_values import COLUMNS, ROWS, rows_of
from tests.request_time.generated_cases import CAREFUL, Case

__all__ = [
    "Outcome",
    "differences",
    "failed_rows",
    "must_fail",
    "outcomes_of",
    "select_list",
    "sql_of",
]

Outcome = tuple[Case, list[Any]]
_CLOSE = ("ln(", "exp(", "power(")


def outcomes_of(cases: Iterable[Case]) -> list[Outcome]:
    """Return each expression with the values that the project computes."""
    columns = rows_of()
    return [(case, compile_expression(case.expression)(columns, ROWS)) for case in cases]


def sql_of(case: Case) -> str:
    """Return the expression as a training set has it."""
    columns = {name: exp.column(name, quoted=True) for name in COLUMNS}
    return inlined(case.expression, columns).sql(case.expression.dialect)


def select_list(outcomes: Sequence[Outcome], tried: str | None = None) -> str:
    """Return the expressions as columns e0, e1, ...

    Args:
        outcomes: The expressions with their values.
        tried: How the warehouse makes NULL of an error, where the project says ERROR; without it
            these rows are left out.
    """
    return ", ".join(
        f"{_where_good(case, values, tried)} AS e{place}"
        for place, (case, values) in enumerate(outcomes)
    )


def _where_good(case: Case, values: Sequence[Any], tried: str | None) -> str:
    sql, bad = sql_of(case), [str(row) for row in failed_rows(values)]
    if not bad:
        return sql
    may_succeed = any(word in case.text for word in CAREFUL)
    instead = tried.format(sql) if tried and not may_succeed else "NULL"
    return f"CASE WHEN id IN ({', '.join(bad)}) THEN {instead} ELSE {sql} END"


def failed_rows(values: Sequence[Any]) -> list[int]:
    """Return the rows where the project says ERROR."""
    return [row for row, value in enumerate(values) if isinstance(value, Failed)]


def differences(outcomes: Sequence[Outcome], answers: Sequence[Sequence[Any]]) -> list[str]:
    """Return one line for each expression with a value that differs from the warehouse's."""
    columns = rows_of()
    found = []
    for (case, values), answer in zip(outcomes, answers, strict=True):
        same = _close if case.text.startswith(_CLOSE) else _same
        for row, (ours, theirs) in enumerate(zip(values, answer, strict=True)):
            if not same(None if isinstance(ours, Failed) else ours, theirs):
                inputs = {name: columns[name][row] for name in case.expression.inputs}
                found.append(f"{case.text}: {ours!r}, warehouse {theirs!r}, for {inputs}")
                break
    return found


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float):
        return repr(ours) == repr(theirs)
    if isinstance(ours, Decimal) and isinstance(theirs, Decimal):
        return ours.as_tuple() == theirs.as_tuple()
    return type(ours) is type(theirs) and bool(ours == theirs)


def _close(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float) and math.isfinite(ours):
        return math.isclose(ours, theirs, rel_tol=1e-14)
    return _same(ours, theirs)


def must_fail(outcomes: Iterable[Outcome], most: int) -> list[tuple[Case, int]]:
    """Return rows, so many of each expression, where the warehouse must say ERROR too."""
    return [
        (case, row)
        for case, values in outcomes
        if not any(word in case.text for word in CAREFUL)
        for row in failed_rows(values)[:most]
    ]
