"""Filling, watching, checking and emptying the online store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from featurestore.errors import FeatureStoreError
from featurestore.governance.personal_data import AllowPii
from featurestore.governance.publishable import (
    as_published,
    publishable,
    refuse_unpublished_view,
)
from featurestore.registry.definitions import Freshness
from featurestore.registry.registry import Registry
from featurestore.store.session import Session
from featurestore.values.durations import parse_duration
from featurestore.warehouse import is_ledger_inside, missing_ledger

if TYPE_CHECKING:
    from featurestore.online.client import OnlineClient
    from featurestore.online.redis.commands import RedisCommands
    from featurestore.project.ledger_place import LedgerPlace
    from featurestore.warehouse.protocol import Warehouse
    from sync.brake import Brake
    from sync.change_window import WindowRules
    from sync.purge import PurgeReport
    from sync.report import ProgressEvent, SyncReport
    from sync.row_work import RowWork
    from sync.safety.identity import Identity
    from sync.status import StatusReport
    from sync.survey import Survey
    from sync.verify import VerifyReport
    from sync.warehouse.ledger import Ledger

__all__ = ["Publishing", "SyncEngine"]

SyncEngine = Literal["spark"]
"""What may work on the rows of a sync instead of this process."""


@dataclass(frozen=True, slots=True)
class _BothSides:
    warehouse: Warehouse
    redis: RedisCommands
    ledger: Ledger
    identity: Identity
    work: RowWork


class Publishing:
    """The part of a `FeatureStore` that keeps the online store right; the store documents it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def sync(
        self,
        views: Sequence[str] | None,
        *,
        full: bool,
        since: datetime | timedelta | None,
        dry_run: bool,
        progress: Callable[[ProgressEvent], None] | None,
        allow_pii: AllowPii,
        allow_deletes: bool,
        take_over: bool,
        require_ledger: bool,
        engine: SyncEngine | None,
    ) -> SyncReport:
        """Publish the newest row of each entity, or return the report of a dry run."""
        if take_over:
            _refuse_part(views, since)
        allowed = publishable(self._session.online_registry, allow_pii, views)
        registry = allowed.registry
        choices: dict[str, Any] = {
            "views": views,
            "full": full,
            "since": self._moment(since, full=full),
            "brake": self._brake(released=allow_deletes),
            "take_over": take_over,
            "require_ledger": require_ledger,
            "rules": self._rules(),
        }
        if dry_run:
            report = self._dry_run(registry, choices, engine)
        else:
            report = self._run(registry, choices, progress, engine)
        return replace(report, personal_data=allowed.personal, withheld=allowed.withheld)

    def _rules(self) -> WindowRules:
        from featurestore.project.batch_files import run_batches
        from featurestore.project.full_every import full_every
        from featurestore.project.run_results import rebuilt_at
        from sync.change_window import WindowRules

        session = self._session
        target = session.project.target_path
        batches = {
            node.qualified_name: run_batches(node, target)
            for node in session.manifest.tagged()
            if node.config.batch_size
        }
        return WindowRules(full_every(session.project_dir), rebuilt_at(target), batches)

    def _brake(self, *, released: bool) -> Brake:
        from featurestore.governance.deletion_limit import deletion_limit
        from sync.brake import Brake

        return Brake(deletion_limit(self._session.project_dir), released)

    def _run(
        self,
        registry: Registry,
        choices: Mapping[str, Any],
        progress: Callable[[ProgressEvent], None] | None,
        engine: SyncEngine | None,
    ) -> SyncReport:
        from sync.job import run_sync

        with self._opened(registry, write=True, engine=engine) as both:
            return run_sync(
                registry,
                both.warehouse,
                both.redis,
                both.ledger,
                both.identity,
                now=self._session.now(),
                progress=progress,
                work=both.work,
                **choices,
            )

    def _dry_run(
        self, registry: Registry, choices: Mapping[str, Any], engine: SyncEngine | None
    ) -> SyncReport:
        from sync.dry_run import dry_run

        with self._opened(registry, write=False, engine=engine) as both:
            survey = self._survey_of(registry, both)
            return dry_run(survey, work=both.work, **choices)

    def status(
        self,
        views: Sequence[str] | None,
        *,
        warn_after: str | timedelta | None,
        error_after: str | timedelta | None,
    ) -> StatusReport:
        """Return the freshness, the lag and the problems of each view."""
        from sync.status import status_of

        limits = Freshness(warn_after=_duration(warn_after), error_after=_duration(error_after))
        with self._survey() as survey:
            self._refuse_unpublished(survey.registry, views)
            return status_of(survey, views=views, limits=limits)

    def verify(
        self, views: Sequence[str] | None, *, sample: int | Literal["all"], repair: bool
    ) -> VerifyReport:
        """Compare the online values with the warehouse."""
        from featurestore.online.client import OnlineClient
        from sync.verify import verify_views

        registry, url = self._session.online_registry, self._session.redis_url

        def reader(moment: datetime) -> OnlineClient:
            return OnlineClient(registry, url, now=lambda: moment)

        # A repair takes the lock, and whoever takes it creates missing tables of the ledger.
        with self._survey(write=repair) as survey:
            self._refuse_unpublished(survey.registry, views)
            rows = None if sample == "all" else sample
            return verify_views(survey, reader, views=views, sample=rows, repair=repair)

    def _refuse_unpublished(self, published: Registry, views: Sequence[str] | None) -> None:
        """Refuse a named view that is not published because of personal data."""
        declared = self._session.online_registry
        for name in views or ():
            if declared.view(name).online and not published.view(name).online:
                refuse_unpublished_view(declared, declared.view(name))

    def purge(self, view: str | None, *, dry_run: bool) -> PurgeReport:
        """Remove a view, or the whole project, from the online store."""
        from sync.purge import plan_purge, purge
        from sync.safety.ownership import read_ownership

        registry = self._session.online_registry
        with self._opened(registry, write=not dry_run) as both:
            if dry_run:
                found = read_ownership(both.redis, registry.online_name, both.identity)
                found.refuse_foreign(registry.online_name)
                return plan_purge(registry, both.redis, both.ledger, view)
            return purge(
                registry, both.warehouse, both.redis, both.ledger, both.identity, view=view
            )

    @contextmanager
    def _survey(self, *, write: bool = False) -> Iterator[Survey]:
        """Open both sides; the registry has the personal data that was published.

        Args:
            write: Whether the caller writes tables.
        """
        registry = self._session.online_registry
        with self._opened(registry, write=write) as both:
            survey = self._survey_of(registry, both)
            yield replace(survey, registry=_as_published(survey))

    def _survey_of(self, registry: Registry, both: _BothSides) -> Survey:
        from sync.safety.ownership import read_ownership
        from sync.survey import Survey

        ownership = read_ownership(both.redis, registry.online_name, both.identity)
        moment = self._session.now()
        return Survey(registry, both.warehouse, both.redis, both.ledger, moment, ownership)

    @contextmanager
    def _opened(
        self, registry: Registry, *, write: bool, engine: SyncEngine | None = None
    ) -> Iterator[_BothSides]:
        """Open the warehouse, the online store and the ledger.

        Args:
            registry: The project's definitions.
            write: Whether the caller writes to the ledger.
            engine: What works on the rows; by default this process.
        """
        from featurestore.online.redis.connection import connect_redis
        from sync.safety.identity import Identity

        session, place = self._session, self._ledger_place(registry)
        with (
            session.warehouse(write=write and (engine is not None or not place.file)) as warehouse,
            connect_redis(session.redis_url) as redis,
            self._ledger(registry, place, warehouse, write=write, engine=engine) as (ledger, work),
        ):
            database_id = ledger.database_id if ledger.in_warehouse else ""
            identity = Identity.of(registry.project, session.profile, database_id)
            yield _BothSides(warehouse, redis, ledger, identity, work)

    @contextmanager
    def _ledger(
        self,
        registry: Registry,
        place: LedgerPlace,
        warehouse: Warehouse,
        *,
        write: bool,
        engine: SyncEngine | None,
    ) -> Iterator[tuple[Ledger, RowWork]]:
        """Open the ledger; also return what works on the rows."""
        session, name = self._session, registry.online_name
        if engine is None:
            from sync.row_work import HERE
            from sync.warehouse.open_ledger import opened_ledger

            with opened_ledger(place, warehouse, name, write=write) as ledger:
                yield ledger, HERE
            return
        from sync.spark.open_spark import opened_spark

        schema = place.schema or session.ledger_schema
        with opened_spark(warehouse, schema, name, session.redis_url) as found:
            yield found

    def _ledger_place(self, registry: Registry) -> LedgerPlace:
        from featurestore.project.ledger_place import chosen_ledger_place

        session = self._session
        return chosen_ledger_place(
            session.project,
            target=session.profile.target,
            name=registry.online_name,
            schema=session.ledger_schema,
            missing=missing_ledger(session.profile.adapter),
            inside=is_ledger_inside(session.profile.adapter),
            by_spark=session.profile.adapter == "spark",
        )

    def _moment(self, since: datetime | timedelta | None, *, full: bool) -> datetime | None:
        if since is not None and full:
            raise FeatureStoreError(
                "`full` and `since` exclude each other: a full sync publishes every row.",
                remedy="Leave out one of them.",
            )
        if isinstance(since, timedelta):
            return self._session.now() - since
        return since.replace(tzinfo=UTC) if since and since.tzinfo is None else since


def _as_published(survey: Survey) -> Registry:
    """Return the registry with the personal data that was published as such."""
    from sync.redis.metadata import read_personal_data
    from sync.selection import published_columns

    columns = published_columns(survey)
    allowed = {view: read_personal_data(survey.client, survey.project, view) for view in columns}
    return as_published(survey.registry, columns, allowed)


def _refuse_part(views: Sequence[str] | None, since: object) -> None:
    if views is not None or since is not None:
        raise FeatureStoreError(
            "`take_over` publishes all views in full, so it excludes `views` and `since`.",
            remedy="Leave them out.",
        )


def _duration(given: str | timedelta | None) -> timedelta | None:
    if not isinstance(given, str):
        return given
    try:
        return parse_duration(given)
    except ValueError as error:
        raise FeatureStoreError(f"{error}.") from None
