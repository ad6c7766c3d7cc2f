"""Entity rows generated from the views themselves, for callers without an entity frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlglot import exp

from featurestore.errors import EntityFrameError, UnsupportedDialect
from featurestore.registry.definitions import FeatureView, ServiceMember
from featurestore.sql.dialects import dialect_record, render
from featurestore.sql.dialects.calls import call
from featurestore.sql.dialects.own_names import OwnName
from featurestore.sql.expressions import (
    KNOWN,
    as_name,
    column,
    cte,
    named,
    not_null,
    relation,
    with_ctes,
)
from featurestore.sql.instants import ceil, instant_literal, plus
from featurestore.values.durations import parse_duration
from featurestore.values.missing import Missing
from featurestore.values.types import Kind

__all__ = ["Period", "spine_of_views"]


_FIRST_KNOWN = OwnName("_first_known")


@dataclass(frozen=True, slots=True)
class Period:
    """The instants of generated entity rows.

    Attributes:
        start: The first instant.
        end: The last instant, inclusive.
        every: The step between them; None for the instants at which the views' rows became known.
    """

    start: datetime
    end: datetime
    every: timedelta | None

    @classmethod
    def of(
        cls,
        start: datetime | None,
        end: datetime | None,
        every: str | timedelta | None,
        now: datetime,
    ) -> Period:
        """Return the period of a caller's arguments; without any, the single instant `now`.

        Raises:
            EntityFrameError: `start` is missing, or `every` is not a positive duration.
        """
        if start is None:
            if end is not None or every is not None:
                raise EntityFrameError(
                    "`start` is required with `end` or `every`.",
                    remedy="Give `start`, or an entity frame.",
                )
            # A period of one instant never uses its step.
            return cls(now, now, timedelta(days=1))
        try:
            step = parse_duration(every) if isinstance(every, str) else every
        except ValueError as error:
            raise EntityFrameError(f"every={error}.") from None
        if step is not None and step <= timedelta():
            raise EntityFrameError(
                f"`every` must be positive, got {step}.", remedy="For example every='1 day'."
            )
        return cls(_in_utc("start", start), now if end is None else _in_utc("end", end), step)


def _in_utc(name: str, moment: object) -> datetime:
    """Return an instant of a caller: a naive one is in UTC, a date is its midnight in UTC.

    Raises:
        EntityFrameError: It is neither a datetime nor a date.
    """
    if isinstance(moment, datetime):
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    if isinstance(moment, date):
        return datetime.combine(moment, time(), UTC)
    raise EntityFrameError(
        f"`{name}` must be a datetime, got {moment!r}.",
        remedy="For example datetime(2024, 1, 1), which is in UTC.",
    )


def spine_of_views(
    members: Sequence[ServiceMember],
    views: Sequence[FeatureView],
    period: Period,
    event_timestamp: str,
    dialect: str,
) -> str:
    """Write the query for entity rows: every known entity at every instant of a period.

    An entity appears from the instant at which its first row became known.

    Args:
        members: The features of each view.
        views: The view of each member, with all types known.
        period: The instants.
        event_timestamp: The name of the time column.
        dialect: The warehouse's dialect.

    Raises:
        EntityFrameError: No view has all join keys, or the period ends before it starts.
        UnsupportedDialect: The dialect lacks a series of instants.
    """
    if period.start > period.end:
        raise EntityFrameError(
            f"The period ends at {period.end}, before its start at {period.start}."
        )
    sources = list(_spine_sources(members, views))
    names = sources[0][1]
    known = [_known(view, keys, names, dialect) for view, keys in sources]
    # UNION ALL is enough: both kinds of entity rows are made distinct afterwards.
    rows = known[0] if len(known) == 1 else exp.union(*known, distinct=False, copy=False)
    if period.every is None:
        query = _own_rows(rows, names, period, event_timestamp, dialect)
    else:
        instants = _series(period, period.every, event_timestamp, dialect)
        query = _grid(rows, names, instants, event_timestamp)
    return render(_with_zone(query, sources, event_timestamp, dialect), dialect)


def _with_zone(
    query: exp.Select, sources: Sequence[SpineSource], event_timestamp: str, dialect: str
) -> exp.Select:
    """Give the instants a zone if the event timestamps of all these views have one."""
    to_zoned = dialect_record(dialect).clock.to_zoned
    kinds = {
        view.event_timestamp.data_type and view.event_timestamp.data_type.kind
        for view, _ in sources
    }
    if to_zoned is None or kinds != {Kind.TIMESTAMPTZ}:
        return query
    at = next(node for node in query.selects if node.alias_or_name == event_timestamp)
    at.replace(exp.alias_(to_zoned(at.unalias().copy()), as_name(event_timestamp)))
    return query


SpineSource = tuple[FeatureView, tuple[str, ...]]


def _spine_sources(
    members: Sequence[ServiceMember], views: Sequence[FeatureView]
) -> Iterator[SpineSource]:
    """Yield the views that have all join keys, each with its keys in the order of the first."""
    named = [(view, member.key_names(view)) for member, view in zip(members, views, strict=True)]
    wanted = {name for _, names in named for name in names.values()}
    whole = [(view, names) for view, names in named if set(names.values()) == wanted]
    if not whole:
        raise EntityFrameError(
            "No requested view has all the join keys of the requested views:"
            f" {', '.join(sorted(wanted))}.",
            remedy="Give an entity frame with all of them.",
        )
    order = list(whole[0][1].values())
    for view, names in whole:
        own = {spine: key for key, spine in names.items()}
        yield view, tuple(own[spine] for spine in order)


def _known(
    view: FeatureView, keys: Sequence[str], names: Sequence[str], dialect: str
) -> exp.Select:
    known = plus(ceil(view.event_timestamp, dialect, "history"), view.available_after, dialect)
    query = exp.select(
        *(
            exp.alias_(column(key, "history"), as_name(name))
            for key, name in zip(keys, names, strict=True)
        ),
        named(known, KNOWN),
        copy=False,
    ).from_(relation(view.relation, dialect, "history"))
    return query.where(*not_null([*keys, view.event_timestamp.name], "history"), copy=False)


def _own_rows(
    rows: exp.Query, names: Sequence[str], period: Period, event_timestamp: str, dialect: str
) -> exp.Select:
    known = column(KNOWN, "known")
    query = exp.select(
        *(column(name, "known") for name in names),
        exp.alias_(known, as_name(event_timestamp)),
        copy=False,
    )
    query = query.distinct().from_(rows.subquery("known", copy=False))
    query = query.where(
        known.copy() >= instant_literal(period.start, dialect),
        known.copy() <= instant_literal(period.end, dialect),
        copy=False,
    )
    query.add_comments(["each entity at the instants at which its rows became known"])
    return query


def _grid(
    rows: exp.Query, names: Sequence[str], instants: exp.Select, event_timestamp: str
) -> exp.Select:
    seen = exp.select(
        *(column(name, "known") for name in names),
        exp.alias_(exp.Min(this=column(KNOWN, "known")), as_name(_FIRST_KNOWN)),
        copy=False,
    ).from_(rows.subquery("known", copy=False))
    if names:
        seen = seen.group_by(*(column(name, "known") for name in names), copy=False)
    seen.add_comments(["each entity, and the instant at which it became known"])
    at = column(event_timestamp, "instants")
    query = exp.select(*(column(name, "seen") for name in names), at, copy=False)
    query = query.from_(cte("seen")).join(
        exp.Join(this=cte("instants"), on=column(_FIRST_KNOWN, "seen") <= at.copy()), copy=False
    )
    query.add_comments(["every entity at every instant since it became known"])
    return with_ctes(query, [("seen", seen), ("instants", instants)])


def _series(period: Period, every: timedelta, name: str, dialect: str) -> exp.Select:
    if period.start == period.end:
        only = instant_literal(period.start, dialect)
        query = exp.select(exp.alias_(only, as_name(name)), copy=False)
        query.add_comments(["the requested instant"])
        return query
    functions = dialect_record(dialect).series
    if isinstance(functions, Missing):
        raise UnsupportedDialect(
            f"A series of instants is not available on {dialect} ({functions}).",
            remedy="Give an entity frame.",
        )
    bounds = [instant_literal(moment, dialect) for moment in (period.start, period.end)]
    step = _seconds(every) if functions.step_is_number else _interval(every)
    series = call(functions.of_instants, *bounds, step)
    rows = call(functions.to_rows, series) if functions.to_rows else series
    query = exp.select(exp.alias_(rows, as_name(name)), copy=False)
    query.add_comments(["the requested instants"])
    return query


def _interval(step: timedelta) -> exp.Interval:
    # The instants are naive and in UTC, so a day always has 24 hours.
    days = step // timedelta(days=1)
    if step == timedelta(days=days):
        return exp.Interval(this=exp.Literal.string(str(days)), unit=exp.var("DAY"))
    return exp.Interval(this=exp.Literal.string(_written(step)), unit=exp.var("SECOND"))


def _seconds(step: timedelta) -> exp.Cast:
    # As a decimal: a float would move the instants.
    return exp.cast(exp.Literal.string(_written(step)), "decimal(18, 6)")


def _written(step: timedelta) -> str:
    return f"{step.total_seconds():f}".rstrip("0").rstrip(".")
