"""The point-in-time join: each view's newest row that was known at the instant of an entity row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from featurestore.errors import EntityFrameError
from featurestore.registry.definitions import Column
from featurestore.sql.dialects import dialect_record, grammar, render
from featurestore.sql.dialects.own_names import OwnName
from featurestore.sql.exit_types import at_exit
from featurestore.sql.expressions import (
    EVENT,
    INSTANT,
    Named,
    both,
    column,
    cte,
    equal_keys,
    named,
    with_ctes,
)
from featurestore.sql.filled_values import filled
from featurestore.sql.history_bounds import bounded
from featurestore.sql.instants import naive
from featurestore.sql.on_demand import ENRICHED, above
from featurestore.sql.plan import Spine, TrainingPlan, ViewJoin
from featurestore.sql.strategies import Strategy, choose_strategy
from featurestore.sql.strategies.common import asked, chosen_name, counting
from featurestore.values.types import DataType

__all__ = ["entity_rows", "first_and_last", "point_in_time", "strategy_of"]

_FIRST, _LAST = OwnName("_first"), OwnName("_last")


def point_in_time(plan: TrainingPlan, strategy: str | None = None) -> str:
    """Write the statement of a training set.

    Each view is joined to the distinct keys and instants of the entity rows, and its matches are
    joined back on the same columns. So every entity row is returned exactly once, duplicates
    included.

    Args:
        plan: The training set.
        strategy: The name of the only acceptable strategy; by default the dialect's preferred one.

    Returns:
        One formatted SELECT with named CTEs and a comment on each.

    Raises:
        UnsupportedDialect: The dialect is unknown or lacks the strategy.
        EntityFrameError: The SQL of the entity rows cannot be parsed.
    """
    ctes = [_spine(plan.spine, plan.dialect)]
    for join in plan.joins:
        names = [other.name for other in plan.joins if other.asked == join.asked]
        # The first of the joins by the same keys writes their CTE, and the others read it.
        if join.name == names[0]:
            ctes.append(asked(join, names))
        ctes += _matches(plan, join, strategy_of(plan, join, strategy))
    training_set = _enriched(plan)
    if plan.on_demand:
        training_set.add_comments(["the entity rows with their features"])
        computed, result = above(plan)
        ctes += [(ENRICHED, training_set), *computed]
        training_set = result
    training_set = _ordered(training_set, plan.spine, None if plan.on_demand else "spine")
    training_set.add_comments(["the training set: every entity row exactly once"])
    settings = dialect_record(plan.dialect).join_settings
    if settings:
        listed = [exp.column(name).eq(value) for name, value in settings.items()]
        training_set.set("settings", listed)
    return render(with_ctes(training_set, ctes, _kept(plan)), plan.dialect)


def strategy_of(plan: TrainingPlan, join: ViewJoin, wanted: str | None = None) -> Strategy:
    """Return the strategy that joins a view: the wanted one, else the cheapest one."""
    return choose_strategy(
        plan.dialect, as_known=plan.as_known, wanted=wanted or join.strategy or None
    )


def _matches(plan: TrainingPlan, join: ViewJoin, strategy: Strategy) -> list[Named]:
    choice, last = counting(join, plan.dialect)
    ctes = strategy.match(choice, plan.dialect, plan.as_known)
    if plan.spine.extent is not None:
        ctes = [bounded(each, join.view, plan.spine.extent, plan.dialect) for each in ctes]
    if last is None:
        return ctes
    return [*ctes[:-1], (chosen_name(join), ctes[-1][1]), last]


def entity_rows(spine: Spine, dialect: str) -> str:
    """Write the statement of the entity rows alone, with the columns that a training set needs."""
    query = exp.select(*(column(name) for name in spine.columns), copy=False)
    return render(query.from_(_source(spine, dialect), copy=False), dialect)


def first_and_last(spine: Spine, dialect: str) -> str:
    """Write the statement that finds the first and the last instant of the entity rows."""
    instant = naive(Column(spine.event_timestamp, spine.columns[spine.event_timestamp]), dialect)
    query = exp.select(
        named(exp.Min(this=instant), _FIRST),
        named(exp.Max(this=instant.copy()), _LAST),
        copy=False,
    )
    return render(query.from_(_source(spine, dialect), copy=False), dialect)


def _kept(plan: TrainingPlan) -> dict[str, bool]:
    # ROW_NUMBER without an order may number the rows differently each time it is computed.
    numbered = {join.asked: True for join in plan.joins if join.numbered}
    if plan.spine.stored and dialect_record(plan.dialect).hints_ctes:
        return {**numbered, "spine": False}
    return numbered


def _spine(spine: Spine, dialect: str) -> Named:
    # One type for all instants: DuckDB compares TIMESTAMP with TIMESTAMPTZ through the session's
    # time zone, without an error.
    at = Column(spine.event_timestamp, spine.columns[spine.event_timestamp])
    query = exp.select(
        *(column(name) for name in spine.columns),
        *(named(_cast(*cast), name) for name, cast in spine.casts.items()),
        named(naive(at, dialect), INSTANT),
        copy=False,
    ).from_(_source(spine, dialect), copy=False)
    query.add_comments(["the entity rows, each with its instant in UTC"])
    return "spine", query


def _cast(name: str, data_type: DataType) -> exp.Expr:
    return exp.cast(column(name), str(data_type), copy=False)


def _source(spine: Spine, dialect: str) -> exp.Expr:
    if not spine.is_query:
        return exp.to_table(spine.source, dialect=grammar(dialect))
    try:
        query = parse_one(spine.source, dialect=grammar(dialect))
    except SqlglotError as error:
        reason = str(error).splitlines()[0]
        raise EntityFrameError(f"The entity frame's SQL cannot be parsed: {reason}.") from error
    if not isinstance(query, exp.Query):
        raise EntityFrameError(
            f"The entity frame's SQL must be a SELECT, got a {query.key.upper()}."
        )
    return query.subquery("entity_rows", copy=False)


def _enriched(plan: TrainingPlan) -> exp.Select:
    """Return the entity rows with their features, under the names of the result."""
    spine = plan.spine
    entity_columns = [
        _at_exit(column(name, "spine"), spine.columns[name], name, _row_of(spine), plan.dialect)
        for name in spine.own
    ]
    query = exp.select(*entity_columns, copy=False).from_(cte("spine"), copy=False)
    for numbered in {join.asked: join for join in plan.joins if join.numbered}.values():
        query = _left_join(query, numbered.asked, _on_the_keys(numbered, numbered.asked))
    for join in plan.joins:
        query = query.select(*_outputs(join, spine, plan.dialect), copy=False)
        query = _left_join(query, join.cte, _back_on_the_spine(join))
    if plan.on_demand and spine.order_by is not None:
        query = query.select(column(spine.order_by, "spine"), copy=False)
    return query


def _ordered(query: exp.Select, spine: Spine, table: str | None) -> exp.Select:
    if spine.order_by is None:
        return query
    return query.order_by(column(spine.order_by, table), copy=False)


def _left_join(query: exp.Select, name: str, conditions: Iterable[exp.Expr]) -> exp.Select:
    return query.join(exp.Join(this=cte(name), on=both(conditions), side="LEFT"), copy=False)


def _back_on_the_spine(join: ViewJoin) -> Iterable[exp.Expr]:
    if join.numbered:
        return equal_keys(join.found_by, join.asked, join.cte)
    return _on_the_keys(join, join.cte)


def _on_the_keys(join: ViewJoin, name: str) -> Iterator[exp.Expr]:
    for key, spine_key in zip(join.keys, join.spine_keys, strict=True):
        # Plain equality: a NULL key matches nothing.
        yield exp.EQ(this=column(spine_key, "spine"), expression=column(key, name))
    yield exp.EQ(this=column(INSTANT, "spine"), expression=column(INSTANT, name))


def _outputs(join: ViewJoin, spine: Spine, dialect: str) -> Iterator[exp.Expr]:
    features = {feature.name: feature for feature in join.view.features}
    row = _row_of(spine, join.spine_keys)
    for output in join.outputs:
        # `coverage` also takes a column that is not a feature.
        feature = features.get(output.feature)
        kind = feature.data_type if feature else None
        node = column(output.feature, join.cte)
        left = at_exit(node, kind, dialect, output.name, row, joined=True)
        yield _as(filled(left, feature, dialect), node, output.name)
    if join.timestamp_output is not None:
        kind = join.view.event_timestamp.data_type
        node = column(EVENT, join.cte)
        yield _at_exit(node, kind, join.timestamp_output, row, dialect, joined=True)


def _row_of(spine: Spine, keys: Sequence[str] = ()) -> dict[str, exp.Expr]:
    """Return the columns that identify an entity row in an error."""
    return {name: column(name, "spine") for name in (*keys, spine.event_timestamp)}


def _at_exit(
    node: exp.Column,
    data_type: DataType | None,
    output: str,
    row: Mapping[str, exp.Expr],
    dialect: str,
    *,
    joined: bool = False,
) -> exp.Expr:
    return _as(at_exit(node, data_type, dialect, output, row, joined=joined), node, output)


def _as(value: exp.Expr, node: exp.Column, output: str) -> exp.Expr:
    return value if value is node and node.name == output else named(value, output)
