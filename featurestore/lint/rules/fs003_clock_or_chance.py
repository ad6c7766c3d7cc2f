"""FS003: values that depend on when the model is built, or on chance."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.linted_view import Found, LintedView
from featurestore.lint.query_blocks import TraceStep, local

__all__ = ["clock_or_chance"]

_CLOCKS = tuple(
    getattr(exp, name)
    for name in (
        "CurrentDate",
        "CurrentDatetime",
        "CurrentTime",
        "CurrentTimestamp",
        "CurrentTimestampLTZ",
        "Localtime",
        "Localtimestamp",
        "UtcDate",
        "UtcTime",
        "UtcTimestamp",
    )
    if hasattr(exp, name)
)
_DICE = tuple(
    getattr(exp, name)
    for name in (
        "Normal",
        "Rand",
        "Randn",
        "Randstr",
        "Seq1",
        "Seq2",
        "Seq4",
        "Seq8",
        "Uniform",
        "Uuid",
    )
    if hasattr(exp, name)
)
_CLOCK_NAMES = frozenset(
    [
        "clock_timestamp",
        "current_localtime",
        "current_localtimestamp",
        "current_timestamp",
        "get_current_time",
        "get_current_timestamp",
        "getdate",
        "getutcdate",
        "localtime",
        "localtimestamp",
        "now",
        "now64",
        "statement_timestamp",
        "sysdate",
        "sysdatetime",
        "sysdatetimeoffset",
        "systimestamp",
        "sysutcdatetime",
        "timeofday",
        "today",
        "transaction_timestamp",
        "yesterday",
        "nowinblock",
        "utc_timestamp",
        "curdate",
        "curtime",
    ]
)
_DIE_NAMES = frozenset(
    [
        "gen_random_bytes",
        "generateuuidv4",
        "generateuuidv7",
        "newid",
        "newsequentialid",
        "rand",
        "rand64",
        "randcanonical",
        "randn",
        "random",
        "random_normal",
        "random_uuid",
        "randombytes",
        "setseed",
        "uuid",
        "uuidv4",
        "uuidv7",
        "uuid_generate_v1",
        "uuid_generate_v4",
        "uuid_generate_v7",
        "zipf",
        "monotonically_increasing_id",
    ]
)
_APPENDS = ("incremental", "snapshot")


def clock_or_chance(view: LintedView) -> Iterator[Found]:
    """Yield each call of a clock or a die that a feature, a timestamp or a filter depends on."""
    seen: set[int] = set()
    parts = (
        ("a feature depends on the clock", view.feature_steps, _is_clock),
        ("a feature is random", view.feature_steps, _is_die),
        ("the event timestamp is the clock's", _built_anew(view), _is_clock),
        ("the event timestamp is random", view.event_steps, _is_die),
        ("rows are chosen by chance", _conditions(view), _is_die),
    )
    for why, steps, fires in parts:
        for step in steps:
            for node in local(step.expression):
                if fires(node) and id(node) not in seen:
                    seen.add(id(node))
                    yield Found(node, why)
    for block in view.blocks:
        for source in block.sources.values():
            if sample := source.node.args.get("sample"):
                yield Found(sample, "rows are chosen by chance")


def _built_anew(view: LintedView) -> list[TraceStep]:
    """Return what the event timestamp is made of, unless each build only adds rows."""
    return [] if view.node.config.materialized in _APPENDS else view.event_steps


def _conditions(view: LintedView) -> Iterator[TraceStep]:
    for block in view.blocks:
        clauses = (
            "where",
            "qualify",
            "having",
            *(["order"] if block.select.args.get("limit") else []),
        )
        for clause in clauses:
            if (condition := block.select.args.get(clause)) is not None:
                yield TraceStep(block, condition)


def _is_clock(node: exp.Expr) -> bool:
    return isinstance(node, _CLOCKS) or _called(node) in _CLOCK_NAMES or _is_bare_epoch(node)


def _is_die(node: exp.Expr) -> bool:
    return isinstance(node, _DICE) or _called(node) in _DIE_NAMES


def _called(node: exp.Expr) -> str:
    return node.name.lower() if isinstance(node, exp.Anonymous) else ""


def _is_bare_epoch(node: exp.Expr) -> bool:
    """Say whether it is Spark's `unix_timestamp()`, which is the clock's without an argument."""
    return (
        isinstance(node, exp.StrToUnix)
        and not isinstance(node.this, exp.Column)
        and (isinstance(node.this, exp.CurrentTimestamp) or node.this is None)
    )
