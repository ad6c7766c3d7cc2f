"""The client of Redis, Valkey or any server that speaks their protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from featurestore.errors import OnlineStoreError
from featurestore.online.redis.commands import RedisCommands
from featurestore.online.redis.error_messages import reason_of, translated
from featurestore.online.redis.internals import close
from featurestore.online.redis.url import Endpoint, address, parse_url
from featurestore.online.redis.url_options import checked_options

__all__ = [
    "address",
    "async_client",
    "client",
    "close",
    "connect_redis",
    "load_driver",
    "translated",
]

_CONNECT_SECONDS = 5.0
# A server that saves its data or runs another user's script may answer late. A hung server should
# still fail the run within a minute.
_ANSWER_SECONDS = 30.0
_TIMEOUTS = {"socket_connect_timeout": _CONNECT_SECONDS, "socket_timeout": _ANSWER_SECONDS}
_RETRIES = 3
_NO = ("0", "f", "false", "n", "no")


def client(url: str | None) -> RedisCommands:
    """Return a client. One of a single server or of sentinels connects on its first command.

    Args:
        url: See `url`.

    Raises:
        OnlineStoreError: The URL cannot be understood.
    """
    import redis.cluster
    import redis.sentinel
    from redis.backoff import ExponentialWithJitterBackoff
    from redis.retry import Retry

    endpoint = parse_url(url)
    retry = Retry(ExponentialWithJitterBackoff(0.05, 1.0), _RETRIES, **_retried(endpoint))
    made: RedisCommands = _made(endpoint, redis, retry)
    return made


def load_driver() -> None:
    """Load the driver of asynchronous reads, which the first read would load else."""
    import redis.asyncio  # noqa: F401


def async_client(url: str | None) -> Any:
    """Return a client for an event loop; see `client`."""
    import redis.asyncio
    import redis.asyncio.cluster
    import redis.asyncio.sentinel
    from redis.asyncio.retry import Retry
    from redis.backoff import ExponentialWithJitterBackoff

    endpoint = parse_url(url)
    retry = Retry(ExponentialWithJitterBackoff(0.05, 1.0), _RETRIES, **_retried(endpoint))
    return _made(endpoint, redis.asyncio, retry)


def _retried(endpoint: Endpoint) -> dict[str, Any]:
    """Return which errors are retried, as an argument of `Retry`.

    A single server: connection errors, not time-outs, since a second time-out would only double the
    wait. A cluster or sentinels may know another server by then, so redis-py's default applies.
    """
    from redis.exceptions import ConnectionError as NoConnection

    return {} if endpoint.kind else {"supported_errors": (NoConnection,)}


def _made(endpoint: Endpoint, package: Any, retry: Any) -> Any:
    """Return a client of the URL's kind, blocking or asynchronous depending on the package."""
    options = {**_TIMEOUTS, "retry": retry}
    checked_options(endpoint)
    with _url_errors(endpoint):
        if endpoint.kind == "cluster":
            return _cluster(endpoint, package.cluster, options)
        if endpoint.kind == "sentinel":
            return _sentinels(endpoint, package.sentinel.Sentinel, options)
        return package.Redis.from_url(endpoint.url, **options)


def _cluster(endpoint: Endpoint, package: Any, options: dict[str, Any]) -> Any:
    nodes = [package.ClusterNode(host, port) for host, port in endpoint.hosts]
    settings = _settings(endpoint)
    if endpoint.url.startswith("rediss:"):
        settings["ssl"] = True
    # A node that is down fails only the requests for its own keys.
    return package.RedisCluster(
        startup_nodes=nodes, require_full_coverage=False, **{**options, **settings}
    )


def _sentinels(endpoint: Endpoint, sentinels: Any, options: dict[str, Any]) -> Any:
    from redis.backoff import NoBackoff

    settings = _settings(endpoint)
    timeouts = {name: settings.get(name, seconds) for name, seconds in _TIMEOUTS.items()}
    own = {name: settings.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    secured = str(settings.pop("sentinel_ssl", True)).lower() not in _NO
    if endpoint.url.startswith("rediss:"):
        settings["ssl"] = True
        if secured:
            own |= {name: value for name, value in settings.items() if name.startswith("ssl")}
    # No retry of one sentinel: the client asks the next, and then all of them again.
    once = type(options["retry"])(NoBackoff(), 0)
    watchers = sentinels(
        endpoint.hosts, sentinel_kwargs={**timeouts, "retry": once, **own}, **options
    )
    return watchers.master_for(endpoint.master, **settings)


def _settings(endpoint: Endpoint) -> dict[str, Any]:
    """Return a URL's user, password, database and options, as the arguments of a client."""
    from redis.connection import parse_url as parsed

    settings: dict[str, Any] = parsed(endpoint.url)  # type: ignore[no-untyped-call]
    return {
        name: value
        for name, value in settings.items()
        if name not in ("host", "port", "connection_class")
        and not (endpoint.kind == "cluster" and name == "db")
    }


@contextmanager
def _url_errors(endpoint: Endpoint) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        # An invalid port may be a password whose host was forgotten, so it is not shown.
        known = "Invalid value" in str(error)
        reason = reason_of(error) if known else "it has no valid host and port"
        raise OnlineStoreError(
            f"The online store's URL for {address(endpoint.url)} cannot be understood: {reason}.",
            remedy="Write it as redis://[user:password@]host:port/database.",
        ) from None


@contextmanager
def connect_redis(url: str | None) -> Iterator[RedisCommands]:
    """Connect to the online store for the length of a block.

    Args:
        url: See `client`.

    Raises:
        OnlineStoreUnavailable: The server does not answer, or refuses the login.
    """
    with translated(url):
        # A cluster's client connects as soon as it is made.
        connected = client(url)
    try:
        with translated(url):
            connected.ping()
            yield connected
    finally:
        close(connected)
