"""The connection to Redis, Valkey or any server that speaks their protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from featurestore.errors import OnlineStoreError, OnlineStoreUnavailable

if TYPE_CHECKING:
    import redis
    import redis.asyncio

__all__ = ["DEFAULT_URL", "address", "async_client", "client", "connect_redis", "translated"]

DEFAULT_URL = "redis://localhost:6379/0"
_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 30.0


def address(url: str | None) -> str:
    """Return the server's address as it may be shown: without user and password.

    >>> address("redis://admin:secret@cache.internal:6380/2")
    'cache.internal:6380/2'
    """
    parts = urlsplit(url or DEFAULT_URL)
    if "@" in parts.path:
        # A secret with an unescaped slash: there is no telling where it ends.
        return "the given URL"
    if parts.scheme == "unix":
        return parts.path
    return f"{parts.hostname or 'localhost'}:{_port(parts)}{parts.path.rstrip('/')}"


def _port(parts: Any) -> int:
    try:
        return parts.port or 6379
    except ValueError:
        return 6379


def client(url: str | None) -> redis.Redis:
    """Return a client; it connects when it is first used.

    Args:
        url: `redis://`, `rediss://` (TLS) or `unix://`, with user, password and database.

    Raises:
        OnlineStoreError: The URL cannot be understood.
    """
    import redis

    with _readable(url):
        return redis.Redis.from_url(url or DEFAULT_URL, **_options(), retry=_retry())


def async_client(url: str | None) -> redis.asyncio.Redis:
    """Return a client for an event loop; see `client`."""
    import redis.asyncio
    from redis.asyncio.retry import Retry
    from redis.backoff import ExponentialWithJitterBackoff

    retry = Retry(ExponentialWithJitterBackoff(base=0.05, cap=1.0), 3)
    with _readable(url):
        return redis.asyncio.Redis.from_url(url or DEFAULT_URL, **_options(), retry=retry)


def _retry() -> Any:
    from redis.backoff import ExponentialWithJitterBackoff
    from redis.retry import Retry

    return Retry(ExponentialWithJitterBackoff(base=0.05, cap=1.0), 3)


def _options() -> dict[str, Any]:
    return {"socket_connect_timeout": _CONNECT_SECONDS, "socket_timeout": _ANSWER_SECONDS}


@contextmanager
def _readable(url: str | None) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        scheme = (url or "").partition("://")[0]
        raise OnlineStoreError(
            f"The online store's URL, which begins with '{scheme[:10]}', cannot be understood.",
            remedy="Write it as redis://[user:password@]host:port/database.",
        ) from error


@contextmanager
def connect_redis(url: str | None) -> Iterator[redis.Redis]:
    """Connect to the online store for the length of a block.

    Args:
        url: See `client`.

    Raises:
        OnlineStoreUnavailable: The server does not answer, or turns the connection away.
    """
    connected = client(url)
    try:
        with translated(url):
            connected.ping()
            yield connected
    finally:
        connected.close()


@contextmanager
def translated(url: str | None) -> Iterator[None]:
    """Turn redis-py's errors into ours, with the address and without the password."""
    import redis.exceptions as failures

    try:
        yield
    except (failures.AuthenticationError, failures.AuthorizationError) as error:
        raise OnlineStoreUnavailable(
            f"The online store at {address(url)} turned the connection away: {error}.",
            remedy="Check user and password in FEATURESTORE_REDIS_URL.",
        ) from error
    except (failures.ConnectionError, failures.TimeoutError) as error:
        raise OnlineStoreUnavailable(
            f"The online store at {address(url)} cannot be reached: {_reason(error)}.",
            remedy="Start it, or set FEATURESTORE_REDIS_URL (--redis-url on the command line).",
        ) from error
    except failures.RedisError as error:
        raise OnlineStoreError(
            f"The online store at {address(url)} refused a command: {_reason(error)}."
        ) from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
