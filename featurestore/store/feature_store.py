"""FeatureStore: the one object that a user holds. It delegates each call in one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from featurestore.errors import Problem
from featurestore.governance.personal_data import AllowPii
from featurestore.project.manifest import Manifest
from featurestore.project.profile import Project
from featurestore.registry.registry import Registry
from featurestore.registry.requested_features import AskedFeatures, AskedService
from featurestore.store.inspection import Inspection
from featurestore.store.online_reading import EntityRows, OnlineReading
from featurestore.store.publishing import Publishing, SyncEngine
from featurestore.store.session import Session
from featurestore.store.training_sets import TrainingSets
from featurestore.training.training_options import TrainingOptions
from featurestore.values.dbt_profile import Profile

if TYPE_CHECKING:
    import pyarrow as pa

    from featurestore.impact.changes import Change
    from featurestore.lineage.graph import LineageGraph
    from featurestore.lint.linter import LintReport
    from featurestore.online.read_observer import ReadObserver
    from featurestore.online.readiness import OnlineReadiness
    from featurestore.online.response import OnlineResponse
    from featurestore.training.training_job import TrainingJob
    from featurestore.values.types import DataType
    from featurestore.warehouse.protocol import Warehouse
    from sync.purge import PurgeReport
    from sync.report import ProgressEvent, SyncReport
    from sync.status import StatusReport
    from sync.verify import VerifyReport

__all__ = ["FeatureStore"]


class FeatureStore:
    """A dbt project as a feature store.

    It reads each file when it first needs it, and opens the warehouse only while a method runs.
    Inside `with FeatureStore() as store:` a DuckDB file stays open from the first read to the end
    of the block: later reads are faster, and other processes cannot write to the file.

    Args:
        project_dir: The dbt project's folder.
        target: The target of the dbt profile; by default dbt's own choice.
        redis_url: The online store; by default `FEATURESTORE_REDIS_URL`, else the local port 6379.
        now: The moment that the store takes as the present, to replay history; by default the
            clock's.

    Example:
        ```python
        store = FeatureStore()
        job = store.get_historical_features(
            entity_df="select tailnum, departed_at as event_timestamp from flights",
            features=["plane_features:arr_delay_avg_7d"],
        )
        training_set = job.to_df()
        ```
    """

    def __init__(
        self,
        project_dir: str | Path = ".",
        target: str | None = None,
        *,
        redis_url: str | None = None,
        now: datetime | None = None,
    ) -> None:
        self._session = Session(project_dir, target, redis_url=redis_url, now=now)
        self._training_sets = TrainingSets(self._session)
        self._online = OnlineReading(self._session)
        self._publishing = Publishing(self._session)
        self._inspection = Inspection(self._session)

    def __repr__(self) -> str:
        """Show the project, but not the online store's URL: it may hold a password."""
        folder, target = str(self._session.project_dir), self._session.target
        return f"{type(self).__name__}({folder!r}, target={target!r})"

    @property
    def project(self) -> Project:
        """The contents of dbt_project.yml; a `ProfileError` if the folder is not a dbt project."""
        return self._session.project

    @property
    def profile(self) -> Profile:
        """The connection that dbt uses; a `ProfileError` if it cannot be found."""
        return self._session.profile

    @property
    def manifest(self) -> Manifest:
        """The manifest that dbt wrote; a `ManifestError` if it is missing or cannot be read."""
        return self._session.manifest

    @property
    def declared(self) -> Registry:
        """The registry as it is declared, with its problems."""
        return self._session.declared

    @property
    def registry(self) -> Registry:
        """The registry: `.entities`, `.feature_views`, `.feature_services`.

        Raises:
            DefinitionProblems: A definition is wrong; all problems are listed.
        """
        return self._session.registry

    def warehouse(self, *, write: bool = False) -> Warehouse:
        """Open the warehouse; the caller closes it.

        Args:
            write: Whether the caller writes tables.
        """
        return self._session.warehouse(write=write)

    def now(self) -> datetime:
        """Return the moment that the store takes as the present."""
        return self._session.now()

    def get_historical_features(
        self,
        entity_df: Any = None,
        features: AskedFeatures = None,
        *,
        feature_service: AskedService = None,
        start: datetime | None = None,
        end: datetime | None = None,
        every: str | timedelta | None = None,
        event_timestamp: str = "event_timestamp",
        full_feature_names: bool = False,
        feature_timestamps: bool = False,
        as_known: bool = False,
        strategy: str | None = None,
        allow_pii: AllowPii = False,
        max_bytes: int | str | None = None,
    ) -> TrainingJob:
        """Join features to entity rows as they were known at each row's instant.

        Args:
            entity_df: The rows to enrich: a pandas, polars or Arrow frame, a SELECT, the name of a
                table, `ref:<dbt model>`, or the `Path` of a .csv or .parquet file. It needs a
                timestamp, the join keys of every view, and the request fields of the service; its
                other columns pass through untouched.
                Without it, the rows are the views' own entities: with `start` and `every`, all of
                them at each step; with `start` alone, at the instants at which their rows became
                known; without a period, once, as of now.
            features: References `view:feature`, `view:*` for all of a view, or a feature service.
            feature_service: A service or its name, instead of `features`.
            start: The first instant, without an entity frame.
            end: The last instant, inclusive; by default now.
            every: The step from one instant to the next, such as `1 day`.
            event_timestamp: The column that holds the time of each row.
            full_feature_names: Name the columns `view__feature` instead of `feature`.
            feature_timestamps: Add `view__event_timestamp`, the time of the row each value is from.
            as_known: Leave out rows that were written after the entity row's instant, so that a
                backfill cannot leak; each view must declare a `created_timestamp`.
            strategy: A shape of join to insist on, such as `window`.
            allow_pii: The personal data to include: references to features, or to marked columns
                of the entity rows as `model:column`; True for all. By default `view:*` and a model
                or table as `entity_df` leave it out. The card records what is included.
            max_bytes: The bytes that a statement may read, such as `10 GB`, as the engine estimates
                them. A statement that would read more is refused before it reads.

        Returns:
            A job that has been checked against the warehouse; each of its outputs builds the rows.

        Raises:
            RegistryError: A name is unknown, personal data is named (also by the query in
                `entity_df`) and not allowed, or the project's definitions have problems.
            PlanError: The entity frame lacks a column, or names collide.
            WarehouseError: The warehouse cannot be reached, or a table is not built.
        """
        return self._training_sets.job(
            TrainingOptions(
                entity_df,
                features,
                feature_service=feature_service,
                start=start,
                end=end,
                every=every,
                event_timestamp=event_timestamp,
                full_feature_names=full_feature_names,
                feature_timestamps=feature_timestamps,
                as_known=as_known,
                strategy=strategy,
                allow_pii=allow_pii,
                max_bytes=max_bytes,
            )
        )

    def check_training_set(self, card: str | Path) -> list[str]:
        """Repeat the request of a training set, and compare the rows with its card.

        Args:
            card: The card that `to_parquet` or `to_table` wrote.

        Returns:
            One sentence for each difference; an empty list if the rows are the same.

        Raises:
            FeatureStoreError: The card is missing, or its entity rows are.
        """
        return self._training_sets.check(Path(card))

    def why(
        self,
        feature: str,
        keys: Mapping[str, Any],
        at: datetime,
        *,
        as_known: bool = False,
        limit: int = 20,
        allow_pii: AllowPii = False,
    ) -> pa.Table:
        """Explain one value: the row that it is from, and why each other row was rejected.

        Args:
            feature: A reference, `view:feature`.
            keys: The entity's join keys, by name; a text is read as the key's type.
            at: The instant asked for.
            as_known: Leave out rows written after `at`.
            limit: The greatest number of rows returned.
            allow_pii: The features declared `pii: true` to show: references, or True for all.

        Returns:
            A table of `event_timestamp`, `created_timestamp` and `valid_until` (where declared),
            `value`, `verdict`; the chosen row, if there is one, comes first. Where the feature's
            default is the value, a row with the verdict `default` comes before all others.

        Raises:
            RegistryError: A name is unknown, or the feature is personal data and not allowed.
            EntityFrameError: A join key is missing, or is not one of the view's.
            WarehouseError: The warehouse cannot be reached, or the table is not built.
        """
        return self._training_sets.why(
            feature, keys, at, as_known=as_known, limit=limit, allow_pii=allow_pii
        )

    def get_online_features(
        self,
        features: AskedFeatures = None,
        entity_rows: EntityRows = (),
        *,
        feature_service: AskedService = None,
        full_feature_names: bool = False,
        feature_timestamps: bool = False,
    ) -> OnlineResponse:
        """Read the newest values of entities from the online store, in one round trip.

        Args:
            features: References `view:feature`, or `view:*` for all of a view.
            entity_rows: One mapping of join keys per entity, or one list of values per join key; a
                service's request fields are further keys.
            feature_service: The name of a service, instead of `features`.
            full_feature_names: Name the columns `view__feature` instead of `feature`.
            feature_timestamps: Add `view__event_timestamp`, the time of the row each value is from,
                in UTC.

        Returns:
            One row per entity row, in order, with a status for each value.
        """
        return self._online.get(
            features, entity_rows, feature_service, full_feature_names, feature_timestamps
        )

    async def get_online_features_async(
        self,
        features: AskedFeatures = None,
        entity_rows: EntityRows = (),
        *,
        feature_service: AskedService = None,
        full_feature_names: bool = False,
        feature_timestamps: bool = False,
    ) -> OnlineResponse:
        """Read as `get_online_features` does, without blocking the event loop."""
        return await self._online.get_async(
            features, entity_rows, feature_service, full_feature_names, feature_timestamps
        )

    def online_key_types(
        self, features: AskedFeatures = None, *, feature_service: AskedService = None
    ) -> dict[str, DataType]:
        """Return the columns that the entity rows of an online request need, with their types.

        Raises:
            RegistryError: Both or neither are given, or a name is unknown.
            OnlineStoreError: The online store cannot be read, or a view is not published.
        """
        return self._online.key_types(features, feature_service)

    def prepare_online(self) -> None:
        """Read what online reads need, without asking Redis: a first read is then as fast as any.

        Raises:
            FeatureStoreError: A file is missing or broken, a definition is wrong, or the online
                store's URL cannot be understood.
        """
        self._online.prepare()

    def observe_online(self, observer: ReadObserver) -> None:
        """Tell an observer of each asynchronous online read from now on, for metrics."""
        self._online.observe(observer)

    async def online_readiness(self) -> OnlineReadiness:
        """Return whether Redis answers, and holds an epoch and a readable schema of each view."""
        return await self._online.readiness()

    def sync(
        self,
        views: Sequence[str] | None = None,
        *,
        full: bool = False,
        since: datetime | timedelta | None = None,
        dry_run: bool = False,
        progress: Callable[[ProgressEvent], None] | None = None,
        allow_pii: AllowPii = False,
        allow_deletes: bool = False,
        take_over: bool = False,
        require_ledger: bool = False,
        engine: SyncEngine | None = None,
    ) -> SyncReport:
        """Publish the newest row of each entity to the online store.

        Args:
            views: The feature views to publish; by default every view that is `online`.
            full: Publish all rows, and drop each row that the warehouse no longer has, instead of
                publishing only changes.
            since: Look for changes only at entities with an event since this moment, or within this
                age, or since the last sync if that was earlier. That is cheaper on a long history;
                older changes and deletions wait for the next run without it.
            dry_run: Write nothing; report what a sync would do, and the memory it would take.
            progress: Called after each step of the work.
            allow_pii: The features declared `pii: true` to publish: references, or True for all.
                The others are not published, and are removed if they were.
            allow_deletes: Delete however many rows the warehouse no longer has. By default a view
                is held back if the sync would delete more than half of its rows in Redis, or more
                than its `max_deletes`; the other views are published.
            take_over: If another identity (another warehouse, schema or target) publishes this
                project to this Redis, replace all that it published. It cannot sync from then on.
            require_ledger: Refuse to run with another ledger than the last run's, instead of
                publishing every row.
            engine: "spark" for a sync too large for one machine: Spark finds and compares the rows,
                and its executors write them. The target must be of the type spark.

        Returns:
            What was done, per view. Its `failed` names the views that could not be published, and
            why; `held_back` those that were held back; `withheld` the personal data that was not
            published.

        Raises:
            ForeignOwner: Another identity publishes this project to this Redis.
            SyncError: The sync could not finish; the next run heals it.
            FeatureStoreError: None of the views could be published.
            UnsupportedDialect: This kind of warehouse has no connection, or cannot keep the ledger
                that `state: warehouse` puts there.
        """
        return self._publishing.sync(
            views,
            full=full,
            since=since,
            dry_run=dry_run,
            progress=progress,
            allow_pii=allow_pii,
            allow_deletes=allow_deletes,
            take_over=take_over,
            require_ledger=require_ledger,
            engine=engine,
        )

    def status(
        self,
        views: Sequence[str] | None = None,
        *,
        warn_after: str | timedelta | None = None,
        error_after: str | timedelta | None = None,
    ) -> StatusReport:
        """Return each view's freshness in the warehouse, its lag online, and its problems.

        Args:
            views: The feature views; by default every view that is `online`, or was published.
            warn_after: The age worth a warning, such as `2 hours`, for views that declare none.
            error_after: The age that is an error, likewise.
        """
        return self._publishing.status(views, warn_after=warn_after, error_after=error_after)

    def verify(
        self,
        views: Sequence[str] | None = None,
        *,
        sample: int | Literal["all"] = 1000,
        repair: bool = False,
    ) -> VerifyReport:
        """Read published values back, and compare each with the warehouse.

        Args:
            views: The feature views; by default every view that is `online`.
            sample: The number of rows to compare of each view; `all` compares every row, and finds
                online rows that the warehouse does not have.
            repair: Publish the rows again whose bytes in Redis are damaged, and compare once more.
        """
        return self._publishing.verify(views, sample=sample, repair=repair)

    def purge(self, view: str | None = None, *, dry_run: bool = False) -> PurgeReport:
        """Remove one view, or the whole project, from the online store.

        The next sync publishes each removed view in full.

        Args:
            view: The view, declared or not; by default the whole project.
            dry_run: Remove nothing; report what a purge would remove.

        Raises:
            UnknownFeatureView: No view of this name is declared or was ever published.
            SyncLocked: A sync of the project is running.
            ForeignOwner: Another identity publishes this project to this Redis.
        """
        return self._publishing.purge(view, dry_run=dry_run)

    def validate(
        self,
        *,
        connect: bool = True,
        lint: bool | None = None,
        naming: Mapping[str, str] | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> list[Problem]:
        """Return every problem of the project's features.

        Args:
            connect: Whether to compare the definitions with the warehouse's tables too.
            lint: Whether to search the SQL for leakage too; by default only in compiled models.
            naming: Regular expressions for kinds of names, such as `{"view": "_features$"}`; they
                override the project's own, see `governance.naming_problems`.
            progress: Called with the name of each model whose SQL has been read for duplicates.

        Raises:
            NotCompiled: `lint` is true, and dbt has not compiled any feature view.
        """
        return self._inspection.validate(
            connect=connect, lint=lint, naming=naming, progress=progress
        )

    def lint(
        self,
        *,
        select: Sequence[str] | None = None,
        progress: Callable[[str, int, int], None] | None = None,
        required: bool = True,
    ) -> LintReport:
        """Search the compiled SQL of every feature view for values from the future.

        Args:
            select: The codes of the rules, such as `FS001`; by default all.
            progress: Called with the name of each view, its number and the count of all.
            required: Whether to raise if dbt has not compiled any feature view.

        Raises:
            FeatureStoreError: A selected code does not exist.
            NotCompiled: No view is compiled, and `required` is true.
        """
        return self._inspection.lint(select=select, progress=progress, required=required)

    def lineage(self, progress: Callable[[str], None] | None = None) -> LineageGraph:
        """Trace every feature, key, timestamp and label back to the columns of the sources.

        Args:
            progress: Called with the name of each model whose SQL has been read.

        Raises:
            DefinitionProblems: A definition is wrong.
        """
        return self._inspection.lineage(progress)

    def diff(
        self, state: str | Path, progress: Callable[[str], None] | None = None
    ) -> tuple[list[Change], str]:
        """Compare the project with another state of it, such as production's.

        Args:
            state: The other manifest, or its folder.
            progress: Called with the name of each model whose SQL has been read.

        Returns:
            The differences, the most harmful first; and a remark if some SQL could not be compared.

        Raises:
            ManifestError: A manifest is missing or cannot be read.
            DefinitionProblems: A definition of this project is wrong.
        """
        return self._inspection.diff(Path(state), progress)

    def close(self) -> None:
        """Close the connections to both stores; the next read opens them again."""
        self._session.close()
        self._online.close()

    async def aclose(self) -> None:
        """Close the connections to both stores, with those of asynchronous reads."""
        self._session.close()
        await self._online.close_async()

    def __enter__(self) -> Self:
        """Return the store itself."""
        self._session.keeps_open = True
        return self

    def __exit__(self, *error: object) -> None:
        """Close the connections to both stores."""
        self._session.keeps_open = False
        self.close()

    async def __aenter__(self) -> Self:
        """Return the store itself."""
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close the connections to both stores."""
        await self.aclose()
