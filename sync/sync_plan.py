"""Decides the steps of a sync. `job` executes them, `dry_run` explains them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from featurestore.governance.deletion_limit import DeletionLimit
from featurestore.governance.publishable import is_withheld
from featurestore.registry.definitions import FeatureView
from featurestore.warehouse.abilities import table_id_of
from sync.brake import DEFAULT_BRAKE, Brake
from sync.change_window import DEFAULT_RULES, WindowRules, identified, narrowed, widened
from sync.report import ViewReport
from sync.row_work import HERE, RowWork
from sync.safety.diagnosis import Diagnosis, PublicationState
from sync.safety.ownership import views_taken_over
from sync.selection import published_names, undeclared_views
from sync.survey import Survey
from sync.view_failures import ViewFailure
from sync.warehouse.publication import Publication

__all__ = [
    "TAKEN_OVER",
    "PlanStep",
    "SyncMode",
    "ViewRemoval",
    "ViewSync",
    "free_removals",
    "plan_sync",
    "timed_reports",
]

GOES_BACK = "it was published as of a later moment"
TAKEN_OVER = "another identity published it before"


class SyncMode(StrEnum):
    """Which rows of a view are published."""

    FULL = "full"
    CHANGES = "changes"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewSync:
    """Publish a view.

    Attributes:
        publication: The view as it is published.
        mode: Whether every row is published, or the changes.
        reason: Why every row is published; empty if the caller asked for it.
        diagnosis: The state of the view's last publication.
        limit: The limit on the deletions of its rows in Redis; None if all of them may go.
        table: What identifies its table, see `change_window.identified`; empty if it is not known
            or does not matter.
    """

    publication: Publication
    mode: SyncMode
    reason: str
    diagnosis: Diagnosis
    limit: DeletionLimit | None
    table: str = ""


@dataclass(frozen=True, slots=True)
class ViewRemoval:
    """Delete the rows of a view that is no longer declared.

    Attributes:
        view: The view's name.
        held_back: Why the view is not removed; empty if it is.
    """

    view: str
    held_back: str = ""


PlanStep: TypeAlias = ViewSync | ViewRemoval | ViewFailure


def plan_sync(
    survey: Survey,
    chosen: Sequence[Publication | ViewFailure],
    *,
    full: bool,
    remove_undeclared: bool,
    brake: Brake = DEFAULT_BRAKE,
    rules: WindowRules = DEFAULT_RULES,
    work: RowWork = HERE,
) -> Iterator[PlanStep]:
    """Yield the steps of a sync.

    Each step is decided when it is requested, right before its turn: a long sync of one view must
    not act on an old diagnosis of the next.

    Args:
        survey: Both sides.
        chosen: The views to publish; those that cannot be published keep their rows.
        full: Publish every row.
        remove_undeclared: Remove the views that were published and are not among these.
        brake: How many rows, and how many views, may be deleted.
        rules: When comparing a part of a table is enough.
        work: Does the work that grows with the rows.
    """
    published = set[str]()
    if remove_undeclared:
        # Before the views are published: views under new names must not hide that many are gone.
        published = published_names(survey.client, survey.ledger, survey.project)
    for item in chosen:
        if isinstance(item, ViewFailure):
            yield item
        else:
            yield _plan_view(survey, item, brake, rules, work, full=full)
    if remove_undeclared:
        names = [item.name for item in chosen]
        gone = undeclared_views(survey.client, survey.ledger, survey.project, names)
        free = free_removals(survey)
        held_back = brake.refuses_removals(set(gone) - free, published)
        for view in gone:
            yield ViewRemoval(view, "" if view in free else held_back)


def free_removals(survey: Survey) -> set[str]:
    """Return the views that the brake never keeps online once the project does not publish them.

    These are another identity's, and those that are withheld because of personal data.
    """
    declared = survey.registry.feature_views.values()
    withheld = {view.name for view in declared if is_withheld(survey.registry, view)}
    return withheld | views_taken_over(survey.client, survey.project)


def _plan_view(
    survey: Survey,
    publication: Publication,
    brake: Brake,
    rules: WindowRules,
    work: RowWork,
    *,
    full: bool,
) -> ViewSync:
    found = survey.diagnosis(publication)
    table = _table_id(survey, publication.view)
    is_ok = found.state is PublicationState.OK
    goes_back = is_ok and _goes_back_to_lapses(survey, publication, found, work)
    if full or goes_back or not is_ok:
        mode = SyncMode.FULL
    else:
        mode = SyncMode.CHANGES
        publication = publication.compared_with(found.online.as_of)
        publication = narrowed(publication, found.online, table, rules)
        window = publication.window
        if window is not None and window.written is not None:
            publication = widened(publication, window, survey.ledger.newest_written(publication))
    # The brake is for rows of this identity; a take-over replaces the other's rows.
    taken = publication.name in views_taken_over(survey.client, survey.project)
    return ViewSync(
        publication=publication,
        mode=mode,
        reason=TAKEN_OVER if taken else found.reason or (GOES_BACK if goes_back else ""),
        diagnosis=found,
        limit=None if taken else brake.limit_of(publication.view),
        table=table,
    )


def _table_id(survey: Survey, view: FeatureView) -> str:
    """Return what identifies a view's table; empty if its rows are all compared in any case.

    It must be read before the rows: a table that is rebuilt meanwhile is another one the next time.
    """
    if view.changes is None:
        return ""
    return identified(view, table_id_of(survey.warehouse, view.relation))


def _goes_back_to_lapses(
    survey: Survey, publication: Publication, found: Diagnosis, work: RowWork
) -> bool:
    """Return whether the run goes back in time, and Redis has rows that were left to expire.

    They may not have expired by that moment, or not be known yet, and the ledger lacks them.
    """
    last = found.online.as_of
    if last is None or survey.now >= last:
        return False
    published = survey.ledger.published(publication.name)
    return work.has_unknown(survey, publication, published)


def timed_reports(
    steps: Iterable[PlanStep], act: Callable[[PlanStep], ViewReport]
) -> tuple[ViewReport, ...]:
    """Act on each step; return the reports with the time for deciding and acting.

    Args:
        steps: The steps, decided one by one.
        act: Executes or explains a step.
    """
    reports = []
    started = time.monotonic()
    for step in steps:
        report = act(step)
        ended = time.monotonic()
        reports.append(replace(report, seconds=ended - started))
        started = ended
    return tuple(reports)
