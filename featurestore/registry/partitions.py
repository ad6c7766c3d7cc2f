"""Whether the partitions of a view's table can be skipped: what dbt's `partition_by` says of them.

Statements bound the event timestamp. A column that is computed from it is not bounded, also where
the SQL of the model says so: rows of an incremental table may be older than that SQL, and a bound
would leave them out without a word.
Source: https://docs.getdbt.com/reference/resource-configs/bigquery-configs
"""

from __future__ import annotations

from collections.abc import Iterator

from featurestore.errors import Problem
from featurestore.project.nodes import Node
from featurestore.registry.definitions import FeatureView

__all__ = ["partition_problems"]

_BILLED_BY_BYTES = "bigquery"
_INGESTION = "time_ingestion_partitioning"


def partition_problems(node: Node, view: FeatureView, dialect: str) -> Iterator[Problem]:
    """Yield a problem if the table of a view is partitioned by another column than its instants.

    It is an error if the table demands a filter on its partitions: then the warehouse refuses every
    statement.

    Args:
        node: The model.
        view: Its feature view.
        dialect: The warehouse's dialect; only on BigQuery are partitions all that can be skipped.
    """
    declared = node.config.partition_by
    if dialect != _BILLED_BY_BYTES or not isinstance(declared, dict):
        return
    event, column = view.event_timestamp.name, str(declared.get("field") or "")
    by_ingestion = bool(declared.get(_INGESTION))
    if not by_ingestion and column.lower() == event.lower():
        return
    is_demanded = bool(node.config.require_partition_filter)
    what = "the time of ingestion" if by_ingestion else f"'{column}'"
    effect = (
        "and demands a filter on that (require_partition_filter): BigQuery refuses every statement"
        if is_demanded
        else "so every statement reads, and bills, all of its partitions"
    )
    another = ", or remove `require_partition_filter`" if is_demanded else ""
    yield Problem(
        view.path,
        view.name,
        f"its table is partitioned by {what}, not by the event timestamp '{event}', {effect}.",
        f"Write `partition_by: {{field: {event}, data_type: timestamp, granularity: day}}`, with"
        f" the column's own type{another}.",
        severity="error" if is_demanded else "warning",
    )
