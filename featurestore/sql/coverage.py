"""The number of entity rows that get a value in a training set, and why the others get none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlglot import exp, parse_one

from featurestore.registry.definitions import Column
from featurestore.sql.dialects import grammar, render
from featurestore.sql.expressions import as_name, column, relation
from featurestore.sql.instants import as_bound_of, floor, instant, minus
from featurestore.sql.plan import Output, TrainingPlan, ViewJoin, unused_names
from featurestore.sql.point_in_time import point_in_time
from featurestore.sql.validity import not_ended

__all__ = ["coverage"]


def coverage(plan: TrainingPlan, strategy: str | None = None) -> str:
    """Write the statement that counts matches.

    The statement is the training set's own join without the ttl and the end of validity, so that it
    can tell rows that are too old or have ended from rows that do not exist.

    Args:
        plan: The training set.
        strategy: The name of the only acceptable strategy.

    Returns:
        One SELECT of one row: `entity_rows`, and for the join with number n, `history_n`,
        `found_n`, `expired_n` and `null_keys_n`.
    """
    moments, ends = unused_names(plan, "_at_"), unused_names(plan, "_until_")
    joins = tuple(
        replace(
            join,
            view=replace(join.view, ttl=None),
            outputs=_ends(join, until),
            timestamp_output=at,
            ends=False,
        )
        for join, at, until in zip(plan.joins, moments, ends, strict=True)
    )
    # With the ttl in the join, a row that is too old would look like a row that does not exist; so
    # would a row that has ended.
    # The keys that were parsed from text are wanted here, to find those that are NULL.
    spine = replace(plan.spine, parsed=())
    unbounded = point_in_time(replace(plan, spine=spine, joins=joins, on_demand=()), strategy)
    rows = parse_one(unbounded, dialect=grammar(plan.dialect))
    counts = [exp.alias_(exp.Count(this=exp.Star()), as_name("entity_rows"))]
    for number, join in enumerate(plan.joins):
        counts += _counts(plan, join, number, moments[number], ends[number])
    assert isinstance(rows, exp.Query)  # noqa: S101, it was a SELECT before it was text
    query = exp.select(*counts, copy=False).from_(rows.subquery("training_set", copy=False))
    return render(query, plan.dialect)


def _counts(
    plan: TrainingPlan, join: ViewJoin, number: int, at: str, end: str
) -> Iterator[exp.Expr]:
    history = exp.select(exp.Count(this=exp.Star())).from_(
        relation(join.view.relation, plan.dialect, "history")
    )
    yield exp.alias_(history.subquery(), as_name(f"history_{number}"))
    yield exp.alias_(exp.Count(this=column(at)), as_name(f"found_{number}"))
    yield exp.alias_(_count_if(_expired(plan, join, at, end)), as_name(f"expired_{number}"))
    casts = plan.spine.casts
    keys = [casts[key][0] if key in casts else key for key in join.spine_keys]
    needed = (*keys, plan.spine.event_timestamp)
    without = exp.or_(*(column(name).is_(exp.null()) for name in needed))
    yield exp.alias_(_count_if(without), as_name(f"null_keys_{number}"))


def _ends(join: ViewJoin, name: str) -> tuple[Output, ...]:
    until = join.view.valid_until
    return () if until is None else (Output(until.name, name),)


def _expired(plan: TrainingPlan, join: ViewJoin, moment: str, end: str) -> exp.Expr:
    at = Column(plan.spine.event_timestamp, plan.spine.columns[plan.spine.event_timestamp])
    now = floor(at, plan.dialect)
    conditions: list[exp.Expr] = []
    if join.view.ttl is not None:
        found = Column(moment, join.view.event_timestamp.data_type)
        oldest = as_bound_of(found, minus(now, join.view.ttl, plan.dialect), plan.dialect)
        conditions.append(instant(found, plan.dialect) < oldest)
    alive = not_ended(join.view, plan.dialect, None, now, named=end)
    # Without a match the end is NULL, and then the row counts as alive.
    conditions += [condition.not_() for condition in alive]
    return exp.or_(*conditions, copy=False) if conditions else exp.false()


def _count_if(condition: exp.Expr) -> exp.Expr:
    return exp.Count(this=exp.Case().when(condition, exp.Literal.number(1)))
