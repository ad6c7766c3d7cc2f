"""The client of the online read: one round trip for any number of entities and views."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from featurestore.errors import FeatureStoreError, NotServedOnline, OnlineStoreError
from featurestore.governance.publishable import refuse_unpublished_view
from featurestore.online.build_response import build_response
from featurestore.online.keys import metadata_key
from featurestore.online.online_types import logical_type
from featurestore.online.published_schemas import PublishedSchemas, ViewRows
from featurestore.online.read_observer import ReadObserver, tell_observer
from featurestore.online.read_plan import ReadPlan, RequestedKeys
from featurestore.online.redis.async_reader import AsyncReader, async_reader
from featurestore.online.redis.connection import address, client, close, translated
from featurestore.online.redis.read_many import is_in_step, key_reader
from featurestore.online.request import entity_columns, plan_views
from featurestore.online.response import OnlineResponse
from featurestore.registry.definitions import FeatureService, ServiceMember
from featurestore.registry.registry import Registry
from featurestore.values.epoch import micros_since_1970
from featurestore.values.types import DataType

__all__ = ["OnlineClient", "ResolvedRequest"]

_Answered = TypeVar("_Answered")
_Naming = tuple[bool, bool]
"""Whether names are `view__feature`, and whether each view's event timestamps are added."""
_SHAPES = 1000
"""The number of request shapes to keep; a service has a few, only a misuse has thousands."""


@dataclass(frozen=True, slots=True, eq=False)
class ResolvedRequest:
    """The views and features that a request takes.

    It hashes by identity, so finding a plan does not hash each feature's name again. The caches
    hold the object itself as their key, so no other object can get its address.

    Attributes:
        members: The features of each view.
        fills: Whether declared defaults fill missing values; False reads what is published.
        service: The service that is asked for, with what it computes from each request; None for a
            request that names features.
    """

    members: tuple[ServiceMember, ...]
    fills: bool = True
    service: FeatureService | None = None


