"""The connection to Redis, Valkey or any server that speaks their protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from featurestore.errors import OnlineStoreError, OnlineStoreUnavailable
from featurestore.online.redis.url import Endpoint, address, parse_url
from featurestore.online.redis.url_options import checked_options

if TYPE_CHECKING:
    import redis
    import redis.asyncio

__all__ = [
    "aclose",
    "address",
    "async_client",
    "client",
    "close",
    "connect_redis",
    "is_cluster",
    "servers",
    "translated",
]

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 30.0
_RETRIES = 3


def client(url: str | None) -> redis.Redis:
    """Return a client; it connects when it is first used.

    Args:
        url: See `redis_url`.

    Raises:
        OnlineStoreError: The URL cannot be understood.
    """
    import redis.cluster
    import redis.sentinel
    from redis.backoff import ExponentialWithJitterBackoff
    from redis.retry import Retry

    endpoint = parse_url(url)
    retry = Retry(ExponentialWithJitterBackoff(0.05, 1.0), _RETRIES, **_tried_again(endpoint))
    made: redis.Redis = _made(endpoint, redis, retry)
    return made


def async_client(url: str | None) -> redis.asyncio.Redis:
    """Return a client for an event loop; see `client`."""
    import redis.asyncio
    import redis.asyncio.cluster
    import redis.asyncio.sentinel
    from redis.asyncio.retry import Retry
    from redis.backoff import ExponentialWithJitterBackoff

    endpoint = parse_url(url)
    retry = Retry(ExponentialWithJitterBackoff(0.05, 1.0), _RETRIES, **_tried_again(endpoint))
    made: redis.asyncio.Redis = _made(endpoint, redis.asyncio, retry)
    return made


_NO = ("0", "f", "false", "n", "no")
_TIMEOUTS = {"socket_connect_timeout": _CONNECT_SECONDS, "socket_timeout": _ANSWER_SECONDS}


def _tried_again(endpoint: Endpoint) -> dict[str, Any]:
    """Return which errors are: what took its whole time would take it again at the same server.

    A cluster or sentinels may know another server by then.
    """
    from redis.exceptions import ConnectionError as NoConnection

    return {} if endpoint.kind else {"supported_errors": (NoConnection,)}


def _made(endpoint: Endpoint, package: Any, retry: Any) -> Any:
    """Return a client of the kind that the URL names, blocking or not by the package."""
    options = {**_TIMEOUTS, "retry": retry}
    checked_options(endpoint)
    with _readable(endpoint):
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
    # A part of the cluster that is down concerns those alone who ask for its keys.
    return package.RedisCluster(
        startup_nodes=nodes, require_full_coverage=False, **{**options, **settings}
    )


def _sentinels(endpoint: Endpoint, sentinels: Any, options: dict[str, Any]) -> Any:
    from redis.backoff import NoBackoff

    settings = _settings(endpoint)
    waits = {name: settings.get(name, seconds) for name, seconds in _TIMEOUTS.items()}
    own = {name: settings.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    secured = str(settings.pop("sentinel_ssl", True)).lower() not in _NO
    if endpoint.url.startswith("rediss:"):
        settings["ssl"] = True
        if secured:
            own |= {name: value for name, value in settings.items() if name.startswith("ssl")}
    # One that does not answer is no loss: the next is asked, and then all of them again.
    once = type(options["retry"])(NoBackoff(), 0)
    asking = {**waits, "retry": once, **own}
    watchers = sentinels(endpoint.hosts, sentinel_kwargs=asking, **options)
    return watchers.master_for(endpoint.master, **settings)


def _settings(endpoint: Endpoint) -> dict[str, Any]:
    """Return what a URL says beside the host, as the arguments of a client."""
    from redis.connection import parse_url as parsed

    settings: dict[str, Any] = parsed(endpoint.url)  # type: ignore[no-untyped-call]
    return {
        name: value
        for name, value in settings.items()
        if name not in ("host", "port", "connection_class")
        and not (endpoint.kind == "cluster" and name == "db")
    }


def is_cluster(client: Any) -> bool:
    """Whether a client is of a cluster, where commands with many keys cannot cross slots."""
    return hasattr(client, "nodes_manager")


def servers(client: Any) -> list[Any]:
    """Return a client for each server that takes writes, as they are by now."""
    if not is_cluster(client):
        return [client]
    client.nodes_manager.initialize()
    return [client.get_redis_connection(node) for node in client.get_primaries()]


def close(client: Any) -> None:
    """Close a client, and the connections to sentinels that it has for itself."""
    client.close()
    for sentinel in _sentinels_of(client):
        sentinel.close()


async def aclose(client: Any) -> None:
    """Close a client of an event loop; see `close`."""
    await client.aclose()
    for sentinel in _sentinels_of(client):
        await sentinel.aclose()


def _sentinels_of(client: Any) -> list[Any]:
    pool = getattr(client, "connection_pool", None)
    return list(getattr(getattr(pool, "sentinel_manager", None), "sentinels", ()))


@contextmanager
def _readable(endpoint: Endpoint) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        # A port that is no number may be a password whose host was forgotten.
        told = _reason(error) if "Invalid value" in str(error) else "that is no host and port"
        raise OnlineStoreError(
            f"The online store's URL for {address(endpoint.url)} cannot be understood: {told}.",
            remedy="Write it as redis://[user:password@]host:port/database.",
        ) from None


@contextmanager
def connect_redis(url: str | None) -> Iterator[redis.Redis]:
    """Connect to the online store for the length of a block.

    Args:
        url: See `client`.

    Raises:
        OnlineStoreUnavailable: The server does not answer, or turns the connection away.
    """
    with translated(url):
        # A client of a cluster connects when it is made.
        connected = client(url)
    try:
        with translated(url):
            connected.ping()
            yield connected
    finally:
        close(connected)


@contextmanager
def translated(url: str | None) -> Iterator[None]:
    """Turn redis-py's errors into ours, with the address and without the password."""
    import redis.exceptions as failures

    try:
        yield
    except (failures.AuthenticationError, failures.AuthorizationError) as error:
        raise OnlineStoreUnavailable(
            f"The online store at {address(url)} turned the connection away: {_reason(error)}.",
            remedy="Check user and password in FEATURESTORE_REDIS_URL.",
        ) from error
    except (failures.ConnectionError, failures.TimeoutError) as error:
        raise OnlineStoreUnavailable(
            f"The online store at {address(url)} cannot be reached: {_reason(error)}.",
            remedy=_remedy(error, url),
        ) from error
    except (failures.MovedError, failures.ClusterCrossSlotError) as error:
        raise OnlineStoreError(
            f"The online store at {address(url)} is a node of a Redis Cluster.",
            remedy="Write its URL as redis+cluster://host:port.",
        ) from error
    except (failures.TryAgainError, failures.ClusterError, failures.RedisClusterException) as error:
        raise OnlineStoreUnavailable(
            f"The cluster at {address(url)} cannot be used: {_reason(error)}.",
            remedy="Check `cluster info` on one of its nodes.",
        ) from error
    except failures.RedisError as error:
        raise OnlineStoreError(
            f"The online store at {address(url)} refused a command: {_reason(error)}.",
            remedy=_known(error, _REFUSALS) or "",
        ) from error


