"""FS012: a feature shows a column that is updated in place."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.column_trace import steps_behind
from featurestore.lint.linted_view import LintedView
from featurestore.lint.query_blocks import Origin, TableColumn, TraceStep, own_columns
from featurestore.lint.rule import Finding, Rule
from featurestore.lint.window_frames import is_of_current_row
from featurestore.registry.snapshot_columns import SnapshotColumns, snapshot_columns

__all__ = ["RULE"]

_COMPARISONS = (exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between)
_NAMES = frozenset(SnapshotColumns().updated_in_place)


def _updated_in_place(view: LintedView) -> Iterator[Finding]:
    snapshot = snapshot_columns(view.node)
    own = {name.lower() for name in snapshot.updated_in_place} if snapshot else set()
    for name in sorted(view.features & own):
        yield Finding(None, f"'{name}'", f"{view.view.name}:{name}")
    for step in steps_behind(view.outputs(view.features), enter=is_of_current_row):
        yield from _in_step(view, step)


def _in_step(view: LintedView, step: TraceStep) -> Iterator[Finding]:
    if not is_of_current_row(step):
        # An earlier row was closed when this one started.
        return
    for column in own_columns(step.expression):
        for _, origin in step.block.resolve(column):
            if _is_updated(view, origin) and not _is_compared(column):
                yield Finding(step.expression, _told(origin))


def _is_updated(view: LintedView, origin: Origin) -> bool:
    if not isinstance(origin, TableColumn) or origin in view.event_columns:
        # At its own instant, the end of a row is known.
        return False
    known = view.facts(origin.table).updated_in_place
    if known:
        return origin.column in known
    # By its name alone, but not where the model behind is checked itself.
    return origin.column in _NAMES and view.upstream(origin.table) is None


def _is_compared(column: exp.Column) -> bool:
    """Return whether a column is only compared with another one, as in `at < dbt_valid_to`."""
    comparison = column.find_ancestor(*_COMPARISONS)
    if comparison is None:
        return False
    return any(other is not column for other in comparison.find_all(exp.Column))


def _told(origin: Origin) -> str:
    assert isinstance(origin, TableColumn)  # noqa: S101, only those are told
    return f"dbt writes '{origin.column}' of {origin.table} into older rows"


RULE = Rule(
    code="FS012",
    name="updated-in-place",
    severity="error",
    message="a feature shows a column that is updated in place",
    remedy="Leave the column out with `feature: false`, or take its instant as event timestamp.",
    description="""
A snapshot keeps history in its rows, but not in its own columns: dbt writes `dbt_valid_to` into a
row when the row ends.
Seen at an earlier instant, the column tells what happened later: a contract that has an end is one
that was cancelled.
The rule fires if `dbt_valid_to`, `dbt_is_deleted` or `dbt_updated_at` reaches a feature, under
these names or those of the snapshot's `snapshot_meta_column_names`, also through models and
expressions.
It does not fire where the column is only compared with another one, or where it is the event
timestamp.
Declared as `valid_until`, the column ends the row, and needs no feature.
""",
    bad="""
select customer_id, dbt_valid_from as known_at, tier, dbt_valid_to is null as is_current
from customer_snapshot
""",
    good="""
select customer_id, dbt_valid_from as known_at, tier
from customer_snapshot
""",
    check=_updated_in_place,
    upstream=True,
)
