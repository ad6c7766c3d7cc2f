"""FeatureStore: the one object a user holds. It only delegates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from featurestore.errors import EntityFrameError, did_you_mean
from featurestore.governance.personal_data import AllowPii, granted, refuse_unallowed
from featurestore.registry.definitions import FeatureRef, ServiceMember
from featurestore.store.inspection import Inspection
from featurestore.store.publishing import Publishing
from featurestore.values.parsing import parse_values

if TYPE_CHECKING:
    import pyarrow as pa

    from featurestore.online.client import OnlineClient
    from featurestore.online.response import OnlineResponse
    from featurestore.training.job import TrainingJob
    from featurestore.values.types import DataType

__all__ = ["FeatureStore"]


class FeatureStore(Inspection, Publishing):
    """A dbt project as a feature store.

    Nothing is read before it is needed, and the warehouse is open only while a method runs. Inside
    `with FeatureStore() as store:` a DuckDB file, once read, stays open for reading until the block
    ends: each further read is faster, and no other process can write to the file.

    Args:
        project_dir: The dbt project's folder.
        target: The target of the dbt profile; by default dbt's own choice.
        redis_url: The online store; by default `FEATURESTORE_REDIS_URL`, else the local port 6379.
        now: The moment at which the store stands, for replaying history; by default the clock's.

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

    def get_historical_features(
        self,
        entity_df: Any = None,
        features: str | Sequence[str] | None = None,
        *,
        feature_service: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        every: str | timedelta | None = None,
        event_timestamp: str = "event_timestamp",
        full_feature_names: bool = False,
        feature_timestamps: bool = False,
        as_known: bool = False,
        strategy: str | None = None,
        allow_pii: AllowPii = False,
    ) -> TrainingJob:
        """Join features to entity rows as they were known at each row's instant.

        Args:
            entity_df: The rows to enrich: a pandas, polars or Arrow frame, a SELECT, the name of a
                table, or `ref:<dbt model>`. It needs the join keys of every view taken, and a
                timestamp; all its columns pass through untouched. Without it, the views' own
                entities are asked for: all of them `every` so often from `start` to `end`; or,
                without a step, at the instants at which their rows became known; or, without a
                period, once, as of now.
            features: References `view:feature`, or `view:*` for all of a view.
            feature_service: The name of a service, instead of `features`.
            start: The first instant, where there is no entity frame.
            end: The last one, inclusive; by default now.
            every: The step from one instant to the next, such as `1 day`.
            event_timestamp: The column that holds the time of each row.
            full_feature_names: Name the columns `view__feature` instead of `feature`.
            feature_timestamps: Add `view__event_timestamp`, the time of the row each value is from.
            as_known: Leave out rows that were written after the entity row's instant, so that a
                backfill cannot leak; each view must declare a `created_timestamp`.
            strategy: A shape of join to insist on, such as `window`.
            allow_pii: The features declared `pii: true` that may be had: references, or True for
                all. Without it `view:*` leaves them out; what was allowed is written on the card.

        Returns:
            A job that has been checked against the warehouse, and is built on request.

        Raises:
            RegistryError: A name is unknown, personal data is named and not allowed, or the
                project's definitions have problems.
            PlanError: The entity frame lacks a column, or names collide.
            WarehouseError: The warehouse cannot be reached, or a table is not built.
        """
        from featurestore.training.entity_frame import read_entity_frame
        from featurestore.training.job import TrainingJob
        from featurestore.training.request import Request

        grant = granted(self.registry, features, feature_service, allow_pii)
        if entity_df is None:
            entity_df = self._own_entities(grant.members, start, end, every, event_timestamp)
        elif (start, end, every) != (None, None, None):
            raise EntityFrameError(
                "An entity frame has its own instants: start, end and every go without one.",
                remedy="Leave out either.",
            )
        request = Request(
            entity_frame=read_entity_frame(entity_df, self._relation),
            members=grant.members,
            event_timestamp=event_timestamp,
            full_feature_names=full_feature_names,
            feature_timestamps=feature_timestamps,
            as_known=as_known,
            strategy=strategy,
            personal_data=grant.personal,
            withheld=grant.withheld,
        )
        return TrainingJob(self.registry, self.warehouse, request, self.project)

    def check_training_set(self, card: str | Path) -> list[str]:
        """Make the request of a training set again, and compare what it gives today.

        Args:
            card: The card that `to_parquet` or `to_table` wrote.

        Returns:
            What differs, in sentences; nothing if the rows are the same.

        Raises:
            FeatureStoreError: The card is missing, or its entity rows are.
        """
        from featurestore.training.card import Card, differences
        from featurestore.training.job import TrainingJob
        from featurestore.training.request import request_of

        then = Card.read(Path(card))
        request = request_of(then, self.registry.dialect)
        job = TrainingJob(self.registry, self.warehouse, request, self.project)
        return differences(then, job.card())

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
        """Explain one value: the row it is from, and why each other row was rejected.

        Args:
            feature: A reference, `view:feature`.
            keys: The entity's join keys, by name; of any type, they may be given as text.
            at: The instant asked for.
            as_known: Leave out rows written after `at`.
            limit: The greatest number of rows returned.
            allow_pii: The features declared `pii: true` whose values may be shown: references, or
                True for all.

        Returns:
            A table of `event_timestamp`, `created_timestamp` (where declared), `value`, `verdict`;
            the chosen row, if there is one, comes first.

        Raises:
            RegistryError: A name is unknown, or the feature is personal data and not allowed.
            EntityFrameError: A join key is missing, or is none of the view's.
            WarehouseError: The warehouse cannot be reached, or the table is not built.
        """
        from featurestore.registry.warehouse_types import with_types
        from featurestore.sql.why import why_query

        reference = FeatureRef.parse(feature)
        refuse_unallowed(self.registry, reference, allow_pii)
        view = self.registry.view(reference.view)
        names = [key.name for key in view.join_keys]
        for name in keys:
            if name not in names:
                raise EntityFrameError(
                    f"'{name}' is no join key of '{view.name}'.",
                    remedy=did_you_mean(name, names) or f"It has {', '.join(names) or 'none'}.",
                )
        missing = [name for name in names if name not in keys]
        if missing:
            raise EntityFrameError(f"The join key '{missing[0]}' of '{view.name}' is missing.")
        with self.warehouse() as warehouse:
            typed = with_types(view, warehouse)
            types = {key.name: key.data_type for key in typed.join_keys}
            asked, dialect = parse_values(keys, types), self.registry.dialect
            sql = why_query(
                typed, reference.feature, asked, at, dialect, as_known=as_known, limit=limit
            )
            return warehouse.stream(sql).read_all()

    def get_online_features(
        self,
        features: str | Sequence[str] | None = None,
        entity_rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]] = (),
        *,
        feature_service: str | None = None,
        full_feature_names: bool = False,
    ) -> OnlineResponse:
        """Read the newest values of entities from the online store, in one round trip.

        Args:
            features: References `view:feature`, or `view:*` for all of a view.
            entity_rows: One mapping of join keys per entity, or one list of values per join key.
            feature_service: The name of a service, instead of `features`.
            full_feature_names: Name the columns `view__feature` instead of `feature`.

        Returns:
            One row per entity row, in order, with a status for each value.
        """
        request = self._online.resolve(features, feature_service)
        return self._online.get(request, entity_rows, full_feature_names=full_feature_names)

    def online_key_types(
        self,
        features: str | Sequence[str] | None = None,
        *,
        feature_service: str | None = None,
    ) -> dict[str, DataType]:
        """Return the columns that the entity rows of an online request must have, with their types.

        Raises:
            RegistryError: Both or neither are given, or a name is unknown.
            OnlineStoreError: The online store cannot be read, or a view is not published.
        """
        return self._online.key_types(self._online.resolve(features, feature_service))

    async def get_online_features_async(
        self,
        features: str | Sequence[str] | None = None,
        entity_rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]] = (),
        *,
        feature_service: str | None = None,
        full_feature_names: bool = False,
    ) -> OnlineResponse:
        """Read as `get_online_features` does, without blocking the event loop."""
        request = self._online.resolve(features, feature_service)
        return await self._online.get_async(
            request, entity_rows, full_feature_names=full_feature_names
        )

    def close(self) -> None:
        """Close the connections to both stores; the next read opens them again."""
        self._let_go()
        if "_online" in self.__dict__:
            self._online.close()

    async def aclose(self) -> None:
        """Close the connections to both stores, those of asynchronous reads included."""
        self._let_go()
        if "_online" in self.__dict__:
            self._online.close()
            await self._online.close_async()

    def __enter__(self) -> Self:
        """Return the store itself."""
        self._keeps_open = True
        return self

    def __exit__(self, *error: object) -> None:
        """Close the connections to both stores."""
        self._keeps_open = False
        self.close()

    async def __aenter__(self) -> Self:
        """Return the store itself."""
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close the connections to both stores."""
        await self.aclose()

    @cached_property
    def _online(self) -> OnlineClient:
        from featurestore.online.client import OnlineClient

        return OnlineClient(self.registry, self._redis_url, now=self.now)

    def _own_entities(
        self,
        members: Sequence[ServiceMember],
        start: datetime | None,
        end: datetime | None,
        every: str | timedelta | None,
        event_timestamp: str,
    ) -> str:
        from featurestore.registry.warehouse_types import with_types
        from featurestore.sql.spines import Period, spine_of_views

        period = Period.of(start, end, every, self.now())
        with self.warehouse() as warehouse:
            views = [with_types(self.registry.view(member.view), warehouse) for member in members]
        return spine_of_views(members, views, period, event_timestamp, self.registry.dialect)

    def _relation(self, model: str) -> str:
        node = self.manifest.model(model)
        if node.relation_name is None:
            raise EntityFrameError(
                f"The model '{model}' is {node.config.materialized}, so it has no table.",
                remedy="Materialize it as table or view.",
            )
        return node.relation_name