_START = "Start it, or set FEATURESTORE_REDIS_URL (--redis-url on the command line)."
_CLIENT = "ssl_certfile=/path/to/client.pem&ssl_keyfile=/path/to/client.key"
_REMEDIES = {
    "Hostname mismatch": "Use a name in the URL that is in the server's certificate.",
    "IP address mismatch": "Use a name in the URL that is in the server's certificate.",
    "CERTIFICATE_VERIFY_FAILED": "Name the authority that signed the server's certificate:"
    " rediss://...?ssl_ca_certs=/path/to/ca.pem.",
    "CERTIFICATE_REQUIRED": f"Give the client's own certificate: rediss://...?{_CLIENT}.",
    "No master found": "Check the master's name, and that one of its Sentinels is up.",
    "WRONG_VERSION_NUMBER": "The server speaks no TLS here: let the URL begin with redis://.",
}
_REFUSALS = {
    "DB index is out of range": "Choose a database that the server has: redis://host:port/0.",
    "SENTINEL": "Name the sentinels' own port, which is 26379 by default.",
    "'maxmemory'": "Give the server more memory; `featurestore sync --dry-run` tells how much.",
    "read only replica": "This is a replica: name the master.",
    "MISCONF": "The server cannot save its data: see its log and its disk.",
}
# What comes of a server that waits for the rest of a command, and of one that waits for TLS.
_SILENT = ("Timeout connecting", "closed by server", "reset by peer", "violation of protocol")
_UNSURE = {
    True: "Start it; or, if it speaks no TLS, let the URL begin with redis://; or, if it wants a"
    f" certificate of the client, add ?{_CLIENT}.",
    False: "Start it; or, if it speaks TLS, let the URL begin with rediss://.",
}


def _known(error: Exception, remedies: Mapping[str, str]) -> str | None:
    return next((remedy for sign, remedy in remedies.items() if sign in str(error)), None)


def _remedy(error: Exception, url: str | None) -> str:
    known = _known(error, _REMEDIES)
    if known is None and any(sign in str(error) for sign in _SILENT):
        return _UNSURE[(url or "").startswith("rediss")]
    return known or _START


def _reason(error: Exception) -> str:
    # Of a master that is not found, the client goes on to tell all that it knows of itself.
    return " ".join(str(error).partition(" : <")[0].split()).rstrip(".")
