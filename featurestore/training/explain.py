"""The number of rows that each view contributes to a training set, and likely mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from featurestore.sql.history_bounds import Extent, reach
from featurestore.sql.plan import TrainingPlan
from featurestore.sql.point_in_time import strategy_of
from featurestore.values.durations import format_duration
from featurestore.warehouse.planned_reads import PlannedRead

__all__ = ["JoinReport", "join_reports"]

_SUSPICIOUS = 0.5
"""The match rate below which a report has a remark: most entity rows get no value."""


@dataclass(frozen=True, slots=True)
class JoinReport:
    """The contribution of one view to a training set.

    Every entity row is counted once: `matched + expired + missing + null_keys = entity_rows`.

    Attributes:
        view: The view's name, or its alias.
        strategy: The shape of join.
        history_rows: The rows of the view's table.
        entity_rows: The entity rows of the request.
        matched: The entity rows that get values.
        expired: The entity rows whose newest row is older than the ttl, or has ended.
        missing: The entity rows without any row that was known at their instant.
        null_keys: The entity rows without a key or a timestamp.
        ttl: The view's ttl.
        ends: Whether rows have an end of validity.
        first_read: The first event timestamp that a statement on these entity rows reads, in UTC;
            None if it reads the history from its start.
        last_read: The last one; None if it reads the history to its end.
        defaults: The declared defaults that entity rows without a value get, by feature.
        statement_rows: The rows that the whole statement reads, all views together, as the engine
            estimates it; None if the engine does not tell.
        statement_bytes: The bytes that it reads, likewise.
    """

    view: str
    strategy: str
    history_rows: int
    entity_rows: int
    matched: int
    expired: int
    missing: int
    null_keys: int
    ttl: timedelta | None = None
    ends: bool = False
    first_read: datetime | None = None
    last_read: datetime | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    statement_rows: int | None = None
    statement_bytes: int | None = None

    @property
    def match_rate(self) -> float:
        """The share of entity rows that get values, from 0 to 1."""
        return self.matched / self.entity_rows if self.entity_rows else 0.0

    @property
    def remark(self) -> str:
        """The likely cause if less than half of the entity rows match, else an empty text.

        >>> JoinReport("v", "asof", 10, 100, 90, 0, 10, 0).remark
        ''
        >>> JoinReport("v", "asof", 0, 100, 0, 0, 100, 0).remark
        'The view has no rows: run `dbt build`.'
        """
        if not self.entity_rows:
            return "The request has no entity rows."
        if not self.history_rows:
            return "The view has no rows: run `dbt build`."
        if self.match_rate >= _SUSPICIOUS:
            return ""
        cause = max(("expired", "missing", "null_keys"), key=lambda name: int(getattr(self, name)))
        share = f"{getattr(self, cause) / self.entity_rows:.0%} of the entity rows"
        return f"{share} {self._causes()[cause]}"

    def _causes(self) -> dict[str, str]:
        over = [f"are older than the ttl of {format_duration(self.ttl)}"] if self.ttl else []
        over += ["have ended"] if self.ends else []
        return {
            "expired": f"find only rows that {' or '.join(over)}: is the view fresh enough?",
            "missing": "find no row that was known by then: do both sides write the keys alike,"
            " and does the history begin before the entity rows?",
            "null_keys": "have a NULL key or a NULL timestamp.",
        }


def join_reports(
    plan: TrainingPlan,
    strategy: str | None,
    counts: Mapping[str, int],
    planned: PlannedRead,
) -> list[JoinReport]:
    """Return a report for each view of a plan.

    Args:
        plan: The training set, as the statement of the counts ran it.
        strategy: The shape of join that the caller insists on.
        counts: The result row of `sql.coverage`.
        planned: What the statement of the training set reads.
    """
    reports = (_report(plan, strategy, counts, number) for number in range(len(plan.joins)))
    return [
        replace(report, statement_rows=planned.rows, statement_bytes=planned.size)
        for report in reports
    ]


def _report(
    plan: TrainingPlan, strategy: str | None, counts: Mapping[str, int], number: int
) -> JoinReport:
    join, rows = plan.joins[number], counts["entity_rows"]
    found, expired = counts[f"found_{number}"], counts[f"expired_{number}"]
    read = reach(join.view, plan.spine.extent or Extent())
    null_keys = counts[f"null_keys_{number}"]
    return JoinReport(
        view=join.name,
        strategy=strategy_of(plan, join, strategy).name,
        history_rows=counts[f"history_{number}"],
        entity_rows=rows,
        matched=found - expired,
        expired=expired,
        missing=rows - found - null_keys,
        null_keys=null_keys,
        ttl=join.view.ttl,
        ends=join.view.valid_until is not None,
        first_read=read.first,
        last_read=read.last,
        defaults=join.defaults,
    )
