"""FS010: no test makes rows unique per key and timestamp."""

from __future__ import annotations

from collections.abc import Iterator

from featurestore.lint.linted_view import LintedView
from featurestore.lint.rule import Finding, Rule

__all__ = ["RULE"]


def _untested_grain(view: LintedView) -> Iterator[Finding]:
    """Yield once if no test, constraint or unique key lies within the keys and timestamps."""
    own = {column.name.lower() for column in view.view.columns}
    if not any(grain and grain <= own for grain in view.grains):
        keys = [key.name for key in view.view.join_keys]
        columns = ", ".join([*keys, view.view.event_timestamp.name])
        yield Finding(None, f"nothing makes ({columns}) unique")


RULE = Rule(
    code="FS010",
    name="untested-grain",
    severity="warning",
    message="no dbt test checks that a key has one row per timestamp",
    remedy="Add the data test `featurestore.unique_entity_timestamp`.",
    description="""
Two rows of one key at one instant are a tie: the join always picks the same one of them, but not
by your choice.
These count if their columns are among the keys and timestamps:

- the data tests `featurestore.unique_entity_timestamp`, `unique` and
  `dbt_utils.unique_combination_of_columns`;
- a `primary_key` or `unique` constraint of the model;
- the `unique_key` of an incremental model or a snapshot.
""",
    bad="""
-- grain: none
select customer_id, ordered_at, amount
from orders
""",
    good="""
-- grain: customer_id, ordered_at
select customer_id, ordered_at, amount
from orders
""",
    check=_untested_grain,
)
