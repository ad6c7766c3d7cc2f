"""The explanation of one value: each row of the entity, and why it is chosen or rejected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlglot import exp

from featurestore.registry.definitions import Column, FeatureView
from featurestore.sql.dialects import render
from featurestore.sql.expressions import (
    as_name,
    both,
    column,
    named,
    nulls_last,
    relation,
    with_ctes,
)
from featurestore.sql.instants import (
    as_bound_of,
    ceil,
    floor,
    instant,
    instant_literal,
    minus,
    plus,
)
from featurestore.sql.tie_order import winning_order
from featurestore.sql.validity import not_deleted, not_ended, shown_end
from featurestore.values.types import Kind

__all__ = ["CHOSEN", "DEFAULT", "DELETED", "ENDED", "why_query"]

CHOSEN = "chosen"
"""The verdict of the row whose value is used."""
DEFAULT = "default"
"""The verdict of a first row that is not in the view: its value is the feature's default."""
ENDED = "ended by then"
"""The verdict of the newest row if its validity ended: the value is NULL, not an older one."""
DELETED = "records a deletion"
"""The verdict of the newest row if the entity was deleted by then."""


def why_query(
    view: FeatureView,
    feature: str,
    keys: Mapping[str, Any],
    at: datetime,
    dialect: str,
    *,
    as_known: bool = False,
    limit: int = 20,
) -> str:
    """Write the statement that explains one value.

    Args:
        view: The feature view, with all types known.
        feature: One of its features.
        keys: The entity's join keys, by name.
        at: The instant to explain.
        dialect: The warehouse's dialect.
        as_known: Whether rows written after `at` are left out.
        limit: The maximal number of rows: the chosen one first, then alternately the nearest
            remaining row before the instant and the nearest one after it.

    Returns:
        One SELECT of `event_timestamp`, `created_timestamp` and `valid_until` (where declared),
        `value`, `verdict`.
    """
    moment = instant_literal(at, dialect)
    eligible = _eligible(view, dialect, moment, as_known=as_known)
    rows = exp.select(
        *(
            named(
                shown_end(view, dialect, "history")
                if source is view.valid_until
                else instant(source, dialect, "history"),
                name,
            )
            for name, (source, _) in _timestamps(view).items()
        ),
        exp.alias_(column(feature, "history"), as_name("value")),
        *_marks(view, dialect, moment),
        exp.alias_(both(eligible), as_name("_eligible")),
        exp.alias_(_rank(view, dialect, eligible), as_name("_rank")),
        exp.alias_(_nearness(view, dialect, moment), as_name("_row")),
        copy=False,
    ).from_(relation(view.relation, dialect, "history"))
    rows = rows.where(
        *(column(name, "history").eq(_literal(value)) for name, value in keys.items()),
        copy=False,
    )
    rows.add_comments([f"every row of the entity in {view.name}; rank 1 is the row to use"])
    query = _verdicts(view, dialect, rows, moment, as_known=as_known, limit=limit)
    return render(query, dialect)


def _literal(value: Any) -> exp.Expr:
    if isinstance(value, UUID):
        return exp.cast(exp.Literal.string(str(value)), "uuid", copy=False)
    return exp.convert(value)


def _timestamps(view: FeatureView) -> dict[str, tuple[Column, str]]:
    """Return the timestamps of the candidates by name, each with its source and its output name."""
    declared = {
        "_event": (view.event_timestamp, "event_timestamp"),
        "_created": (view.created_timestamp, "created_timestamp"),
        "_until": (view.valid_until, "valid_until"),
    }
    return {name: (source, output) for name, (source, output) in declared.items() if source}


