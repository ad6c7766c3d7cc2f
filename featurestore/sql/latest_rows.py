"""The newest row of each entity at one moment: the rows that the online store must hold.

This is the point-in-time join for a single instant, with the same bounds and the same tie order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlglot import exp

from featurestore.registry.definitions import Column, FeatureView
from featurestore.sql.dialects import dialect_record, render
from featurestore.sql.dialects.own_names import OwnName
from featurestore.sql.dialects.record import NewestRows
from featurestore.sql.exit_types import exit_type, recast_to
from featurestore.sql.expressions import (
    EVENT,
    RANK,
    both,
    column,
    cte,
    equal_keys,
    named,
    not_null,
    nulls_last,
    ranked,
    relation,
    with_ctes,
)
from featurestore.sql.instants import instant_literal, time_bound
from featurestore.sql.tie_order import winning_order
from featurestore.sql.validity import known_end, not_deleted, not_ended, still_counts

__all__ = [
    "NEWEST_EVENT",
    "VALID_UNTIL",
    "EntitySubset",
    "latest_columns",
    "latest_rows",
    "newest_instants",
]

NEWEST_EVENT = "_featurestore_event"
"""The name of the column with the newest instant."""
VALID_UNTIL = "_featurestore_valid_until"
"""The name of the column with the instant at which a row ends, exclusive; NULL if it never
ends. The statement of a view without ends of validity lacks it."""

_COUNTS = OwnName("_counts")


@dataclass(frozen=True, slots=True)
class EntitySubset:
    """The entities that a statement returns; by default all.

    Attributes:
        since: Only entities with an event that became known since this moment.
        written_since: With `since`: also entities with a row that was written since this moment;
            then an entity's newest row may be another one.
        among: Only entities whose join keys are in the table of this name, written as SQL.
        at_instants: Whether that table has the newest instants too, in `NEWEST_EVENT`: then only
            the rows at these instants are read. An entity may be there with several.
        ended: Only entities whose newest row has ended, instead of those whose newest row counts.
        expired_for: Also entities whose newest row expired (its ttl ran out, or its end came) at
            most this long ago; None for however long ago.
    """

    since: datetime | None = None
    written_since: datetime | None = None
    among: str = ""
    at_instants: bool = False
    ended: bool = False
    expired_for: timedelta | None = timedelta()


_ALL_ENTITIES = EntitySubset()


def latest_rows(
    view: FeatureView,
    dialect: str,
    now: datetime,
    some: EntitySubset = _ALL_ENTITIES,
    *,
    decided: bool = True,
) -> str:
    """Write the statement for the newest row per entity.

    Args:
        view: The feature view, with all types known.
        dialect: The warehouse's dialect.
        now: The moment. Rows that become known later are left out, and entities whose newest row
            is older than the ttl, has ended or records a deletion; see `EntitySubset.expired_for`.
        some: The entities to return. The choice does not change which row wins.
        decided: Whether ties are decided; otherwise all rows of an entity's newest instant are
            returned. A view with an end of validity must be decided: the end of the winner counts.

    Returns:
        One SELECT of the join keys, the event timestamp, the created timestamp, the end of validity
        as `VALID_UNTIL` and all features.

    Raises:
        UnsupportedDialect: The dialect is unknown.
    """
    # Few rows are ranked faster than the history is read twice.
    shape = NewestRows.RANKED if some.among else dialect_record(dialect).newest_rows
    if not decided or shape is NewestRows.GROUPED:
        return _grouped(view, dialect, now, some, decided=decided)
    return _sorted(view, dialect, now, some, shape)


def _grouped(
    view: FeatureView, dialect: str, now: datetime, some: EntitySubset, *, decided: bool
) -> str:
    names = latest_columns(view)
    rows = exp.select(*_columns(view, names, dialect), copy=False)
    rows = _at_newest(rows, view, dialect)
    # The same bounds as in the first read: not every engine derives them from the join.
    rows = rows.where(*_in_reach(view, dialect, now, some), copy=False)
    counts = _counts(view, dialect, now, some)
    if decided:
        # All candidates of an entity share its newest instant, so the event cannot decide.
        rows = _first(rows, names, counts, view, dialect, event=False)
    elif counts:
        rows = rows.where(*counts, copy=False)
    ties = "the row at that instant, ties decided" if decided else "all rows at that instant"
    rows.add_comments([f"{view.name}: {ties}"])
    return render(with_ctes(rows, [("newest", _newest(view, dialect, now, some))]), dialect)


def _sorted(
    view: FeatureView, dialect: str, now: datetime, some: EntitySubset, shape: NewestRows
) -> str:
    """Write the statement that reads the history once, and takes each entity's first row."""
    names = latest_columns(view)
    rows = exp.select(*_columns(view, names, dialect), copy=False)
    rows = rows.from_(relation(view.relation, dialect, "history"))
    rows = rows.where(*_known(view, dialect, now, some), copy=False)
    counts = _counts(view, dialect, now, some)
    if shape is NewestRows.DISTINCT_ON and view.join_keys:
        rows = _distinct(rows, names, counts, view, dialect)
    else:
        rows = _first(rows, names, counts, view, dialect, event=True)
    rows.add_comments([f"{view.name}: the newest row of each entity, ties decided"])
    return render(rows, dialect)


