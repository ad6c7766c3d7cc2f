"""Entity rows made from the views themselves, for when the caller brings none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlglot import exp

from featurestore.errors import EntityFrameError, UnsupportedDialect
from featurestore.registry.definitions import FeatureView, ServiceMember
from featurestore.sql.dialects import render
from featurestore.sql.expressions import (
    as_name,
    column,
    cte,
    not_null,
    relation,
    with_ctes,
)
from featurestore.sql.instants import instant, instant_literal, plus
from featurestore.values.durations import parse_duration

__all__ = ["Period", "spine_of_views"]

# The function that makes a series of instants, and the one that makes rows of it.
_SERIES = {
    "databricks": ("SEQUENCE", "EXPLODE"),
    "duckdb": ("GENERATE_SERIES", "UNNEST"),
    "postgres": ("GENERATE_SERIES", ""),
    "spark": ("SEQUENCE", "EXPLODE"),
}


@dataclass(frozen=True, slots=True)
class Period:
    """The instants at which the views are asked.

    Attributes:
        start: The first instant.
        end: The last one, inclusive.
        every: The step between them; None for the instants at which the views' own rows are known.
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
        """Read a period from what a caller gives; nothing at all means now.

        Raises:
            EntityFrameError: A part is missing, or the step is no duration.
        """
        if start is None:
            if end is not None or every is not None:
                raise EntityFrameError(
                    "A period needs its first instant.", remedy="Give start, or an entity frame."
                )
            return cls(now, now, timedelta(days=1))
        try:
            step = parse_duration(every) if isinstance(every, str) else every
        except ValueError as error:
            raise EntityFrameError(f"every={error}.") from None
        if step is not None and step <= timedelta():
            raise EntityFrameError(
                f"The step of {step} leads nowhere.", remedy="Give every='1 day'."
            )
        return cls(start, end or now, step)


def spine_of_views(
    members: Sequence[ServiceMember],
    views: Sequence[FeatureView],
    period: Period,
    event_timestamp: str,
    dialect: str,
) -> str:
    """Write the query for entity rows: every entity seen, at every instant of a period.

    An entity is asked for from the instant at which its first row is known.

    Args:
        members: What is taken of each view.
        views: The view of each member, with all types known.
        period: The instants.
        event_timestamp: The name of the time column.
        dialect: The warehouse's dialect.

    Raises:
        EntityFrameError: No view has the join keys of all, or the period ends before it starts.
        UnsupportedDialect: The dialect is not known to make a series of instants.
    """
    if period.start > period.end:
        raise EntityFrameError(f"The period ends at {period.end}, before it starts.")
    sources = list(_spine_sources(members, views))
    names = sources[0][1]
    known = [_known(view, keys, names, dialect) for view, keys in sources]
    rows = known[0] if len(known) == 1 else exp.union(*known, distinct=False, copy=False)
    query = (
        _own_rows(rows, names, period, event_timestamp, dialect)
        if period.every is None
        else _grid(rows, names, period, event_timestamp, dialect)
    )
    return render(query, dialect)


SpineSource = tuple[FeatureView, tuple[str, ...]]


def _spine_sources(
    members: Sequence[ServiceMember], views: Sequence[FeatureView]
) -> Iterator[SpineSource]:
    """Yield the views that have every join key, each with its keys in the first one's order."""
    named = [(view, member.key_names(view)) for member, view in zip(members, views, strict=True)]
    wanted = {name for _, names in named for name in names.values()}
    whole = [(view, names) for view, names in named if set(names.values()) == wanted]
    if not whole:
        raise EntityFrameError(
            "No one view has all the join keys of the views asked for:"
            f" {', '.join(sorted(wanted))}.",
            remedy="Give an entity frame that brings them together.",
        )
    order = list(whole[0][1].values())
    for view, names in whole:
        own = {spine: key for key, spine in names.items()}
        yield view, tuple(own[spine] for spine in order)


def _known(
    view: FeatureView, keys: Sequence[str], names: Sequence[str], dialect: str
) -> exp.Select:
    known = plus(instant(view.event_timestamp, dialect, "history"), view.available_after, dialect)
    query = exp.select(
        *(
            exp.alias_(column(key, "history"), as_name(name))
            for key, name in zip(keys, names, strict=True)
        ),
        exp.alias_(known, as_name("_known")),
        copy=False,
    ).from_(relation(view.relation, dialect, "history"))
    return query.where(*not_null([*keys, view.event_timestamp.name], "history"), copy=False)


def _own_rows(
    rows: exp.Query, names: Sequence[str], period: Period, event_timestamp: str, dialect: str
) -> exp.Select:
    known = column("_known", "known")
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
    rows: exp.Query, names: Sequence[str], period: Period, event_timestamp: str, dialect: str
) -> exp.Select:
    seen = exp.select(
        *(column(name, "known") for name in names),
        exp.alias_(exp.Min(this=column("_known", "known")), as_name("_first_known")),
        copy=False,
    ).from_(rows.subquery("known", copy=False))
    if names:
        seen = seen.group_by(*(column(name, "known") for name in names), copy=False)
    seen.add_comments(["each entity, and the instant from which it is known"])
    at = column(event_timestamp, "instants")
    query = exp.select(*(column(name, "seen") for name in names), at, copy=False)
    query = query.from_(cte("seen")).join(
        exp.Join(this=cte("instants"), on=column("_first_known", "seen") <= at.copy()), copy=False
    )
    query.add_comments(["every entity at every instant since it is known"])
    return with_ctes(
        query, [("seen", seen), ("instants", _series(period, event_timestamp, dialect))]
    )


def _series(period: Period, name: str, dialect: str) -> exp.Select:
    if period.start == period.end:
        only = instant_literal(period.start, dialect)
        query = exp.select(exp.alias_(only, as_name(name)), copy=False)
        query.add_comments(["the one instant asked for"])
        return query
    if dialect not in _SERIES or period.every is None:
        raise UnsupportedDialect(
            f"A series of instants is not written for the dialect '{dialect}'.",
            remedy="Give an entity frame.",
        )
    bounds = [instant_literal(moment, dialect) for moment in (period.start, period.end)]
    of_instants, of_rows = _SERIES[dialect]
    series = _call(of_instants, *bounds, _interval(period.every))
    rows = _call(of_rows, series) if of_rows else series
    query = exp.select(exp.alias_(rows, as_name(name)), copy=False)
    query.add_comments(["the instants asked for"])
    return query


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    # By its own name, so that sqlglot writes the call as it stands.
    return exp.Anonymous(this=name, expressions=list(arguments))


def _interval(step: timedelta) -> exp.Interval:
    days = step // timedelta(days=1)
    if step == timedelta(days=days):
        return exp.Interval(this=exp.Literal.string(str(days)), unit=exp.var("DAY"))
    seconds = exp.Literal.string(f"{step.total_seconds():f}".rstrip("0").rstrip("."))
    return exp.Interval(this=seconds, unit=exp.var("SECOND"))
