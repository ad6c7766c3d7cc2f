"""The record of a dialect: everything about which dialects disagree and that statements need.

To add a dialect, write one file in this room that holds one record, and list it in `__init__.py`.
A missing field is an error, so a new record states every ability: either how the dialect has it,
or a `Missing` that says whether the engine cannot do it or we have not written it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum

from sqlglot import exp

from featurestore.values.missing import Missing
from featurestore.values.types import DataType, Kind

__all__ = [
    "Clock",
    "Dialect",
    "Exit",
    "InstantSeries",
    "JoinShape",
    "Nanoseconds",
    "Rates",
    "SortKeys",
]

SortKeys = Callable[[exp.Expr], list[exp.Expr]]
"""Return the expressions to sort by in place of a column."""


class JoinShape(Enum):
    """A way to find the newest row; `featurestore.sql.strategies` has one emitter per shape."""

    ASOF = "an ASOF join with an inequality in ON"
    KEYED_ASOF = "an ASOF join that needs at least one key"
    MATCH_CONDITION = "an ASOF join with a MATCH_CONDITION clause"
    LATERAL = "a LATERAL subquery for each key and instant"
    UNION = "a running maximum over the history and the requested instants in one sort"
    UNION_OF_STRUCTS = "the last row, as a struct, in one sort with the requested instants"
    INTERVAL = "a range join with the period in which each row is the newest"
    WINDOW = "a window function over all rows known by then"


class NewestRows(Enum):
    """A way to find the newest row of each entity."""

    GROUPED = "the newest instant by GROUP BY, and a join with the history that decides ties"
    RANKED = "a rank over all rows known by then, in one pass"
    DISTINCT_ON = "DISTINCT ON, in one pass"


@dataclass(frozen=True, slots=True)
class Nanoseconds:
    """How a dialect rounds a naive timestamp with nanoseconds to whole microseconds.

    Attributes:
        floor: Rounds towards the past, before 1970 too.
        ceil: Rounds towards the future.
        clamp: Moves an instant that such a timestamp cannot hold to the nearest one that it can;
            None where the engine compares the two.
        zoned: Converts a timestamp with a zone as `Clock.zoned` does, with all its digits; None if
            `Clock.zoned` keeps them.
    """

    floor: Callable[[exp.Expr], exp.Expr]
    ceil: Callable[[exp.Expr], exp.Expr]
    clamp: Callable[[exp.Expr], exp.Expr] | None = None
    zoned: Callable[[exp.Expr], exp.Expr] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How a dialect writes instants: always timestamps without a zone that hold UTC.

    No function of a clock may depend on the session's time zone.

    Attributes:
        naive: Converts a timestamp without a zone, a date or text to a timestamp without a zone.
        zoned: Converts a timestamp with a zone to one without, in UTC.
        to_zoned: The reverse of `zoned`; None if the dialect lacks a way that is independent of the
            session's time zone.
        literals: How it writes the text of a naive timestamp in UTC as a literal of a type, by the
            type or its variant; types that are not listed take `naive`.
        held: The first and the last instant that its types hold.
        shift: Moves a timestamp by a duration, which may be negative.
        finest: The unit of the durations that `shift` can write exactly; others are refused.
        nanoseconds: How it rounds finer timestamps, if its own cast rounds to the nearest; None if
            it has none, or keeps and compares all their digits.
        is_finite: The condition that a timestamp or a date is not an infinity; None if the dialect
            has no infinite ones.
    """

    naive: Callable[[exp.Expr], exp.Expr]
    zoned: Callable[[exp.Expr], exp.Expr]
    shift: Callable[[exp.Expr, timedelta], exp.Expr]
    finest: timedelta = timedelta(microseconds=1)
    nanoseconds: Nanoseconds | None = None
    to_zoned: Callable[[exp.Expr], exp.Expr] | None = None
    literals: Mapping[str, Callable[[str], exp.Expr]]
    held: tuple[datetime, datetime] = (
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    )
    is_finite: Callable[[exp.Expr], exp.Expr] | None = None


@dataclass(frozen=True, slots=True)
class InstantSeries:
    """The functions that make one row for each instant of a period.

    Attributes:
        of_instants: The function of the first instant, the last one and the step.
        to_rows: The function that turns its result into rows; empty if the result is rows already.
        step_is_number: Whether the step is a number of seconds, not an interval.
    """

    of_instants: str
    to_rows: str = ""
    step_is_number: bool = False