def latest_columns(view: FeatureView) -> list[str]:
    """Return the names of the columns of `latest_rows`, in order."""
    until = view.valid_until
    return [
        *(
            VALID_UNTIL if until and column.name == until.name else column.name
            for column in view.columns
        ),
        *view.feature_names,
    ]


def newest_instants(
    view: FeatureView, dialect: str, now: datetime, some: EntitySubset = _ALL_ENTITIES
) -> str:
    """Write the statement for the newest instant of each entity: join keys and `NEWEST_EVENT`.

    Args:
        view: The feature view, with all types known.
        dialect: The warehouse's dialect.
        now: The moment; see `latest_rows`.
        some: The entities to return; ends of validity do not count here.
    """
    return render(_newest(view, dialect, now, some, NEWEST_EVENT), dialect)


def _at_newest(rows: exp.Select, view: FeatureView, dialect: str) -> exp.Select:
    at_that_instant = [
        *equal_keys([key.name for key in view.join_keys], "newest", "history"),
        column(EVENT, "newest").eq(column(view.event_timestamp.name, "history")),
    ]
    history = relation(view.relation, dialect, "history")
    return rows.from_(cte("newest")).join(history, on=both(at_that_instant), copy=False)


def _columns(view: FeatureView, names: Sequence[str], dialect: str) -> Iterator[exp.Expr]:
    for name in names:
        if name == VALID_UNTIL:
            yield named(known_end(view, dialect, "history"), name)
        else:
            yield column(name, "history")


def _counts(view: FeatureView, dialect: str, now: datetime, some: EntitySubset) -> list[exp.Expr]:
    if some.expired_for is None:
        return not_deleted(view, "history")
    moment = instant_literal(now - some.expired_for, dialect)
    if not some.ended:
        return still_counts(view, dialect, "history", moment)
    alive = not_ended(view, dialect, "history", moment)
    return [*(condition.not_() for condition in alive), *not_deleted(view, "history")]


def _first(
    rows: exp.Select,
    names: Sequence[str],
    counts: Sequence[exp.Expr],
    view: FeatureView,
    dialect: str,
    *,
    event: bool,
) -> exp.Select:
    """Return the first row of each entity, if it counts."""
    keys = [column(key.name, "history") for key in view.join_keys]
    order = winning_order(view, dialect, "history", event=event)
    rows = rows.select(ranked(keys, order), copy=False)
    if counts:
        rows = rows.select(named(both(counts), _COUNTS), copy=False)
    query = exp.select(*(column(name) for name in names), copy=False)
    query = query.from_(rows.subquery("ranked")).where(column(RANK).eq(1), copy=False)
    return query.where(column(_COUNTS), copy=False) if counts else query


