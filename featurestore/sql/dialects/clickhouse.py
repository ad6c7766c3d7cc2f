"""ClickHouse: instants only, NULL as an option, and an ASOF join that needs a key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlglot import exp

from featurestore.sql.dialects.calls import call, nan_first, utc, written_by
from featurestore.sql.dialects.record import (
    Clock,
    Dialect,
    InstantSeries,
    JoinShape,
    Nanoseconds,
    NewestRows,
    Rates,
)
from featurestore.sql.dialects.shifts import add_interval, moved
from featurestore.values.missing import Missing
from featurestore.values.types import Kind

__all__ = ["CLICKHOUSE"]


def _quantiles(x: str, points: Sequence[float]) -> str:
    return f"quantiles({', '.join(f'{point:g}' for point in points)})({x})"


def _naive(node: exp.Expr) -> exp.Expr:
    # Every DateTime is an instant; the zone only says how to print it.
    return call("toDateTime64", node, exp.convert(6), utc())


def _instant_literal(text: str) -> exp.Expr:
    return _naive(exp.Literal.string(text))


def _date_literal(text: str) -> exp.Expr:
    # Not a Date, which begins in 1970: an earlier day would become another one.
    return call("toDate32", exp.Literal.string(text[:10]))


def _floor(node: exp.Expr) -> exp.Expr:
    # Before 1970, toDateTime64 alone rounds to the nearest.
    return _naive(call("toStartOfMicrosecond", node))


def _ceil(node: exp.Expr) -> exp.Expr:
    almost = exp.Interval(this=exp.Literal.string("999"), unit=exp.var("NANOSECOND"))
    return _floor(exp.Add(this=node, expression=almost))


def _already_utc(node: exp.Expr) -> exp.Expr:
    return node


def _shift(node: exp.Expr, duration: timedelta) -> exp.Expr:
    """Write days as hours, because a DAY follows the calendar of the column's zone."""
    if duration % timedelta(days=1):
        return add_interval(node, duration)
    return moved(node, duration, str(abs(duration) // timedelta(hours=1)), "HOUR")


def _name_columns(query: exp.Expr) -> None:
    """Give each column an alias.

    ClickHouse calls a column that two joined tables have `history.tailnum`, with the dot.
    """
    for select in query.find_all(exp.Select):
        for node in select.selects:
            # Without the mark, the column belongs to the caller's query, which must not change.
            if isinstance(node, exp.Column) and node.table and "is_word" in node.this.meta:
                node.replace(exp.alias_(node.copy(), node.this.copy()))


def _read_history_first(query: exp.Expr) -> None:
    """Write an inner join of the history with what it is looked up by, in this order.

    ClickHouse builds its hash table of the second table, and of two common table expressions it
    does not know the smaller one.
    """
    for select in query.find_all(exp.Select):
        source, joins = select.args.get("from_"), select.args.get("joins") or []
        if source is None or len(joins) != 1:
            continue
        (join,) = joins
        if _is_own(join.this, "history") and not (join.method or join.side or join.kind):
            first, second = source.this, join.this
            source.set("this", second.copy())
            join.set("this", first.copy())


def _is_own(table: exp.Expr, alias: str) -> bool:
    # The alias of a subquery is a bare identifier.
    found = table.args.get("alias")
    name = found.this if isinstance(found, exp.TableAlias) else found
    return isinstance(name, exp.Identifier) and name.name == alias and "is_word" in name.meta


def _respell(query: exp.Expr) -> None:
    _read_history_first(query)
    _name_columns(query)


CLICKHOUSE = Dialect(
    name="clickhouse",
    grammar="clickhouse",
    # The union comes before the window: for 10,000 entity rows on 500,000 rows of 1,000 keys it
    # takes 0.3 seconds of CPU, and the window 1.6.
    shapes=(JoinShape.KEYED_ASOF, JoinShape.UNION, JoinShape.WINDOW),
    missing_shapes={
        JoinShape.INTERVAL: Missing("its ASOF join does the same, faster"),
        JoinShape.LATERAL: Missing("ClickHouse has no LATERAL join", engine_cannot=True),
    },
    # Measured on ClickHouse 26: 500,000 and a million rows of 500 to 50,000 keys, 5,000 to 300,000
    # entity rows. The unit is 0.6 microseconds of CPU.
    rates=Rates(asked=2.8, pair_seen=0.1, pair_ranked=1.0, scanned=0.15, ranked_for=2.5),
    newest_rows=NewestRows.GROUPED,
    clock=Clock(
        naive=_naive,
        zoned=_already_utc,
        shift=_shift,
        literals={"timestamptz": _instant_literal, "date": _date_literal},
        held=(datetime(1900, 1, 1, tzinfo=UTC), datetime(2299, 12, 31, tzinfo=UTC)),
        nanoseconds=Nanoseconds(_floor, _ceil),
    ),
    sort_keys={
        **dict.fromkeys((Kind.FLOAT32, Kind.FLOAT64), nan_first("isNaN")),
        # ClickHouse sorts a UUID by its second half first.
        Kind.UUID: written_by("toString"),
    },
    series=InstantSeries("timeSeriesRange", "arrayJoin", step_is_number=True),
    numbered_from=Missing("ClickHouse has no hint to compute a CTE only once", engine_cannot=True),
    # By default an outer join fills missing values with 0 or an empty text instead of NULL.
    join_settings={"join_use_nulls": 1},
    respell=_respell,
    local_files=Missing("the server does not see the files of this machine", engine_cannot=True),
    distinct="uniq({x})",
    quantiles=_quantiles,
    # Its SAMPLE needs a table with a sampling key.
    sample="(SELECT * FROM {table} WHERE randCanonical() * 100 < {percent})",
)
