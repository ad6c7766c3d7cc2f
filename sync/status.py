"""The status of each view: its freshness, its lag online, and whether both sides agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from featurestore.errors import DefinitionProblems, RelationNotBuilt, UnsupportedOnlineType
from featurestore.registry.definitions import FeatureView, Freshness
from sync.brake import DEFAULT_BRAKE
from sync.redis.stored_rows import key_of, row_keys, sampled_memory
from sync.row_counts import newest_event, newest_valid_event, published_counts
from sync.safety.diagnosis import Diagnosis, PublicationState
from sync.safety.lock import lock_key
from sync.selection import chosen_views, publication_of, published_names, undeclared_views
from sync.status_report import Level, StatusReport, ViewStatus
from sync.survey import MEMORY_SAMPLE_ROWS, Survey
from sync.sync_plan import free_removals
from sync.warehouse.publication import Publication

__all__ = ["Level", "StatusReport", "ViewStatus", "status_of"]


_LEVELS = {
    PublicationState.NEVER: Level.ERROR,
    PublicationState.LOST: Level.ERROR,
    PublicationState.FOREIGN: Level.ERROR,
    PublicationState.BROKEN: Level.ERROR,
    PublicationState.HELD_BACK: Level.ERROR,
    PublicationState.EMPTY: Level.ERROR,
    PublicationState.INTERRUPTED: Level.WARN,
    PublicationState.CHANGED: Level.WARN,
    PublicationState.UNDECLARED: Level.WARN,
}
"""An error if readers get no rows or foreign ones, or the next sync does not heal the view; a
warning if it does."""

_NO_ROWS = "the warehouse has no row of it that is known by now"


def status_of(
    survey: Survey, *, views: Sequence[str] | None = None, limits: Freshness
) -> StatusReport:
    """Return the status of every view, without writing.

    Args:
        survey: Both sides.
        views: The views; by default every view that is `online`, or was published.
        limits: The ages that are too old, for views that declare none.
    """
    chosen = chosen_views(survey.registry, views)
    statuses = [_judged(survey, view, limits) for view in chosen]
    # Views of another identity are not left over: its project may well declare them.
    if views is None and not survey.ownership.is_foreign:
        names = [view.name for view in chosen]
        others = undeclared_views(survey.client, survey.ledger, survey.project, names)
        published = published_names(survey.client, survey.ledger, survey.project)
        free = free_removals(survey)
        held_back = DEFAULT_BRAKE.refuses_removals(set(others) - free, published)
        statuses += [_leftover(view, "" if view in free else held_back) for view in others]
    return StatusReport(
        project=survey.registry.project,
        now=survey.now,
        running=_running(survey),
        views=tuple(statuses),
        online_name=survey.project,
        owner=survey.ownership.held,
        own=survey.ownership.own,
        ledger=survey.ledger.place,
        other_ledger="" if survey.has_ledger else survey.ownership.ledger.ledger_place,
    )


def _running(survey: Survey) -> str:
    holder = survey.client.get(lock_key(survey.project)) or b""
    return holder.decode(errors="replace").partition("#")[0]


def _leftover(view: str, held_back: str) -> ViewStatus:
    removed = "its rows are online, but the project does not publish it; a sync removes them"
    reason = held_back or removed
    state = PublicationState.HELD_BACK if held_back else PublicationState.UNDECLARED
    return ViewStatus(view=view, state=state, level=_LEVELS[state], reason=reason)


def _judged(survey: Survey, view: FeatureView, limits: Freshness) -> ViewStatus:
    try:
        publication = publication_of(view, survey.warehouse, survey.now)
    except (RelationNotBuilt, DefinitionProblems, UnsupportedOnlineType) as error:
        return ViewStatus(
            view=view.name,
            state=PublicationState.BROKEN,
            level=Level.ERROR,
            reason=str(error),
        )
    status = _observed(survey, publication)
    return _with_level(status, _limits(view, limits))


def _limits(view: FeatureView, limits: Freshness) -> Freshness:
    own = view.freshness
    return Freshness(
        warn_after=limits.warn_after if own.warn_after is None else own.warn_after,
        error_after=limits.error_after if own.error_after is None else own.error_after,
    )


def _observed(survey: Survey, publication: Publication) -> ViewStatus:
    found = survey.observed(publication)
    newest = newest_event(survey, publication.view)
    state, reason = _state(survey, publication.name, found, empty=newest is None)
    status = ViewStatus(
        view=publication.name,
        state=state,
        reason=reason,
        newest_event=newest,
        age=_since(newest, survey.now),
        as_of=found.online.as_of,
        lag=_since(found.online.as_of, survey.now),
        synced_at=found.online.synced_at,
    )
    if not survey.has_ledger:
        return _with_rows_online(survey, publication, status)
    entry = survey.ledger.read(publication.name)
    return _with_rows(survey, publication, status) if entry and entry.complete else status


def _state(
    survey: Survey, view: str, found: Diagnosis, *, empty: bool
) -> tuple[PublicationState, str]:
    if survey.ownership.is_foreign:
        return found.state, found.reason
    held_back = survey.ledger.held_back(view)
    # Without rows online, as after a flush, the next sync has nothing to delete: the hold is over.
    if held_back and next(row_keys(survey.client, survey.project, view), None) is not None:
        return PublicationState.HELD_BACK, held_back
    if empty:
        return PublicationState.EMPTY, _NO_ROWS
    return found.state, found.reason


def _since(moment: datetime | str | None, now: datetime) -> timedelta | None:
    return max(now - moment, timedelta()) if isinstance(moment, datetime) else None


def _is_older(age: timedelta | None, ttl: timedelta) -> bool:
    # Without an age the event is before the year 1, and a ttl is shorter than that.
    return age is None or age > ttl


def _with_rows(survey: Survey, publication: Publication, status: ViewStatus) -> ViewStatus:
    view, table = publication.view, survey.ledger.published(publication.name)
    counts = published_counts(survey, view)
    sampled = [
        key_of(survey.project, publication, row) for row in survey.sample(publication, table)
    ]
    expiring = view.ttl is not None or counts.next_end is not None
    each = sampled_memory(survey.client, sampled, expiring=expiring)
    newest = status.newest_event
    expired = view.ttl is not None and newest is not None and _is_older(status.age, view.ttl)
    if view.validity_columns:
        # The newest row may be one that has ended, or that records a deletion.
        newest = newest_valid_event(survey, publication)
    expiries = [counts.oldest + view.ttl if view.ttl and counts.oldest else None, counts.next_end]
    return replace(
        status,
        rows=counts.rows,
        memory=None if each is None else round(each * counts.rows),
        newest_is_online=expired or counts.newest == newest,
        next_expiry=min(filter(None, expiries), default=None),
    )


def _with_rows_online(survey: Survey, publication: Publication, status: ViewStatus) -> ViewStatus:
    """Add what Redis alone tells of the rows, for a reader without the ledger."""
    keys = row_keys(survey.client, survey.project, publication.name)
    sampled = [key.decode(errors="surrogateescape") for key in islice(keys, MEMORY_SAMPLE_ROWS)]
    rows = len(sampled) + sum(1 for _ in keys)
    view = publication.view
    expiring = view.ttl is not None or view.valid_until is not None
    each = sampled_memory(survey.client, sampled, expiring=expiring)
    return replace(status, rows=rows, memory=None if each is None else round(each * rows))


def _with_level(status: ViewStatus, limits: Freshness) -> ViewStatus:
    """Set the level by the state, and by the ages of the newest event and of the publication."""
    oldest = timedelta.max if status.age is None else max(status.age, status.lag or timedelta())
    level = _LEVELS.get(status.state, Level.PASS)
    if limits.warn_after is not None and oldest > limits.warn_after and level is Level.PASS:
        level = Level.WARN
    if limits.error_after is not None and oldest > limits.error_after:
        level = Level.ERROR
    return replace(status, level=level)
