"""How dbt changes the table of a model, as far as its config promises it.

Sources: https://docs.getdbt.com/docs/build/incremental-strategy and
https://docs.getdbt.com/docs/build/incremental-microbatch
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from featurestore.project.nodes import NodeConfig

__all__ = ["ChangePattern", "TableChanges", "table_changes"]

_INCREMENTAL = "incremental"
_DEFAULT_LOOKBACK = 1


class ChangePattern(StrEnum):
    """What a run of dbt leaves as it is."""

    APPEND = "append"
    """Every row: a run only adds rows."""
    MICROBATCH = "microbatch"
    """Every row with an event before the batches that a run replaces."""


@dataclass(frozen=True, slots=True)
class TableChanges:
    """The rows of a table that a run of dbt may change.

    Attributes:
        pattern: What a run leaves as it is.
        batch: The length of a microbatch: hour, day, month or year.
        lookback: The microbatches before the current one that a run replaces too.
    """

    pattern: ChangePattern
    batch: str = ""
    lookback: int = 0

    def oldest_replaced(self, moment: datetime) -> datetime:
        """Return the start of the oldest microbatch that a run at a moment replaces.

        >>> changes = TableChanges(ChangePattern.MICROBATCH, "month", 2)
        >>> changes.oldest_replaced(datetime(2024, 1, 31, 7, tzinfo=UTC)).isoformat()
        '2023-11-01T00:00:00+00:00'
        """
        start = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        if self.batch == "hour":
            return start - timedelta(hours=self.lookback)
        if self.batch == "day":
            return start.replace(hour=0) - timedelta(days=self.lookback)
        months = self.lookback * (12 if self.batch == "year" else 1)
        first = start.replace(hour=0, day=1, month=1 if self.batch == "year" else start.month)
        year, month = divmod(first.year * 12 + first.month - 1 - months, 12)
        return first.replace(year=year, month=month + 1)


def table_changes(config: NodeConfig, event: str, created: str | None) -> TableChanges | None:
    """Return how dbt changes a model's table; None if its config promises nothing.

    Args:
        config: The model's config.
        event: The view's event timestamp. The `event_time` of a microbatch model must be the same.
        created: The view's created timestamp; without one, added rows cannot be told from others.
    """
    if config.materialized != _INCREMENTAL:
        return None
    if config.incremental_strategy == ChangePattern.APPEND and created:
        return TableChanges(ChangePattern.APPEND)
    is_microbatch = config.incremental_strategy == ChangePattern.MICROBATCH
    if is_microbatch and config.event_time == event and config.batch_size in _BATCHES:
        lookback = _DEFAULT_LOOKBACK if config.lookback is None else config.lookback
        return TableChanges(ChangePattern.MICROBATCH, str(config.batch_size), lookback)
    return None


_BATCHES = ("hour", "day", "month", "year")
