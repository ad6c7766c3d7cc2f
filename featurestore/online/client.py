"""Reading online: one round trip for any number of entities and views."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from featurestore.definitions import ServiceMember
from featurestore.errors import OnlineStoreError
from featurestore.governance import refuse_unpublished
from featurestore.online.codec import HEAD, VERSION, Decoder, Schema, fingerprint_of
from featurestore.online.keys import book
from featurestore.online.redis_store import (
    aclose,
    address,
    async_client,
    client,
    close,
    many,
    translated,
)
from featurestore.online.request import ViewPlan, ViewRead, columns_of, plan_views, reads_of
from featurestore.online.response import Answer, OnlineResponse, respond
from featurestore.registry import Registry

__all__ = ["OnlineClient"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SHAPES = 1000


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
        self._plans: dict[tuple[Any, ...], list[ViewPlan]] = {}
        self._members: dict[tuple[Any, ...], tuple[ServiceMember, ...]] = {}
        self._sync: Any = None
        self._async: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def members(
        self, features: str | Sequence[str] | None, feature_service: str | None
    ) -> tuple[ServiceMember, ...]:
        """Resolve a request; one that was resolved before is remembered.

        Raises:
            RegistryError: Both or neither are given, or a name is unknown.
        """
        listed = features if features is None or isinstance(features, str) else tuple(features)
        shape = (listed, feature_service)
        members = self._members.get(shape)
        if members is None:
            members = self._registry.members(listed, feature_service)
            _remember(self._members, shape, members)
        return members

    def get(
        self,
        members: Sequence[ServiceMember],
        entity_rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]],
        *,
        full_feature_names: bool = False,
    ) -> OnlineResponse:
        """Read the newest values; see `FeatureStore.get_online_features`."""
        with translated(self._url):
            if self._sync is None:
                self._sync = client(self._url)
            connection = self._sync
            stale = self._unknown(members)
            while True:
                for view in stale:
                    self._learn(view, connection.hgetall(self._schemas_key(view)))
                reads, columns = self._plan(members, entity_rows, full_feature_names)
                keys = _distinct(reads)
                raw = dict(zip(keys, many(connection)(keys), strict=True)) if keys else {}
                answers = [self._answer(read, raw) for read in reads]
                found = _outdated(answers)
                if not found - set(stale):
                    return respond(columns, answers, (self._now() - _EPOCH) // _MICROSECOND)
                # The sync has announced a new layout since: the keys may be written anew too.
                stale = sorted(found)

    async def get_async(
        self,
        members: Sequence[ServiceMember],
        entity_rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]],
        *,
        full_feature_names: bool = False,
    ) -> OnlineResponse:
        """Read the newest values without blocking the event loop."""
        self._of_this_loop()
        connection = self._async
        with translated(self._url):
            stale = self._unknown(members)
            while True:
                for view in stale:
                    self._learn(view, await connection.hgetall(self._schemas_key(view)))
                reads, columns = self._plan(members, entity_rows, full_feature_names)
                keys = _distinct(reads)
                raw = dict(zip(keys, await many(connection)(keys), strict=True)) if keys else {}
                answers = [self._answer(read, raw) for read in reads]
                found = _outdated(answers)
                if not found - set(stale):
                    return respond(columns, answers, (self._now() - _EPOCH) // _MICROSECOND)
                stale = sorted(found)

    def close(self) -> None:
        """Close the connections that blocking reads opened."""
        if self._sync is not None:
            close(self._sync)
            self._sync = None

    def _of_this_loop(self) -> None:
        """Have a client of the running event loop: connections cannot be carried to another."""
        loop = asyncio.get_running_loop()
        if self._async is None or self._loop is not loop:
            self._async, self._loop = async_client(self._url), loop

    async def close_async(self) -> None:
        """Close the connections that asynchronous reads opened."""
        if self._async is not None:
            await aclose(self._async)
            self._async = None

    def _schemas_key(self, view: str) -> str:
        return book(self._registry.project, "schema", view)

    def _unknown(self, members: Iterable[ServiceMember]) -> list[str]:
        views = dict.fromkeys(self._registry.view(member.view).name for member in members)
        return [view for view in views if view not in self._layouts]

    def _learn(self, view: str, schemas: Mapping[bytes, bytes]) -> None:
        if not schemas:
            raise self._unpublished(view)
        self._layouts[view] = _Layouts.read(schemas)
        self._plans.clear()

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
        self, members: Sequence[ServiceMember], entity_rows: Any, full_feature_names: bool
    ) -> tuple[list[ViewRead], dict[str, list[Any]]]:
        columns, count = columns_of(entity_rows)
        shape = (*map(_shape, members), *columns, full_feature_names)
        plans = self._plans.get(shape)
        if plans is None:
            schemas = {view: layouts.current for view, layouts in self._layouts.items()}
            plans = plan_views(
                self._registry,
                schemas,
                members,
                list(columns),
                full_feature_names=full_feature_names,
            )
            _remember(self._plans, shape, plans)
        return reads_of(plans, columns, count), columns

    def _answer(self, read: ViewRead, raw: Mapping[Any, bytes | None]) -> Answer:
        rows = [*map(raw.get, read.keys)]
        return Answer(read, rows, self._layouts[read.plan.view.name].of(rows))


def _remember(known: dict[Any, Any], shape: tuple[Any, ...], made: Any) -> None:
    """Keep what was made for a shape of request; asking for ever new ones does not fill memory."""
    if len(known) >= _SHAPES:
        known.clear()
    known[shape] = made


def _shape(member: ServiceMember) -> tuple[Any, ...]:
    return member.view, member.alias, member.features, *member.entities.items()


def _outdated(answers: Iterable[Answer]) -> set[str]:
    """Return the views of which a value has a layout that is not known yet."""
    return {answer.read.plan.view.name for answer in answers if None in answer.decoders.values()}


def _distinct(reads: Iterable[ViewRead]) -> list[str | None]:
    keys = dict.fromkeys(chain.from_iterable(read.keys for read in reads))
    keys.pop(None, None)
    return [*keys]


def _head(name: bytes) -> bytes:
    return bytes([VERSION]) + bytes.fromhex(name.decode())


class _Layouts:
    """The layouts in which values of one view may be found, the one in force among them."""

    def __init__(self, current: Schema, decoders: Mapping[bytes, Decoder]) -> None:
        self.current = current
        self._decoders = decoders

    @classmethod
    def read(cls, schemas: Mapping[bytes, bytes]) -> _Layouts:
        current = schemas[b"current"]
        known = {
            _head(name): Decoder(Schema.from_json(text))
            for name, text in schemas.items()
            if name != b"current"
        }
        return cls(known[_head(current)].schema, known)

    def of(self, rows: Sequence[bytes | None]) -> dict[bytes, Decoder | None]:
        """Return what reads some rows, by their heads; None for a layout that is not known.

        Raises:
            OnlineStoreError: Something is no row of this format.
        """
        heads = {row[:HEAD] for row in rows if row}
        if not heads <= self._decoders.keys():
            for row in filter(None, rows):
                fingerprint_of(row)
        return {head: self._decoders.get(head) for head in heads}