@dataclass(frozen=True, slots=True)
class Exit:
    """How values of one type leave the warehouse.

    Attributes:
        data_type: Their type outside.
        refused: Returns the condition that a value has no form outside; None if all have one.
    """

    data_type: DataType
    refused: Callable[[exp.Expr], exp.Expr] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What the shapes of join cost on an engine, measured.

    The unit is the time in which the preferred shape sorts one row of the history. A pair is a
    requested instant and a row of its key.

    Attributes:
        asked: The cost of an entity row in the preferred shape.
        pair_seen: The cost of a pair that the window reads.
        pair_ranked: The further cost of a pair that it ranks.
        scanned: The cost of a row of the history that the window reads.
        ranked_for: The cost of an entity row for which the window ranks.
        replaced: The cost of a row of the history in the interval form, which finds the row that
            replaces it; None if that form is never the cheapest.
        covered: The cost of an entity row in the interval form.
        pair_covered: The cost of a pair in the interval form.
        looked_up: The cost of an entity row that LATERAL finds through an index; None if the
            dialect has no LATERAL.
        sorted_by_index: The cost of a row of the history, if an index has its order.
    """

    asked: float
    pair_seen: float
    pair_ranked: float
    scanned: float = 0.0
    ranked_for: float = 0.0
    replaced: float | None = None
    covered: float = 0.0
    pair_covered: float = 0.0
    looked_up: float | None = None
    sorted_by_index: float = 1.0


def _unchanged(tree: exp.Expr) -> None:
    """Leave a tree as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One dialect of SQL.

    Attributes:
        name: The name, as dbt's manifest gives it in `adapter_type`.
        grammar: The dialect whose grammar sqlglot reads and writes.
        shapes: The join shapes that it can run, in order of preference.
        missing_shapes: Why it lacks the others. The three kinds of ASOF join count as one, and so
            do the two kinds of union.
        rates: What its shapes cost; None if the preferred one is always taken.
        clock: How it writes instants.
        newest_rows: The fastest way to find the newest row of each entity.
        sort_keys: What to sort by, for the kinds of values that it does not sort like DuckDB, so
            that ties are decided alike on all engines.
        arrays_sort_as_elements: Whether the sort key of an element also serves for an array.
        lone_sort_keys: The kinds of values that the engine may change if they are all that a window
            sorts by.
        reads_texts: Whether `query('select ...')` and `query_table('t')` read what a text names.
        exits: The types that leave the warehouse as another type, by `DataType.variant`.
        outer_joins_spoil_arrays: Whether an outer join may damage arrays of a fixed size, which
            then pass it as lists.
        series: The functions for a series of instants, from which entity rows are generated.
        numbered_from: From how many joins that share their keys it pays to number the keys. The
            engine must have a way to compute a common table expression exactly once.
        hints_ctes: Whether a common table expression may be MATERIALIZED or NOT MATERIALIZED.
        longest_name: The bytes of a name after which the engine cuts it off without an error; None
            if it keeps or refuses a longer name.
        join_settings: The settings that the statement of a training set needs.
        respell: Changes a finished tree in place before it becomes text. Our own identifiers have
            `meta["is_word"]`, which is True for plain lower-case words. Identifiers without it
            come from the caller's SQL and must not change.
        local_files: The table functions that read files of this machine, by suffix.
        distinct: The template of the aggregate that counts different values of `{x}`.
        quantiles: The aggregate that returns all quantiles of an expression as one array: a
            function of the expression's SQL and the evenly spaced points between 0 and 1.
        sample: The template of a FROM item that reads `{percent}` % of `{table}`.
    """

    name: str
    grammar: str
    shapes: tuple[JoinShape, ...]
    missing_shapes: Mapping[JoinShape, Missing]
    rates: Rates | None = None
    clock: Clock
    newest_rows: NewestRows
    sort_keys: Mapping[Kind, SortKeys] = field(default_factory=dict)
    arrays_sort_as_elements: bool = False
    lone_sort_keys: frozenset[Kind] = frozenset()
    reads_texts: bool = False
    exits: Mapping[str, Exit] = field(default_factory=dict)
    outer_joins_spoil_arrays: bool = False
    series: InstantSeries | Missing
    numbered_from: int | Missing
    hints_ctes: bool = False
    longest_name: int | None = None
    join_settings: Mapping[str, int] = field(default_factory=dict)
    respell: Callable[[exp.Expr], None] = _unchanged
    local_files: Mapping[str, str] | Missing
    distinct: str = "APPROX_COUNT_DISTINCT({x})"
    quantiles: Callable[[str, Sequence[float]], str] | Missing
    sample: str | Missing
