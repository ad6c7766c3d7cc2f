"""Reading online: one round trip for any number of entities and views."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from featurestore.errors import OnlineStoreError
from featurestore.governance.personal_data import refuse_unpublished
from featurestore.online.codec import HEAD, Decoder, Schema, common_head, fingerprint_of
from featurestore.online.keys import metadata_key
from featurestore.online.online_types import logical_type
from featurestore.online.redis.connection import (
    aclose,
    address,
    async_client,
    client,
    close,
    translated,
)
from featurestore.online.redis.read_many import async_key_reader, key_reader
from featurestore.online.request import (
    ReadPlan,
    RequestedKeys,
    ViewPlan,
    entity_columns,
    plan_views,
)
from featurestore.online.response import Answer, OnlineResponse, respond
from featurestore.registry.definitions import ServiceMember
from featurestore.registry.registry import Registry
from featurestore.values.types import DataType

__all__ = ["OnlineClient", "ResolvedRequest"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SHAPES = 1000
_NAME = 2 * (HEAD - 1)
"""The length of a schema's name in the book; those of other versions of the format differ."""


@dataclass(frozen=True, slots=True, eq=False)
class ResolvedRequest:
    """The views and features that a request takes.

    It is hashed by identity: a plan is found without hashing each feature's name again. The caches
    keep the object itself as the key, so a freed object's address is never mistaken for it.
    """

    members: tuple[ServiceMember, ...]


class OnlineClient:
    """Reads the newest values of entities. It needs neither the warehouse nor dbt.

    How a view's values are laid out is read from Redis, where the sync puts it; it is asked for
    once, and again when a value turns up that was written by another layout.

    Args:
        registry: The project's definitions.
        url: The online store; see `redis_store.client`.
        now: Gives the moment against which ttls are held.
    """

    def __init__(self, registry: Registry, url: str | None, *, now: Callable[[], datetime]) -> None:
        self._registry = registry
        self._url = url
        self._now = now
        self._layouts: dict[str, _Layouts] = {}
        self._plans: dict[tuple[Any, ...], ReadPlan] = {}
        self._requests: dict[tuple[Any, ...], ResolvedRequest] = {}
        self._ready: dict[ResolvedRequest, bool] = {}
        # Each a client, and what reads many keys by it.
        self._sync: tuple[Any, Any] | None = None
        self._async: tuple[Any, Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def resolve(
        self, features: str | Sequence[str] | None, feature_service: str | None
    ) -> ResolvedRequest:
        """Return the views and features of a request; equal requests give the same object.

        Raises:
            RegistryError: Both or neither are given, or a name is unknown.
        """
        listed = features if features is None or isinstance(features, str) else tuple(features)
        shape = (listed, feature_service)
        request = self._requests.get(shape)
        if request is None:
            request = ResolvedRequest(self._registry.members(listed, feature_service))
            _remember(self._requests, shape, request)
        return request

    def key_types(self, request: ResolvedRequest) -> dict[str, DataType]:
        """Return the columns that entity rows must have for a request, with their types.

        Raises:
            OnlineStoreError: The online store cannot be read, or a view is not published.
        """
        with translated(self._url):
            connection = self._connected()[0]
            for unknown in self._unknown(request):
                self._learn(unknown, connection.hgetall(self._schemas_key(unknown)))
        types: dict[str, DataType] = {}
        for member in request.members:
            view = self._registry.view(member.view)
            names = member.key_names(view)
            keys = self._layouts[view.name].current.keys
            types |= {names.get(key, key): logical_type(kind) for key, kind in keys}
        return types

    def get(
        self,
        request: ResolvedRequest,
        entity_rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]],
        *,
        full_feature_names: bool = False,
    ) -> OnlineResponse:
        """Read the newest values; see `FeatureStore.get_online_features`."""
        try:
            return self._get(request, entity_rows, full_feature_names)
        except Exception:
            with translated(self._url):
                raise

    def _get(self, request: ResolvedRequest, rows: Any, full: bool) -> OnlineResponse:
        connection, read = self._connected()
        stale = self._unknown(request)
        while True:
            for view in stale:
                self._learn(view, connection.hgetall(self._schemas_key(view)))
            plan, columns, tags = self._plan(request, rows, full)
            keys = plan.keys_of(tags)
            answers = self._answers(plan, tags, read(keys) if keys else ())
            found = _outdated(answers)
            if not found - set(stale):
                return respond(plan, columns, answers, self._micros())
            # The sync has announced a new layout since: the keys may be written anew too.
            stale = sorted(found)

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
    ) -> OnlineResponse:
        """Read the newest values without blocking the event loop."""
        try:
            return await self._aget(request, entity_rows, full_feature_names)
        except Exception:
            with translated(self._url):
                raise

    async def _aget(self, request: ResolvedRequest, rows: Any, full: bool) -> OnlineResponse:
        connection, read = self._of_this_loop()
        stale = self._unknown(request)
        while True:
            for view in stale:
                self._learn(view, await connection.hgetall(self._schemas_key(view)))
            plan, columns, tags = self._plan(request, rows, full)
            keys = plan.keys_of(tags)
            answers = self._answers(plan, tags, await read(keys) if keys else ())
            found = _outdated(answers)
            if not found - set(stale):
                return respond(plan, columns, answers, self._micros())
            stale = sorted(found)

    def _micros(self) -> int:
        return (self._now() - _EPOCH) // _MICROSECOND

    def close(self) -> None:
        """Close the connections that blocking reads opened."""
        if self._sync is not None:
            close(self._sync[0])
            self._sync = None

    def _of_this_loop(self) -> tuple[Any, Any]:
        """Return a client of the running event loop: connections cannot be carried to another."""
        loop = asyncio.get_running_loop()
        if self._async is None or self._loop is not loop:
            connection = async_client(self._url)
            self._async, self._loop = (connection, async_key_reader(connection)), loop
        return self._async

    async def close_async(self) -> None:
        """Close the connections that asynchronous reads opened."""
        if self._async is not None:
            await aclose(self._async[0])
            self._async = None

    def _schemas_key(self, view: str) -> str:
        return metadata_key(self._registry.project, "schema", view)

    def _unknown(self, request: ResolvedRequest) -> list[str]:
        if request in self._ready:
            return []
        views = dict.fromkeys(self._registry.view(member.view).name for member in request.members)
        unknown = [view for view in views if view not in self._layouts]
        if not unknown:
            _remember(self._ready, request, True)
        return unknown

    def _learn(self, view: str, schemas: Mapping[bytes, bytes]) -> None:
        if not schemas:
            raise self._unpublished(view)
        self._layouts[view] = _Layouts.read(schemas)
        # Not cleared: another thread may be about to add a plan of the old layout.
        self._plans = {}

    def _unpublished(self, view: str) -> OnlineStoreError:
        declared = self._registry.view(view)
        if all(feature.pii for feature in declared.features):
            refuse_unpublished(declared, declared.feature_names, ())
        if not declared.online:
            return OnlineStoreError(
                f"The feature view '{view}' is declared `online: false`, so it is not published.",
                remedy="Leave it out of the request, or declare it online.",
            )
        return OnlineStoreError(
            f"The feature view '{view}' of project '{self._registry.project}' has not been"
            f" published to {address(self._url)}.",
            remedy="Run `featurestore sync`.",
        )

    def _plan(
        self, request: ResolvedRequest, rows: Any, full: bool
    ) -> tuple[ReadPlan, dict[str, list[Any]], list[RequestedKeys]]:
        columns, count = entity_columns(rows)
        shape = (request, full, *columns)
        plans = self._plans
        plan = plans.get(shape)
        if plan is None:
            schemas = {view: layouts.current for view, layouts in self._layouts.items()}
            plan = plan_views(
                self._registry, schemas, request.members, list(columns), full_feature_names=full
            )
            _remember(plans, shape, plan)
        return plan, columns, plan.tags(columns, count)

    def _answers(
        self, plan: ReadPlan, tags: Sequence[RequestedKeys], found: Sequence[bytes | None]
    ) -> list[Answer]:
        answers, end = [], 0
        for view, asked in zip(plan.views, tags, strict=True):
            start, end = end, end + len(asked.each)
            answers.append(self._layouts[view.view.name].answer(view, asked, found[start:end]))
        return answers


