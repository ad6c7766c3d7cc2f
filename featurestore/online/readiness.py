"""Whether the online store can be read: the server answers, and each view is published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from featurestore.errors import FeatureStoreError, NotServedOnline
from featurestore.governance.publishable import refuse_unpublished_view
from featurestore.online.keys import metadata_key
from featurestore.online.published_schemas import PublishedSchemas
from featurestore.online.redis.connection import async_client, load_driver, translated
from featurestore.online.redis.internals import aclose
from featurestore.online.redis.url import parse_url
from featurestore.online.redis.url_options import checked_options
from featurestore.registry.definitions import FeatureView
from featurestore.registry.registry import Registry

__all__ = ["OnlineReadiness", "prepare", "readiness"]

_EPOCH = b"epoch"


@dataclass(frozen=True, slots=True)
class OnlineReadiness:
    """The state of an online store.

    Attributes:
        unreachable: Why the server does not answer; empty if it does.
        views: Why a view cannot be read, by its name; empty text for a view that can.
    """

    unreachable: str = ""
    views: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def is_ready(self) -> bool:
        """Whether every view can be read."""
        return not self.unreachable and not any(self.views.values())


def prepare(url: str | None) -> None:
    """Check the address of the online store, and load its driver, without a connection.

    Raises:
        OnlineStoreError: The URL cannot be understood.
    """
    load_driver()
    checked_options(parse_url(url))


async def readiness(registry: Registry, url: str | None) -> OnlineReadiness:
    """Ask the online store for the epoch and the schemas of every view that is online.

    A view with personal keys, or with personal features alone, may be left out of the publication
    on purpose, so it is not asked for.

    Args:
        registry: The project's definitions.
        url: The address of the online store.
    """
    views = [view for view in registry.feature_views.values() if view.online]
    try:
        with translated(url):
            connection = async_client(url)
            try:
                found = {
                    view.name: (
                        await connection.hgetall(_key(registry, "view", view)),
                        await connection.hgetall(_key(registry, "schema", view)),
                    )
                    for view in views
                }
            finally:
                await aclose(connection)
    except FeatureStoreError as error:
        return OnlineReadiness(unreachable=str(error))
    reasons = {
        view.name: _reason(view.name, *found[view.name])
        for view in _expected(registry, views, found)
    }
    return OnlineReadiness(views=MappingProxyType(reasons))


def _key(registry: Registry, part: str, view: FeatureView) -> str:
    return metadata_key(registry.online_name, part, view.name)


def _expected(
    registry: Registry,
    views: Iterable[FeatureView],
    found: Mapping[str, tuple[Mapping[bytes, bytes], Mapping[bytes, bytes]]],
) -> list[FeatureView]:
    """Return the views that are published, or should be."""
    expected = []
    for view in views:
        try:
            refuse_unpublished_view(registry, view)
        except NotServedOnline:
            if not any(found[view.name]):
                continue
        expected.append(view)
    return expected


def _reason(view: str, moments: Mapping[bytes, bytes], schemas: Mapping[bytes, bytes]) -> str:
    """Return why a view cannot be read; empty if it can."""
    if not schemas.get(b"current"):
        return f"The feature view '{view}' has not been published. Run `featurestore sync`."
    try:
        PublishedSchemas.read(schemas)
    except FeatureStoreError as error:
        return str(error)
    if not moments.get(_EPOCH):
        return (
            f"The feature view '{view}' has no epoch: its sync is running, or did not finish. Run"
            " `featurestore sync`."
        )
    return ""
