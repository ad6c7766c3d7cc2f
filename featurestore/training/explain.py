"""What a training set will find, view by view, and a plain sentence where that looks wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from featurestore.values.durations import format_duration

__all__ = ["JoinReport"]

_SUSPICIOUS = 0.5


@dataclass(frozen=True, slots=True)
class JoinReport:
    """What one view contributes to a training set.

    Every entity row is counted once: `matched + expired + missing + null_keys = entity_rows`.

    Attributes:
        view: The view's name, or its alias.
        strategy: The shape of join.
        history_rows: Rows of the view's table.
        entity_rows: Rows asked for.
        matched: Rows that get values.
        expired: Rows for which all there is, is older than the ttl.
        missing: Rows whose keys have no row that was known by then.
        null_keys: Rows without a key or a time.
        ttl: The view's ttl.
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

    @property
    def match_rate(self) -> float:
        """The share of entity rows that get values, from 0 to 1."""
        return self.matched / self.entity_rows if self.entity_rows else 0.0

    @property
    def remark(self) -> str:
        """A sentence where few rows match: the likely cause; empty where all is well.

        >>> JoinReport("v", "asof", 10, 100, 90, 0, 10, 0).remark
        ''
        >>> JoinReport("v", "asof", 0, 100, 0, 0, 100, 0).remark
        'The view has no rows: run `dbt build`.'
        """
        if not self.entity_rows:
            return "There are no entity rows."
        if not self.history_rows:
            return "The view has no rows: run `dbt build`."
        if self.match_rate >= _SUSPICIOUS:
            return ""
        cause = max(("expired", "missing", "null_keys"), key=lambda name: int(getattr(self, name)))
        share = f"{getattr(self, cause) / self.entity_rows:.0%} of the entity rows"
        return f"{share} {self._causes()[cause]}"

    def _causes(self) -> dict[str, str]:
        ttl = format_duration(self.ttl) if self.ttl is not None else "none"
        return {
            "expired": f"find only rows older than the ttl of {ttl}: is the view fresh enough?",
            "missing": "find no row that was known by then: are the keys written alike on both"
            " sides, and does the history begin before the entity rows?",
            "null_keys": "have no key or no time.",
        }