class OnlineClient:
    """Reads the newest values of entities. It needs neither the warehouse nor dbt.

    The client reads the schemas of a view once from Redis, where the sync writes them, and again if
    a row has an unknown schema or a request does not fit them.

    Args:
        registry: The project's definitions.
        url: The address of the online store; see `redis.connection.client`.
        now: Returns the moment that ttls count from.

    Attributes:
        observer: Is told of each asynchronous read; None for nobody.
    """

    def __init__(self, registry: Registry, url: str | None, *, now: Callable[[], datetime]) -> None:
        self._registry = registry
        self._url = url
        self._now = now
        self.observer: ReadObserver | None = None
        self._schemas: dict[str, PublishedSchemas] = {}
        self._plans: dict[tuple[Any, ...], ReadPlan] = {}
        self._requests: dict[tuple[Any, ...], ResolvedRequest] = {}
        self._ready: dict[ResolvedRequest, bool] = {}
        # A client with its function that reads many keys.
        self._sync: tuple[Any, Any] | None = None
        self._async: AsyncReader | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def resolve(
        self, features: str | Sequence[str] | None, feature_service: str | None
    ) -> ResolvedRequest:
        """Return the views and features of a request; the same object for equal requests.

        Raises:
            RegistryError: Both arguments or neither are given, or a name is unknown.
        """
        listed = features if features is None or isinstance(features, str) else tuple(features)
        shape = (listed, feature_service)
        try:
            request = self._requests.get(shape)
        except TypeError:
            # A reference is not a text, which the registry refuses.
            request = None
        if request is None:
            members = self._registry.members(listed, feature_service)
            service = self._registry.service(feature_service) if feature_service else None
            request = ResolvedRequest(members, service=service)
            _remember(self._requests, shape, request)
        return request

    def key_types(self, request: ResolvedRequest) -> dict[str, DataType]:
        """Return the columns that a request needs in its entity rows, with their types.

        Raises:
            OnlineStoreError: The online store is unreadable, or a view is not published.
        """
        with translated(self._url):
            connection = self._connected()[0]
            for unknown in self._unknown(request):
                self._learn(unknown, connection.hgetall(self._schemas_key(unknown)))
        types: dict[str, DataType] = {}
        for member in request.members:
            view = self._registry.view(member.view)
            names = member.key_names(view)
            keys = self._schemas[view.name].current.keys
            types |= {names.get(key, key): logical_type(kind) for key, kind in keys}
        fields = request.service.request if request.service else ()
        return types | {field.name: field.data_type for field in fields}

    def get(
        self,
        request: ResolvedRequest,
        entity_rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]],
        *,
        full_feature_names: bool = False,
        feature_timestamps: bool = False,
    ) -> OnlineResponse:
        """Return the newest values; see `FeatureStore.get_online_features`."""
        try:
            return self._get(request, entity_rows, (full_feature_names, feature_timestamps))
        except BaseException as error:
            if not is_in_step(error):
                # Not closed, because another thread may be reading with it.
                self._sync = None
            with translated(self._url):
                raise

    def _get(self, request: ResolvedRequest, rows: Any, naming: _Naming) -> OnlineResponse:
        connection, read = self._connected()
        stale, learned = {*self._unknown(request)}, set[str]()
        while True:
            for view in stale:
                self._learn(view, connection.hgetall(self._schemas_key(view)))
            learned |= stale
            try:
                plan, columns, tags = self._plan(request, rows, naming)
            except FeatureStoreError:
                # The request may fit the schemas that a sync published since they were read.
                stale = self._views(request) - learned
                if stale:
                    continue
                raise
            keys = plan.keys_of(tags)
            views = self._rows_of_views(plan, tags, keys, read(keys) if keys else ())
            outdated = _outdated(views)
            if not outdated - stale:
                return build_response(plan, columns, views, self._micros())
            # A sync published another schema meanwhile, so the rows may have changed as well.
            stale = outdated

    def _connected(self) -> tuple[Any, Any]:
        if self._sync is None:
            connection: Any = client(self._url)
            self._sync = connection, key_reader(connection)
        return self._sync

    async def get_async(
        self,
        request: ResolvedRequest,
        entity_rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]],
        *,
        full_feature_names: bool = False,
        feature_timestamps: bool = False,
    ) -> OnlineResponse:
        """Return the newest values without blocking the event loop."""
        try:
            return await self._get_async(
                request, entity_rows, (full_feature_names, feature_timestamps)
            )
        except BaseException as error:
            if self._async is not None and not self._async.survives(error):
                self._async = None
            with translated(self._url):
                raise

    async def _get_async(
        self, request: ResolvedRequest, rows: Any, naming: _Naming
    ) -> OnlineResponse:
        reader = self._connected_async()
        stale, learned = {*self._unknown(request)}, set[str]()
        while True:
            for view in stale:
                self._learn(view, await self._timed(reader.hgetall(self._schemas_key(view))))
            learned |= stale
            try:
                plan, columns, tags = self._plan(request, rows, naming)
            except FeatureStoreError:
                stale = self._views(request) - learned
                if stale:
                    continue
                raise
            keys = plan.keys_of(tags)
            found = await self._timed(reader.mget(keys)) if keys else ()
            views = self._rows_of_views(plan, tags, keys, found)
            outdated = _outdated(views)
            if not outdated - stale:
                now = self._micros()
                response = build_response(plan, columns, views, now)
                if self.observer is not None:
                    tell_observer(self.observer, plan, views, response, now)
                return response
            stale = outdated

    async def _timed(self, answer: Awaitable[_Answered]) -> _Answered:
        """Return what Redis answers; the observer learns how long it took."""
        if self.observer is None:
            return await answer
        started = time.perf_counter()
        try:
            return await answer
        finally:
            self.observer.round_trip(time.perf_counter() - started)

    def _micros(self) -> int:
        return micros_since_1970(self._now())

    def close(self) -> None:
        """Close the connections that blocking reads opened."""
        if self._sync is not None:
            close(self._sync[0])
            self._sync = None

    def _connected_async(self) -> AsyncReader:
        """Return a reader of the running event loop; connections do not work in another loop."""
        loop = asyncio.get_running_loop()
        if self._async is None or self._loop is not loop:
            self._async, self._loop = async_reader(self._url), loop
        return self._async

    async def close_async(self) -> None:
        """Close the connections of asynchronous reads, after the answers that are outstanding."""
        reader, self._async = self._async, None
        if reader is not None:
            await reader.aclose()

    def _schemas_key(self, view: str) -> str:
        return metadata_key(self._registry.online_name, "schema", view)

    def _unknown(self, request: ResolvedRequest) -> list[str]:
        if request in self._ready:
            return []
        unknown = [view for view in self._views(request) if view not in self._schemas]
        if not unknown:
            _remember(self._ready, request, True)
        return unknown

    def _views(self, request: ResolvedRequest) -> set[str]:
        return {self._registry.view(member.view).name for member in request.members}

    def _learn(self, view: str, schemas: Mapping[bytes, bytes]) -> None:
        # A first sync that has not finished leaves schemas without a current one.
        if not schemas.get(b"current"):
            raise self._unpublished(view)
        known = self._schemas.get(view)
        if known is not None and known.fields == schemas:
            return
        self._schemas[view] = PublishedSchemas.read(schemas)
        # A new dict, because another thread may add a plan with the old schema to the old one.
        self._plans = {}

    def _unpublished(self, view: str) -> OnlineStoreError:
        declared = self._registry.view(view)
        refuse_unpublished_view(self._registry, declared)
        if not declared.online:
            return NotServedOnline(
                f"The feature view '{view}' is declared `online: false`, so it is not published.",
                remedy="Leave it out of the request, or declare it online.",
            )
        return OnlineStoreError(
            f"The feature view '{view}' of project '{self._registry.online_name}' has not been"
            f" published to {address(self._url)}.",
            remedy="Run `featurestore sync`.",
            about=view,
        )

    def _plan(
        self, request: ResolvedRequest, rows: Any, naming: _Naming
    ) -> tuple[ReadPlan, dict[str, list[Any]], list[RequestedKeys]]:
        columns, count = entity_columns(rows)
        shape = (request, naming, count > 0, *columns)
        plans = self._plans
        plan = plans.get(shape)
        if plan is None:
            schemas = {view: published.current for view, published in self._schemas.items()}
            plan = plan_views(
                self._registry,
                schemas,
                request.members,
                # Without entity rows, no column can be missing.
                list(columns) if columns or count else None,
                full_feature_names=naming[0],
                feature_timestamps=naming[1],
                personal={view: known.personal for view, known in self._schemas.items()},
                fills=request.fills,
                service=request.service,
            )
            _remember(plans, shape, plan)
        return plan, columns, plan.tags(columns, count)

    def _rows_of_views(
        self,
        plan: ReadPlan,
        tags: Sequence[RequestedKeys],
        keys: Sequence[bytes],
        found: Sequence[bytes | None],
    ) -> list[ViewRows]:
        views, end = [], 0
        for view, asked in zip(plan.views, tags, strict=True):
            start, end = end, end + len(asked.each)
            schemas = self._schemas[view.view.name]
            views.append(schemas.view_rows(view, asked, keys[start:end], found[start:end]))
        return views


def _remember(known: dict[Any, Any], shape: Any, made: Any) -> None:
    """Cache a value for a shape of request; a caller with ever new shapes does not fill memory."""
    if len(known) >= _SHAPES:
        known.clear()
    known[shape] = made


def _outdated(views: Iterable[ViewRows]) -> set[str]:
    """Return the views with a row of an unknown schema."""
    return {view.plan.view.name for view in views if None in view.decoders.values()}
