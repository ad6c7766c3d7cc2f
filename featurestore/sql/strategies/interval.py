"""The interval form: the period in which each row is the newest, then one range join.

In the winning order, the row before another one is the row that replaces it. A row that loses a tie
is replaced at its own instant, so its period is empty: ties need no further step.
"""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from featurestore.sql.expressions import (
    EVENT,
    INSTANT,
    KNOWN,
    UNTIL,
    Named,
    both,
    column,
    cte,
    equal_keys,
    named,
    relation,
)
from featurestore.sql.instants import as_bound_of, instant, minus
from featurestore.sql.plan import ViewJoin
from featurestore.sql.strategies.common import features_of, known_since, order_of

__all__ = ["interval"]


def interval(join: ViewJoin, dialect: str, as_known: bool) -> list[Named]:
    """Write the interval form.

    Args:
        join: The join to write.
        dialect: The warehouse's dialect.
        as_known: Whether to leave out rows written after the requested instant.

    Returns:
        The CTEs `<name>_periods` and `<name>`.
    """
    known = known_since(join, dialect, as_known=as_known)
    # Without a conversion the event timestamp itself says it, and needs no second column.
    since = EVENT if isinstance(known, exp.Column) else KNOWN
    query = exp.select(
        *(column(name, "asked") for name in join.found_by),
        column(EVENT, "periods"),
        *features_of(join, dialect, "periods"),
        copy=False,
    ).from_(cte(join.asked, "asked"), copy=False)
    query = query.join(
        exp.Join(
            this=cte(f"{join.cte}_periods", "periods"), on=both(_covers(join, dialect, since))
        ),
        copy=False,
    )
    query.add_comments([f"{join.name}: the newest row known by then"])
    return [_periods(join, dialect, known, as_known=as_known), (join.cte, query)]


def _periods(join: ViewJoin, dialect: str, known: exp.Expr, *, as_known: bool) -> Named:
    view = join.view
    event = column(view.event_timestamp.name, "history")
    since = [] if isinstance(known, exp.Column) else [named(known.copy(), KNOWN)]
    query = exp.select(
        *(column(key, "history") for key in join.keys),
        named(event, EVENT),
        *since,
        named(_replaced(join, dialect, known, as_known=as_known), UNTIL),
        *(column(feature, "history") for feature in join.features),
        copy=False,
    ).from_(relation(view.relation, dialect, "history"), copy=False)
    query.add_comments([f"{join.name}: each row, and the instant at which another replaces it"])
    return f"{join.cte}_periods", query


def _replaced(join: ViewJoin, dialect: str, known: exp.Expr, *, as_known: bool) -> exp.Expr:
    """Return the first instant at which a row that wins over this one is known."""
    over = exp.Window(
        this=exp.Lag(this=known.copy()),
        partition_by=[column(key, "history") for key in join.keys],
        order=exp.Order(expressions=order_of(join, dialect, "history")),
    )
    if as_known:
        # A row with a later event may have been written earlier, so the nearest row is not enough.
        over.set("this", exp.Min(this=known.copy()))
        over.set(
            "spec",
            exp.WindowSpec(
                kind="ROWS",
                start="UNBOUNDED",
                start_side="PRECEDING",
                end="1",
                end_side="PRECEDING",
            ),
        )
    return over


def _covers(join: ViewJoin, dialect: str, since: str) -> list[exp.Expr]:
    """Return the conditions that a row's period has the requested instant, within the ttl."""
    view, now = join.view, column(INSTANT, "asked")
    latest = minus(now.copy(), view.available_after, dialect)
    until, event = column(UNTIL, "periods"), replace(view.event_timestamp, name=EVENT)
    begun = column(since, "periods") <= latest
    if since is EVENT:
        begun = instant(event, dialect, "periods") <= as_bound_of(event, latest.copy(), dialect)
    conditions = [
        *equal_keys(join.keys, "asked", "periods"),
        begun,
        exp.paren(exp.or_(until.is_(exp.null()), until.copy() > latest.copy(), copy=False)),
    ]
    if view.ttl is not None:
        oldest = as_bound_of(event, minus(now.copy(), view.ttl, dialect), dialect)
        conditions.append(instant(event, dialect, "periods") >= oldest)
    return conditions
