"""FS011: a snapshot's start comes from its source, and the snapshot runs later."""

from __future__ import annotations

from collections.abc import Iterator

from featurestore.lint.linted_view import LintedView
from featurestore.lint.rule import Finding, Rule
from featurestore.registry.snapshot_columns import starts_of_source

__all__ = ["RULE"]


def _known_later(view: LintedView) -> Iterator[Finding]:
    if view.view.available_after or view.is_shifted:
        return
    if view.event in starts_of_source(view.node):
        yield Finding(None, f"'{view.event}' is the source's `{view.node.config.updated_at}`")
        return
    for column in sorted(view.event_columns, key=lambda found: (found.table, found.column)):
        if column.column in view.facts(column.table).known_later:
            yield Finding(None, f"'{view.event}' is '{column.column}' of {column.table}")
            return


RULE = Rule(
    code="FS011",
    name="snapshot-known-later",
    severity="warning",
    message="a snapshot's rows are known later than they start",
    remedy="Declare `available_after`: the longest time from `updated_at` to the end of the"
    " snapshot's run.",
    description="""
A snapshot with the strategy `timestamp` takes `dbt_valid_from` from the source's `updated_at`.
The warehouse knows the row only after the next run of the snapshot: with a nightly run up to a day
later.
So a training set sees the row earlier than the online store could.
The rule fires if the event timestamp of a view is such a start, in the snapshot itself or in a
model that reads it, and the view has no `available_after`.
With the strategy `check` and without `updated_at`, a row starts at the snapshot's own run, and the
rule does not fire.
""",
    bad="""
select product_id, dbt_valid_from as known_at, price
from price_snapshot
""",
    good="""
-- available_after: 1 day
select product_id, dbt_valid_from as known_at, price
from price_snapshot
""",
    check=_known_later,
    upstream=True,
)
