"""Reading the newest values for a request that names features or a service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from featurestore.registry.requested_features import AskedFeatures, AskedService, requested
from featurestore.store.session import Session

if TYPE_CHECKING:
    from featurestore.online.client import OnlineClient
    from featurestore.online.read_observer import ReadObserver
    from featurestore.online.readiness import OnlineReadiness
    from featurestore.online.response import OnlineResponse
    from featurestore.values.types import DataType

__all__ = ["EntityRows", "OnlineReading"]

EntityRows = Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]]
"""One mapping of join keys per entity, or one list of values per join key."""


class OnlineReading:
    """The online reads of a `FeatureStore`, which documents each method."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getstate__(self) -> dict[str, Any]:
        """Return the state to pickle: the client stays, since its connections cannot be sent."""
        return {"_session": self._session}

    @cached_property
    def client(self) -> OnlineClient:
        """The client that all reads share; it connects on its first read."""
        from featurestore.online.client import OnlineClient

        session = self._session
        return OnlineClient(session.online_registry, session.redis_url, now=session.now)

    def get(
        self,
        features: AskedFeatures,
        entity_rows: EntityRows,
        feature_service: AskedService,
        full_feature_names: bool,
        feature_timestamps: bool,
    ) -> OnlineResponse:
        """Read the newest values."""
        request = self.client.resolve(*requested(features, feature_service))
        return self.client.get(
            request,
            entity_rows,
            full_feature_names=full_feature_names,
            feature_timestamps=feature_timestamps,
        )

    async def get_async(
        self,
        features: AskedFeatures,
        entity_rows: EntityRows,
        feature_service: AskedService,
        full_feature_names: bool,
        feature_timestamps: bool,
    ) -> OnlineResponse:
        """Read the newest values without blocking the event loop."""
        request = self.client.resolve(*requested(features, feature_service))
        return await self.client.get_async(
            request,
            entity_rows,
            full_feature_names=full_feature_names,
            feature_timestamps=feature_timestamps,
        )

    def key_types(
        self, features: AskedFeatures, feature_service: AskedService
    ) -> dict[str, DataType]:
        """Return the columns that a request's entity rows need, with their types."""
        return self.client.key_types(self.client.resolve(*requested(features, feature_service)))

    def prepare(self) -> None:
        """Read the definitions and the address, so that the first read does not."""
        from featurestore.online.readiness import prepare

        prepare(self._session.redis_url)
        _ = self.client

    def observe(self, observer: ReadObserver) -> None:
        """Tell an observer of each asynchronous read from now on."""
        self.client.observer = observer

    async def readiness(self) -> OnlineReadiness:
        """Return whether the online store answers, and holds every view."""
        from featurestore.online.readiness import readiness

        return await readiness(self._session.online_registry, self._session.redis_url)

    def close(self) -> None:
        """Close the connections of blocking reads."""
        if self._is_used:
            self.client.close()

    async def close_async(self) -> None:
        """Close the connections of blocking and of asynchronous reads."""
        if self._is_used:
            self.client.close()
            await self.client.close_async()

    @property
    def _is_used(self) -> bool:
        # Closing a store that was never read must not read the project.
        return "client" in self.__dict__