def _remember(known: dict[Any, Any], shape: Any, made: Any) -> None:
    """Keep what was made for a shape of request; asking for ever new ones does not fill memory."""
    if len(known) >= _SHAPES:
        known.clear()
    known[shape] = made


def _outdated(answers: Iterable[Answer]) -> set[str]:
    """Return the views of which a value has a layout that is not known yet."""
    return {answer.plan.view.name for answer in answers if None in answer.decoders.values()}


class _Layouts:
    """The layouts in which values of one view may be found, the one in force among them."""

    def __init__(self, current: Schema, decoders: Mapping[bytes, Decoder]) -> None:
        self.current = current
        self._decoders = decoders

    @classmethod
    def read(cls, schemas: Mapping[bytes, bytes]) -> _Layouts:
        """Read a view's book.

        Raises:
            OnlineStoreError: What is in force is missing, or of another version of the format.
        """
        current = Schema.from_json(schemas.get(schemas.get(b"current", b""), b""))
        known: dict[bytes, Decoder] = {}
        for name, text in schemas.items():
            if len(name) == _NAME:
                known |= Decoder.all_of(Schema.from_json(text))
        return cls(current, known)

    def answer(self, plan: ViewPlan, asked: RequestedKeys, rows: Sequence[bytes | None]) -> Answer:
        """Find out what reads the rows of each key.

        Raises:
            OnlineStoreError: Something is no row of this format.
        """
        head, oldest = common_head(rows) or (b"", None)
        decoder = self._decoders.get(head)
        if decoder is not None:
            return Answer(plan, asked, rows, {head: decoder}, oldest)
        return Answer(plan, asked, rows, self._of(rows))

    def _of(self, rows: Sequence[bytes | None]) -> dict[bytes, Decoder | None]:
        """Return what reads some rows, by their heads; None for a layout that is not known."""
        heads = {row[:HEAD] for row in rows if row}
        if not heads <= self._decoders.keys():
            for row in filter(None, rows):
                fingerprint_of(row)
        return {head: self._decoders.get(head) for head in heads}
