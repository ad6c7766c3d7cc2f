"""How each view stands: fresh in the warehouse, published in time, both sides agreed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from featurestore.errors import DefinitionProblems, RelationNotBuilt, UnsupportedOnlineType
from featurestore.registry.definitions import FeatureView, Freshness
from sync.redis.stored_rows import key_of, sampled_memory
from sync.row_counts import newest_event, published_facts
from sync.safety.diagnosis import Condition
from sync.safety.lock import lock_key
from sync.selection import chosen_views, publication_of, undeclared
from sync.survey import Survey
from sync.warehouse.publication import Publication

__all__ = ["Level", "StatusReport", "ViewStatus", "status_of"]


class Level(StrEnum):
    """How bad it is, in dbt's own words."""

    PASS = "pass"  # noqa: S105, no password
    WARN = "warn"
    ERROR = "error"


_LEVELS = {
    Condition.NEVER: Level.ERROR,
    Condition.LOST: Level.ERROR,
    Condition.FOREIGN: Level.ERROR,
    Condition.BROKEN: Level.ERROR,
    Condition.INTERRUPTED: Level.WARN,
    Condition.CHANGED: Level.WARN,
    Condition.UNDECLARED: Level.WARN,
}
"""An error where readers get nothing or another's rows, a warning where a sync will do."""


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """How one view stands.

    Attributes:
        view: The feature view.
        state: Whether both sides agree on what was published.
        level: How bad it all is.
        reason: What is wrong, in a sentence.
        newest_event: The newest event that is known by now, expired or not.
        age: How old it is: the freshness in the warehouse.
        as_of: The moment of which Redis holds the newest rows.
        lag: How long ago that is.
        newest_is_online: Whether the newest event, if it has not expired, is online.
        rows: Rows in the warehouse's table of what was published.
        memory: About how many bytes of the server's memory they take, by a sample.
        synced_at: The clock when the last sync of the view had finished.
        next_expiry: When the next of the rows outlives the view's ttl.
    """

    view: str
    state: Condition
    level: Level = Level.PASS
    reason: str = ""
    newest_event: datetime | None = None
    age: timedelta | None = None
    as_of: datetime | None = None
    lag: timedelta | None = None
    newest_is_online: bool | None = None
    rows: int | None = None
    memory: int | None = None
    synced_at: datetime | None = None
    next_expiry: datetime | None = None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """How a project stands.

    Attributes:
        project: The dbt project.
        now: The moment at which the store stands.
        running: The sync that is at work; empty if there is none.
        views: One status per view.
    """

    project: str
    now: datetime
    running: str
    views: tuple[ViewStatus, ...]

    @property
    def level(self) -> Level:
        """The worst of the views' levels."""
        return max((view.level for view in self.views), key=list(Level).index, default=Level.PASS)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON; durations are seconds."""
        plain = {**asdict(self), "level": self.level}
        plain["views"] = [_in_seconds(view) for view in plain["views"]]
        return plain


def _in_seconds(view: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{name}_seconds" if name in ("age", "lag") else name: (
            value.total_seconds() if isinstance(value, timedelta) else value
        )
        for name, value in view.items()
    }


def status_of(
    survey: Survey, *, views: Sequence[str] | None = None, limits: Freshness
) -> StatusReport:
    """Look at every view; nothing is written.

    Args:
        survey: Both sides.
        views: The views to look at; by default every one that is `online`, or was published.
        limits: The ages that are too old, for views that declare none themselves.
    """
    chosen = chosen_views(survey.registry, views)
    statuses = [_judged(survey, view, limits) for view in chosen]
    if views is None:
        names = [view.name for view in chosen]
        others = undeclared(survey.client, survey.state, survey.project, names)
        statuses += [_leftover(view) for view in others]
    return StatusReport(survey.project, survey.now, _running(survey), tuple(statuses))


def _running(survey: Survey) -> str:
    holder: Any = survey.client.get(lock_key(survey.project)) or b""
    return str(holder.decode(errors="replace")).partition("#")[0]


def _leftover(view: str) -> ViewStatus:
    reason = "its rows are online, but the project does not publish it; a sync removes them"
    return ViewStatus(view, Condition.UNDECLARED, _LEVELS[Condition.UNDECLARED], reason)


def _judged(survey: Survey, view: FeatureView, limits: Freshness) -> ViewStatus:
    try:
        publication = publication_of(view, survey.warehouse, survey.now)
    except (RelationNotBuilt, DefinitionProblems, UnsupportedOnlineType) as error:
        return ViewStatus(view.name, Condition.BROKEN, Level.ERROR, str(error))
    status = _observed(survey, publication)
    return _with_level(status, _limits(view, limits))


def _limits(view: FeatureView, limits: Freshness) -> Freshness:
    own = view.freshness
    return Freshness(
        warn_after=limits.warn_after if own.warn_after is None else own.warn_after,
        error_after=limits.error_after if own.error_after is None else own.error_after,
    )


def _observed(survey: Survey, publication: Publication) -> ViewStatus:
    found = survey.diagnosis(publication)
    newest = newest_event(survey, publication.view)
    as_of, synced_at = survey.last_publication(publication.name, found)
    status = ViewStatus(
        publication.name,
        found.condition,
        reason=found.reason,
        newest_event=newest,
        age=_since(newest, survey.now),
        as_of=as_of,
        lag=_since(as_of, survey.now),
        synced_at=synced_at,
    )
    state = survey.state.read(publication.name)
    return _with_rows(survey, publication, status) if state and state.complete else status


def _since(moment: datetime | None, now: datetime) -> timedelta | None:
    return None if moment is None else max(now - moment, timedelta())


def _with_rows(survey: Survey, publication: Publication, status: ViewStatus) -> ViewStatus:
    view, table = publication.view, survey.state.published(publication.name)
    facts = published_facts(survey, view)
    sampled = [key_of(survey.project, publication, row) for row in survey.sample(table)]
    each = sampled_memory(survey.client, sampled, expiring=view.ttl is not None)
    expired = view.ttl is not None and status.age is not None and status.age > view.ttl
    return replace(
        status,
        rows=facts.rows,
        memory=None if each is None else round(each * facts.rows),
        newest_is_online=expired or facts.newest == status.newest_event,
        next_expiry=facts.oldest + view.ttl if view.ttl and facts.oldest else None,
    )


def _with_level(status: ViewStatus, limits: Freshness) -> ViewStatus:
    """Judge a view: by its state, and by the ages of its newest event and its publication."""
    oldest = timedelta.max if status.age is None else max(status.age, status.lag or timedelta())
    level = _LEVELS.get(status.state, Level.PASS)
    if limits.warn_after is not None and oldest > limits.warn_after and level is Level.PASS:
        level = Level.WARN
    if limits.error_after is not None and oldest > limits.error_after:
        level = Level.ERROR
    return replace(status, level=level)
