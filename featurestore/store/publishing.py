"""Filling, watching, checking and emptying the online store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from featurestore.errors import FeatureStoreError, UnsupportedDialect
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
from featurestore.warehouse import missing_ledger

if TYPE_CHECKING:
    from featurestore.online.client import OnlineClient
    from featurestore.warehouse.protocol import Warehouse
    from sync.brake import Brake
    from sync.purge import PurgeReport
    from sync.report import ProgressEvent, SyncReport
    from sync.safety.identity import Identity
    from sync.status import StatusReport
    from sync.survey import Survey
    from sync.verify import VerifyReport
    from sync.warehouse.ledger import Ledger

__all__ = ["Publishing"]


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
    ) -> SyncReport:
        """Publish the newest row of each entity, or return the report of a dry run."""
        if take_over:
            _refuse_part(views, since)
        allowed = publishable(self._publishable(), allow_pii, views)
        registry = allowed.registry
        choices: dict[str, Any] = {
            "views": views,
            "full": full,
            "since": self._moment(since, full=full),
            "brake": self._brake(released=allow_deletes),
            "take_over": take_over,
        }
        if dry_run:
            report = self._dry_run(registry, choices)
        else:
            report = self._run(registry, choices, progress)
        return replace(report, personal_data=allowed.personal, withheld=allowed.withheld)

    def _brake(self, *, released: bool) -> Brake:
        from featurestore.governance.deletion_limit import deletion_limit
        from sync.brake import Brake

        return Brake(deletion_limit(self._session.project_dir), released)

    def _run(
        self,
        registry: Registry,
        choices: Mapping[str, Any],
        progress: Callable[[ProgressEvent], None] | None,
    ) -> SyncReport:
        from featurestore.online.redis.connection import connect_redis
        from sync.job import run_sync

        session = self._session
        with session.warehouse(write=True) as warehouse, connect_redis(session.redis_url) as redis:
            ledger = self._ledger(registry, warehouse)
            return run_sync(
                registry,
                warehouse,
                redis,
                ledger,
                self._identity(registry, ledger),
                now=session.now(),
                progress=progress,
                **choices,
            )

    def _dry_run(self, registry: Registry, choices: Mapping[str, Any]) -> SyncReport:
        from sync.dry_run import dry_run

        with self._survey() as survey:
            return dry_run(replace(survey, registry=registry), **choices)

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
        from featurestore.online.redis.connection import connect_redis
        from sync.purge import plan_purge, purge
        from sync.safety.ownership import read_ownership

        session, registry = self._session, self._publishable()
        warehouse = session.warehouse(write=not dry_run)
        with warehouse, connect_redis(session.redis_url) as redis:
            ledger = self._ledger(registry, warehouse)
            identity = self._identity(registry, ledger)
            if dry_run:
                found = read_ownership(redis, registry.online_name, identity)
                found.refuse_foreign(registry.online_name)
                return plan_purge(registry, redis, ledger, view)
            return purge(registry, warehouse, redis, ledger, identity, view=view)

    @contextmanager
    def _survey(self, *, write: bool = False) -> Iterator[Survey]:
        """Open both sides; the registry has the personal data that was published.

        Args:
            write: Whether the caller writes tables.
        """
        from featurestore.online.redis.connection import connect_redis
        from sync.redis.metadata import read_personal_data
        from sync.safety.ownership import read_ownership
        from sync.survey import Survey
        from sync.warehouse.publication import columns_in_layout

        session, registry = self._session, self._publishable()
        opened = session.warehouse(write=write)
        with opened as warehouse, connect_redis(session.redis_url) as redis:
            ledger = self._ledger(registry, warehouse)
            identity = self._identity(registry, ledger)
            ownership = read_ownership(redis, registry.online_name, identity)
            entries = {view: ledger.read(view) for view in ledger.views()}
            columns = {
                view: columns_in_layout(entry.layout) for view, entry in entries.items() if entry
            }
            name = registry.online_name
            allowed = {view: read_personal_data(redis, name, view) for view in columns}
            registry = as_published(registry, columns, allowed)
            yield Survey(registry, warehouse, redis, ledger, session.now(), ownership)

    def _ledger(self, registry: Registry, warehouse: Warehouse) -> Ledger:
        from sync.warehouse.ledger import Ledger

        return Ledger(warehouse, self._session.ledger_schema, registry.online_name)

    def _identity(self, registry: Registry, ledger: Ledger) -> Identity:
        from sync.safety.identity import Identity

        return Identity.of(registry.project, self._session.profile, ledger.database_id)

    def _publishable(self) -> Registry:
        """Return the registry if the sync can keep its ledger in the warehouse."""
        registry = self._session.online_registry
        missing = missing_ledger(registry.dialect)
        if missing is not None:
            raise UnsupportedDialect(
                f"`featurestore sync` cannot publish from {registry.dialect or 'this warehouse'}"
                f" ({missing}).",
                remedy="Publish from a DuckDB target.",
            )
        return registry

    def _moment(self, since: datetime | timedelta | None, *, full: bool) -> datetime | None:
        if since is not None and full:
            raise FeatureStoreError(
                "`full` and `since` exclude each other: a full sync publishes every row.",
                remedy="Leave out one of them.",
            )
        if isinstance(since, timedelta):
            return self._session.now() - since
        return since.replace(tzinfo=UTC) if since and since.tzinfo is None else since


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