def _distinct(
    rows: exp.Select,
    names: Sequence[str],
    counts: Sequence[exp.Expr],
    view: FeatureView,
    dialect: str,
) -> exp.Select:
    """Return the same as `_first` by PostgreSQL's DISTINCT ON, which sorts, and ranks nothing."""
    keys = [column(key.name, "history") for key in view.join_keys]
    rows = rows.distinct(*(key.copy() for key in keys), copy=False)
    rows = rows.order_by(*keys, *winning_order(view, dialect, "history", event=True), copy=False)
    if not counts:
        return rows
    rows = rows.select(named(both(counts), _COUNTS), copy=False)
    query = exp.select(*(column(name) for name in names), copy=False)
    return query.from_(rows.subquery("newest")).where(column(_COUNTS), copy=False)


def _newest(
    view: FeatureView, dialect: str, now: datetime, some: EntitySubset, name: str = EVENT
) -> exp.Select:
    """Return the newest instant of each entity, as a column of a name.

    A GROUP BY over few columns is cheaper than a sort of all rows, so ties are decided later.
    """
    keys = [column(key.name, "history") for key in view.join_keys]
    event = column(view.event_timestamp.name, "history")
    newest = exp.Max(this=event) if keys else event
    query = exp.select(*keys, named(newest, name), copy=False)
    query = query.from_(relation(view.relation, dialect, "history"))
    query = query.where(*_known(view, dialect, now, some), copy=False)
    if keys:
        query = query.group_by(*(key.copy() for key in keys), copy=False)
    else:
        # Not MAX: of no rows it is 1970 on ClickHouse, and DuckDB may answer it from statistics,
        # which have the first day of its calendar in place of -infinity.
        query = query.order_by(nulls_last(event.copy(), desc=True), copy=False)
        query = query.limit(1, copy=False)
    query.add_comments(
        [f"{view.name}: the newest instant of each entity, known by then and not expired"]
    )
    return query


def _known(
    view: FeatureView, dialect: str, now: datetime, some: EntitySubset
) -> Iterator[exp.Expr]:
    """Yield the conditions that a row of the history is known by then and not expired."""
    yield from not_null([key.name for key in view.join_keys], "history")
    yield from _in_reach(view, dialect, now, some)
    if some.since is not None and some.written_since is not None:
        yield _or_written(_since(view, dialect, some.since), view, dialect, some.written_since)
    if some.among:
        listed = exp.select("1").from_(relation(some.among, dialect, "listed"))
        same = [column(key.name, "listed").eq(_as_text(key, dialect)) for key in view.join_keys]
        if some.at_instants:
            event = column(view.event_timestamp.name, "history")
            same.append(column(NEWEST_EVENT, "listed").eq(event))
        yield exp.Exists(this=listed.where(*same, copy=False))


def _in_reach(
    view: FeatureView, dialect: str, now: datetime, some: EntitySubset
) -> Iterator[exp.Expr]:
    """Yield the bounds of the event timestamp, which let an engine skip partitions."""
    event = view.event_timestamp
    yield time_bound(event, exp.LTE, now, dialect, "history", earlier=view.available_after)
    if view.ttl is not None and some.expired_for is not None:
        # The grace is finer than an interval of Trino, so it is in the literal.
        oldest = now - some.expired_for
        yield time_bound(event, exp.GTE, oldest, dialect, "history", earlier=view.ttl)
    # Either the newest event of an entity is in this period, or none is: the winner is the same.
    if some.since is not None and some.written_since is None:
        yield _since(view, dialect, some.since)


def _since(view: FeatureView, dialect: str, since: datetime) -> exp.Expr:
    # A row becomes known at its event plus the delay, so the bound moves as the upper one does.
    delay = view.available_after
    return time_bound(view.event_timestamp, exp.GTE, since, dialect, "history", earlier=delay)


def _as_text(key: Column, dialect: str) -> exp.Expr:
    """Return a key of the history; a member of an enumeration as the text that was published."""
    node = column(key.name, "history")
    if key.data_type is None or key.data_type.variant != "enum":
        return node
    return recast_to(node, key.data_type, exit_type(key.data_type, dialect), dialect)


def _or_written(recent: exp.Expr, view: FeatureView, dialect: str, since: datetime) -> exp.Expr:
    stamp = view.created_timestamp
    if stamp is None:
        return recent
    written = time_bound(stamp, exp.GTE, since, dialect, "history")
    unknown = column(stamp.name, "history").is_(exp.null())
    return exp.paren(exp.or_(recent, written, unknown))
