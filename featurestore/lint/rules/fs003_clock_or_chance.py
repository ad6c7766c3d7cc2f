"""FS003: values that depend on the time of the build, or on chance."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.linted_view import LintedView
from featurestore.lint.query_blocks import TraceStep
from featurestore.lint.rule import Finding, Rule

__all__ = ["RULE"]

_CLOCK_NODES = """
    CurrentDate CurrentDatetime CurrentTime CurrentTimestamp CurrentTimestampLTZ Localtime
    Localtimestamp UtcDate UtcTime UtcTimestamp
"""
_RANDOM_NODES = "Normal Rand Randn Randstr Seq1 Seq2 Seq4 Seq8 Uniform Uuid"
_CLOCK_FUNCTIONS = """
    clock_timestamp current_localtime current_localtimestamp current_timestamp get_current_time
    get_current_timestamp getdate getutcdate localtime localtimestamp now now64
    statement_timestamp sysdate sysdatetime sysdatetimeoffset systimestamp sysutcdatetime
    timeofday today transaction_timestamp yesterday nowinblock utc_timestamp curdate curtime
"""
_RANDOM_FUNCTIONS = """
    gen_random_bytes generateuuidv4 generateuuidv7 newid newsequentialid rand rand64
    randcanonical randn random random_normal random_uuid randombytes setseed uuid uuidv4 uuidv7
    uuid_generate_v1 uuid_generate_v4 uuid_generate_v7 zipf monotonically_increasing_id
"""
# By name, because an older sqlglot lacks some of the classes.
_CLOCKS = tuple(getattr(exp, name) for name in _CLOCK_NODES.split() if hasattr(exp, name))
_RANDOM = tuple(getattr(exp, name) for name in _RANDOM_NODES.split() if hasattr(exp, name))
_CLOCK_NAMES = frozenset(_CLOCK_FUNCTIONS.split())
_RANDOM_NAMES = frozenset(_RANDOM_FUNCTIONS.split())
_ADDS_ROWS = ("incremental", "snapshot")


def _clocks_and_chance(view: LintedView) -> Iterator[Finding]:
    seen: set[int] = set()
    parts = (
        ("a feature depends on the clock", view.feature_steps, _is_clock),
        ("a feature is random", view.feature_steps, _is_random),
        ("the event timestamp is the clock's", _rebuilt_event_steps(view), _is_clock),
        ("the event timestamp is random", view.event_steps, _is_random),
        ("rows are chosen by chance", _conditions(view), _is_random),
    )
    for why, steps, fires in parts:
        for step in steps:
            for node in step.block.nodes(step.expression):
                if fires(node) and id(node) not in seen:
                    seen.add(id(node))
                    yield Finding(node, why)
    for block in view.blocks:
        for source in block.sources.values():
            if sample := source.node.args.get("sample"):
                yield Finding(sample, "rows are chosen by chance")


def _rebuilt_event_steps(view: LintedView) -> list[TraceStep]:
    """Return the event timestamp's expressions; none if a build only adds rows."""
    return [] if view.node.config.materialized in _ADDS_ROWS else view.event_steps


def _conditions(view: LintedView) -> Iterator[TraceStep]:
    for block in view.blocks:
        # ORDER BY chooses rows only where LIMIT cuts off the others.
        order = ["order"] if block.select.args.get("limit") else []
        for clause in ("where", "qualify", "having", *order):
            if (condition := block.select.args.get(clause)) is not None:
                yield TraceStep(block, condition)


def _is_clock(node: exp.Expr) -> bool:
    return isinstance(node, _CLOCKS) or _called(node) in _CLOCK_NAMES or _is_epoch_now(node)


def _is_random(node: exp.Expr) -> bool:
    return isinstance(node, _RANDOM) or _called(node) in _RANDOM_NAMES


def _called(node: exp.Expr) -> str:
    return node.name.lower() if isinstance(node, exp.Anonymous) else ""


def _is_epoch_now(node: exp.Expr) -> bool:
    """Return whether a node is Spark's `unix_timestamp()`, the clock if it has no argument."""
    return (
        isinstance(node, exp.StrToUnix)
        and not isinstance(node.this, exp.Column)
        and (isinstance(node.this, exp.CurrentTimestamp) or node.this is None)
    )


RULE = Rule(
    code="FS003",
    name="clock-or-chance",
    severity="error",
    message="a value depends on when or how often the model is built",
    remedy="Compute it from the row's own timestamp, or leave the column out of the features.",
    description="""
`current_timestamp`, `now()`, `random()`, `uuid()` and similar functions give another value at each
build, so a rebuild rewrites history, and training does not see the values that were served.
A clock in a filter (`where ordered_at <= current_timestamp`) is fine, and so is a column that is
not a feature.
A clock as event timestamp is fine only in an incremental model or a snapshot, where a build adds
rows.
""",
    bad="""
select customer_id, ordered_at, date_diff('day', ordered_at, current_date) as days_ago
from orders
""",
    good="""
select
    customer_id,
    ordered_at,
    date_diff(
        'day', lag(ordered_at) over (partition by customer_id order by ordered_at), ordered_at
    ) as days_since_previous
from orders
""",
    check=_clocks_and_chance,
    upstream=True,
)
