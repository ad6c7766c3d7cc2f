"""The methods of a feature store that keep what is online right; they only delegate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from featurestore.errors import FeatureStoreError, UnsupportedDialect
from featurestore.governance.personal_data import AllowPii, as_published, publishable
from featurestore.registry.definitions import Freshness
from featurestore.registry.registry import Registry
from featurestore.store.session import Session
from featurestore.values.durations import parse_duration

if TYPE_CHECKING:
    from featurestore.online.client import OnlineClient
    from sync.purge import PurgeReport
    from sync.report import ProgressEvent, SyncReport
    from sync.status import StatusReport
    from sync.survey import Survey
    from sync.verify import VerifyReport

__all__ = ["Publishing"]

_PUBLISHABLE = ("duckdb",)


class Publishing(Session):
    """What `FeatureStore` does with the online store as a whole: fill, watch, check, empty it."""

    def sync(
        self,
        views: Sequence[str] | None = None,
        *,
        full: bool = False,
        since: datetime | timedelta | None = None,
        dry_run: bool = False,
        progress: Callable[[ProgressEvent], None] | None = None,
        allow_pii: AllowPii = False,
    ) -> SyncReport:
        """Publish the newest row of each entity to the online store.

        Args:
            views: The feature views to publish; by default every one that is `online`.
            full: Publish all rows and drop what no longer exists, instead of what changed.
            since: Look for changes only at entities that have an event since this moment, or since
                so long ago. Cheaper on a long history; what changed before, or was deleted, is left
                to the next run without it.
            dry_run: Write nothing, and say what would be done and the memory it would take.
            progress: Called as the work goes on.
            allow_pii: The features declared `pii: true` that may be published: references, or True
                for all. Any other is not published, and is removed if it was.

        Returns:
            What was done, per view.

        Raises:
            SyncError: The sync could not finish; the next run heals it.
            UnsupportedDialect: The warehouse is none that a sync can work with.
        """
        registry, personal = publishable(self._publishable(), allow_pii, views)
        recent = self._moment(since, full=full)
        if dry_run:
            report = self._dry_run(registry, views, full=full, since=recent)
            return replace(report, personal_data=personal)
        from featurestore.online.redis.connection import connect_redis
        from sync.job import run_sync

        with self.warehouse(write=True) as warehouse, connect_redis(self._redis_url) as redis:
            report = run_sync(
                registry,
                warehouse,
                redis,
                views=views,
                full=full,
                since=recent,
                now=self.now(),
                state_schema=self._state_schema,
                progress=progress,
            )
        return replace(report, personal_data=personal)

    def status(
        self,
        views: Sequence[str] | None = None,
        *,
        warn_after: str | timedelta | None = None,
        error_after: str | timedelta | None = None,
    ) -> StatusReport:
        """Say how each view stands: freshness in the warehouse, lag online, and what is wrong.

        Args:
            views: The feature views; by default every one that is `online`, or was published.
            warn_after: The age worth a warning, such as `2 hours`, for views that declare none.
            error_after: The age that is an error, likewise.
        """
        from sync.status import status_of

        limits = Freshness(_duration(warn_after), _duration(error_after))
        with self._survey() as survey:
            return status_of(survey, views=views, limits=limits)

    def verify(
        self, views: Sequence[str] | None = None, *, sample: int | Literal["all"] = 1000
    ) -> VerifyReport:
        """Read back what was published, and compare it with the warehouse value by value.

        Args:
            views: The feature views; by default every one that is `online`.
            sample: The number of rows taken of each view; `all` compares every row, and finds rows
                online that the warehouse does not have.
        """
        from featurestore.online.client import OnlineClient
        from sync.verify import verify_views

        def reader(moment: datetime) -> OnlineClient:
            return OnlineClient(self.registry, self._redis_url, now=lambda: moment)

        with self._survey() as survey:
            rows = None if sample == "all" else sample
            return verify_views(survey, reader, views=views, sample=rows)

    def purge(self, view: str | None = None, *, dry_run: bool = False) -> PurgeReport:
        """Remove a view from the online store, or everything that the project has there.

        The next sync publishes what was removed in full.

        Args:
            view: The view, declared or not; by default the whole project.
            dry_run: Remove nothing, and say what would be.

        Raises:
            UnknownFeatureView: There is none of this name, nor was there ever.
            SyncLocked: A sync of the project is at work.
        """
        from featurestore.online.redis.connection import connect_redis
        from sync.purge import plan_purge, purge
        from sync.warehouse.ledger import Ledger

        registry = self._publishable()
        warehouse = self.warehouse(write=not dry_run)
        with warehouse, connect_redis(self._redis_url) as redis:
            state = Ledger(warehouse, self._state_schema, registry.project, write=not dry_run)
            if dry_run:
                return plan_purge(registry, redis, state, view)
            return purge(registry, warehouse, redis, state, view)

    def _dry_run(
        self,
        registry: Registry,
        views: Sequence[str] | None,
        *,
        full: bool,
        since: datetime | None,
    ) -> SyncReport:
        from sync.dry_run import dry_run

        with self._survey() as survey:
            surveyed = replace(survey, registry=registry)
            return dry_run(surveyed, views=views, full=full, since=since)

    def _moment(self, since: datetime | timedelta | None, *, full: bool) -> datetime | None:
        if since is not None and full:
            raise FeatureStoreError(
                "A sync is either full or looks at what is new since a time.",
                remedy="Leave out one of them.",
            )
        if isinstance(since, timedelta):
            return self.now() - since
        return since.replace(tzinfo=UTC) if since and since.tzinfo is None else since

    @contextmanager
    def _survey(self) -> Iterator[Survey]:
        """Open both sides for looking at them; personal data counts where it was published."""
        from featurestore.online.redis.connection import connect_redis
        from sync.survey import Survey
        from sync.warehouse.ledger import Ledger
        from sync.warehouse.publication import columns_in_layout

        registry = self._publishable()
        with self.warehouse() as warehouse, connect_redis(self._redis_url) as redis:
            state = Ledger(warehouse, self._state_schema, registry.project, write=False)
            books = {view: state.read(view) for view in state.views()}
            columns = {view: columns_in_layout(book.layout) for view, book in books.items() if book}
            registry = as_published(registry, columns)
            yield Survey(registry, warehouse, redis, state, self.now())

    def _publishable(self) -> Registry:
        """Return the registry of a warehouse that can keep a sync's books."""
        registry = self.registry
        if registry.dialect not in _PUBLISHABLE:
            raise UnsupportedDialect(
                f"A sync cannot publish from {registry.dialect or 'this warehouse'} yet: what was"
                f" published is kept in the warehouse, in the words of {', '.join(_PUBLISHABLE)}.",
                remedy="Training sets work; publish from a DuckDB target.",
            )
        return registry

    @property
    def _state_schema(self) -> str:
        return str(self.profile.settings.get("schema") or "main")


def _duration(given: str | timedelta | None) -> timedelta | None:
    if not isinstance(given, str):
        return given
    try:
        return parse_duration(given)
    except ValueError as error:
        raise FeatureStoreError(f"{error}.") from None