def _marks(view: FeatureView, dialect: str, moment: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the conditions under which the chosen row counts, as columns of the candidates."""
    for name, conditions in (
        ("_valid", not_ended(view, dialect, "history", moment)),
        ("_kept", not_deleted(view, "history")),
    ):
        yield from (named(condition, name) for condition in conditions)


def _eligible(
    view: FeatureView, dialect: str, moment: exp.Expr, *, as_known: bool
) -> list[exp.Expr]:
    event = instant(view.event_timestamp, dialect, "history")
    # Each condition is made true or false: NULL would be a third partition of the rank.
    conditions: list[exp.Expr] = [_known(event, view, dialect, moment)]
    if view.ttl is not None:
        oldest = as_bound_of(view.event_timestamp, minus(moment.copy(), view.ttl, dialect), dialect)
        conditions.append(exp.Coalesce(this=event.copy() >= oldest, expressions=[exp.false()]))
    if as_known and view.created_timestamp is not None:
        now = as_bound_of(view.created_timestamp, moment.copy(), dialect)
        written = instant(view.created_timestamp, dialect, "history") <= now
        # As in the join, a row without a created timestamp counts as known.
        conditions.append(exp.Coalesce(this=written, expressions=[exp.true()]))
    return conditions


def _known(event: exp.Expr, view: FeatureView, dialect: str, moment: exp.Expr) -> exp.Expr:
    """Write the condition that a row was known by then; false without an event timestamp."""
    latest = minus(moment.copy(), view.available_after, dialect)
    by_then = event <= as_bound_of(view.event_timestamp, latest, dialect)
    return exp.Coalesce(this=by_then, expressions=[exp.false()])


def _rank(view: FeatureView, dialect: str, eligible: list[exp.Expr]) -> exp.Window:
    order: list[exp.Expr] = winning_order(view, dialect, "history", event=True)
    return exp.Window(
        this=exp.RowNumber(),
        # Rank 1 of the eligible rows is the chosen row; the others are ranked apart.
        partition_by=[both([condition.copy() for condition in eligible])],
        order=exp.Order(expressions=order),
    )


def _nearness(view: FeatureView, dialect: str, moment: exp.Expr) -> exp.Window:
    """Number the rows by their distance from the moment: known rows backwards, others forwards."""
    event = instant(view.event_timestamp, dialect, "history")
    # A row without an event timestamp counts as the farthest.
    known = _known(event, view, dialect, moment)
    before = exp.Case().when(known.copy(), event.copy())
    after = exp.Case().when(known.copy(), exp.null()).else_(event.copy())
    order: list[exp.Expr] = [
        nulls_last(before, desc=True),
        nulls_last(after),
        *winning_order(view, dialect, "history", event=False),
    ]
    return exp.Window(
        this=exp.RowNumber(), partition_by=[known], order=exp.Order(expressions=order)
    )


def _verdicts(
    view: FeatureView,
    dialect: str,
    rows: exp.Select,
    moment: exp.Expr,
    *,
    as_known: bool,
    limit: int,
) -> exp.Select:
    case = exp.Case()
    for condition, verdict in _reasons(view, dialect, moment, as_known=as_known):
        case = case.when(condition.copy(), exp.Literal.string(verdict), copy=False)
    case = case.else_(exp.Literal.string("lost the tie"), copy=False)
    shown = [
        _shown(name, source, output, dialect)
        for name, (source, output) in _timestamps(view).items()
    ]
    query = exp.select(*shown, column("value"), exp.alias_(case, as_name("verdict")), copy=False)
    query = query.from_("candidates").order_by(*_shown_first(), copy=False)
    # The limit comes after the windows, so the verdicts consider every row of the entity.
    query = query.limit(limit, copy=False)
    query.add_comments(["each row, and why it is chosen or rejected"])
    return with_ctes(query, [("candidates", rows)])


def _shown(name: str, source: Column, alias: str, dialect: str) -> exp.Expr:
    # Python's datetime, in which the instants are printed, holds microseconds.
    return exp.alias_(floor(_naive_column(name, source), dialect), as_name(alias))


def _naive_column(name: str, source: Column) -> Column:
    """Return a column of the candidates, which hold naive timestamps with the source's digits."""
    return Column(name, source.data_type and replace(source.data_type, kind=Kind.TIMESTAMP))


def _reasons(
    view: FeatureView, dialect: str, moment: exp.Expr, *, as_known: bool
) -> Iterator[tuple[exp.Expr, str]]:
    """Yield each condition with its verdict; the first condition that holds decides."""
    event = column("_event")
    yield event.is_(exp.null()), "no event timestamp"
    # A shift would round nanoseconds to the nearest microsecond.
    reached = ceil(_naive_column("_event", view.event_timestamp), dialect)
    yield plus(reached, view.available_after, dialect) > moment, "not known yet"
    if view.ttl is not None:
        oldest = as_bound_of(view.event_timestamp, minus(moment, view.ttl, dialect), dialect)
        yield event < oldest, "older than the ttl"
    if as_known and view.created_timestamp is not None:
        now = as_bound_of(view.created_timestamp, moment, dialect)
        yield column("_created") > now, "written later"
    # All rows that are left are eligible, so rank 1 is the newest.
    if view.is_deleted is not None:
        yield exp.and_(column("_rank").eq(1), column("_kept").not_()), DELETED
    if view.valid_until is not None:
        yield exp.and_(column("_rank").eq(1), column("_valid").not_()), ENDED
    yield column("_rank").eq(1), CHOSEN
    newest = exp.select(exp.Max(this=column("_event"))).from_("candidates")
    newest = newest.where(column("_eligible"))
    yield event < newest.subquery(), "superseded by a newer row"


def _shown_first() -> list[exp.Expr]:
    """Return the order of the rows: the chosen one, then the nearest in turn."""
    return [
        exp.Ordered(this=exp.and_(column("_eligible"), column("_rank").eq(1)), desc=True),
        exp.Ordered(this=column("_row")),
        nulls_last(column("_event"), desc=True),
        exp.Ordered(this=column("_rank")),
    ]
