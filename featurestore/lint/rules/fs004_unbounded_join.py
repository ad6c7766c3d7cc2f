"""FS004: rows of another event table, joined without a bound in time."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.aggregates import aggregates, is_total
from featurestore.lint.column_trace import columns_with_sources, origins_in, steps_behind
from featurestore.lint.event_path import PathStep
from featurestore.lint.latest_versions import is_latest_version
from featurestore.lint.linted_view import LintedView
from featurestore.lint.query_blocks import Block, BlockSource, TraceStep, own_columns, own_nodes
from featurestore.lint.row_links import is_known_with_event, is_one_row, is_row_of_event
from featurestore.lint.rule import Finding, Rule
from featurestore.lint.time_bounds import UnboundedSource, joins_later_rows, unbounded_sources

__all__ = ["RULE"]


def _unbounded_joins(view: LintedView) -> Iterator[Finding]:
    """Yield each join through which rows of any time reach a feature."""
    seen = set()
    for path in view.event_paths:
        used = list(view.features_on(path))
        for place in path:
            steps = [step for at, step in used if at is place]
            above = _is_aggregated_above(path, used, place)
            for alias, unbounded in unbounded_sources(view, place).items():
                source = unbounded.source
                if id(source) in seen:
                    continue
                latest = is_latest_version(place.block, alias, source)
                if not _reaches_features(view, steps, alias, source, latest=latest):
                    continue
                aggregated = above or any(_aggregates(step, alias) for step in steps)
                if latest or _leaks(view, place.block, alias, unbounded, aggregated=aggregated):
                    seen.add(id(source))
                    yield Finding(_join_of(place.block, source), f"'{alias}' has rows of any time")


def _leaks(
    view: LintedView, block: Block, alias: str, joined: UnboundedSource, *, aggregated: bool
) -> bool:
    if is_one_row(view, block, joined.links):
        return False
    tables = view.tables_behind(joined.source)
    if is_row_of_event(view, block, joined.links):
        return aggregated and not is_known_with_event(view, view, tables)
    # A lookup of single rows is usually a join to a dimension: it leaks only if its table has
    # later rows. An aggregate over rows of any time always leaks.
    return aggregated or _may_be_later(view, block, alias, tables)


def _is_aggregated_above(
    path: list[PathStep], used: list[tuple[PathStep, TraceStep]], place: PathStep
) -> bool:
    """Return whether the rows of a block are aggregated in a block that reads it."""
    above = path[: path.index(place)]
    return any(at in above and any(aggregates(step.expression)) for at, step in used)


def _reaches_features(
    view: LintedView, steps: list[TraceStep], alias: str, source: BlockSource, *, latest: bool
) -> bool:
    has_events = latest or any(map(view.is_event_table, view.tables_behind(source)))
    if not has_events or _is_first(view, source):
        return False
    if any(is_total(view, block) for block in source.blocks):
        return False  # FS005 reports a total.
    taken = any(
        alias in {a for a, _ in columns_with_sources(step.block, step.expression)} for step in steps
    )
    return taken or any(_aggregates(step, alias) for step in steps)


def _may_be_later(view: LintedView, block: Block, alias: str, tables: set[str]) -> bool:
    """Return whether a single row of a source is, or may be, later than the event."""
    return (
        bool(tables & view.event_tables)
        or any(view.facts(table).is_history for table in tables)
        or joins_later_rows(view, block, alias)
    )


def _aggregates(step: TraceStep, alias: str) -> bool:
    """Return whether an expression aggregates rows of a source, which then has many per event."""
    for node in step.block.nodes(step.expression):
        if isinstance(node, exp.AggFunc) and not isinstance(node.parent, exp.Window):
            aliases = {a for a, _ in columns_with_sources(step.block, node)}
            # count(*) names no column: it counts the joined rows, whichever source multiplies them.
            if alias in aliases or (not aliases and isinstance(node, exp.Count)):
                return True
    return False


def _is_first(view: LintedView, source: BlockSource) -> bool:
    """Return whether a source holds the first row of each entity, which later rows don't change."""
    return any(_takes_first(view, block) for block in source.blocks)


def _takes_first(view: LintedView, block: Block) -> bool:
    orders = [
        window.args["order"]
        for step in _row_choices(block)
        for window in own_nodes(step)
        if isinstance(window, exp.Window) and window.args.get("order") is not None
    ]
    if block.select.args.get("distinct") is not None and block.select.args.get("order"):
        # DISTINCT ON sorts by its keys first.
        orders.append(block.select.args["order"])
    return any(_is_ascending(view, block, order) for order in orders)


def _row_choices(block: Block) -> Iterator[exp.Expr]:
    for clause in ("qualify", "where"):
        if (condition := block.select.args.get(clause)) is not None:
            yield condition
            yield from (step.expression for step in steps_behind(origins_in(block, condition)))


def _is_ascending(view: LintedView, block: Block, order: exp.Expr) -> bool:
    return not any(
        item.args.get("desc") and any(view.may_be_time(block, c) for c in own_columns(item))
        for item in order.expressions
    )


def _join_of(block: Block, source: BlockSource) -> exp.Expr:
    joins: list[exp.Expr] = block.select.args.get("joins") or []
    return next((join for join in joins if join.this is source.node), source.node)


RULE = Rule(
    code="FS004",
    name="unbounded-join",
    severity="error",
    message="rows of another event table are joined without a bound in time",
    remedy="Add a condition such as `other.happened_at <= this.event_at` to the join.",
    description="""
Joined on the entity alone, an order of March meets the page views of June.
A bound is any comparison of the two times that keeps later rows out: in the join, in WHERE, or in a
`case` or `filter` of the aggregate. An ASOF join has a bound if it looks back.
A difference without its sign, such as `abs(date_diff(...)) < 7`, is not a bound.
The present state of a snapshot (`dbt_valid_to is null`) and the latest version of a history
(`where is_most_recent_record`) were not the state at the event: join by their validity.
The current row of a history, stamped with its start, has no later versions: a join to its own
versions by its key is fine.
A second key, such as a tenant or a country, is not a bound.
A join on an event's own id (`order_id` of `orders`, or a unique column) and a join to a dimension
without times are fine; rows that follow an event, such as the payments of an order, are not if they
are aggregated.
""",
    bad="""
select o.customer_id, o.ordered_at, count(v.url) as views
from orders o
left join page_views v on v.customer_id = o.customer_id
group by o.customer_id, o.ordered_at
""",
    good="""
select o.customer_id, o.ordered_at, count(v.url) as views
from orders o
left join page_views v
    on v.customer_id = o.customer_id
    and v.viewed_at <= o.ordered_at
group by o.customer_id, o.ordered_at
""",
    check=_unbounded_joins,
    upstream=True,
)
