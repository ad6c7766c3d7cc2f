"""redis-py's errors as ours: with the server's address, a remedy, and without the password."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from featurestore.errors import OnlineStoreError, OnlineStoreUnavailable
from featurestore.online.redis.url import address

__all__ = ["reason_of", "translated"]

_START = "Start it, or set FEATURESTORE_REDIS_URL (--redis-url on the command line)."
_CLIENT = "ssl_certfile=/path/to/client.pem&ssl_keyfile=/path/to/client.key"
_REMEDIES = {
    "Hostname mismatch": "Use a name in the URL that is in the server's certificate.",
    "IP address mismatch": "Use a name in the URL that is in the server's certificate.",
    "CERTIFICATE_VERIFY_FAILED": "Name the authority that signed the server's certificate:"
    " rediss://...?ssl_ca_certs=/path/to/ca.pem.",
    "CERTIFICATE_REQUIRED": f"Give the client's own certificate: rediss://...?{_CLIENT}.",
    "loading the dataset": "Wait: the server is running, and still loads its data.",
    "max number of clients": "The server is running: close connections to it, or raise its"
    " `maxclients`.",
    "Timeout reading": "The server is running, but did not answer in time: check its load and its"
    " `SLOWLOG`.",
    "not known": "Check the host in FEATURESTORE_REDIS_URL: no address is known for its name.",
    "name resolution": "Check the host in FEATURESTORE_REDIS_URL, and the DNS of this machine.",
    "Permission denied": "Let the user of this process open the socket.",
    "No master found": "Check the master's name, and that one of its Sentinels is up.",
    "WRONG_VERSION_NUMBER": "This port does not speak TLS: begin the URL with redis://.",
}
_REFUSALS = {
    "DB index is out of range": "Choose a database that the server has: redis://host:port/0.",
    "SENTINEL": "Give the sentinels' own port, by default 26379.",
    "'maxmemory'": "Give the server more memory; `featurestore sync --dry-run` estimates the need.",
    "read only replica": "This server is a replica: give the master's address.",
    "MISCONF": "The server cannot save its data: check its log and its disk.",
}
# A server that expects TLS drops a plain connection, and a plain server waits for the rest of the
# TLS greeting. Both look like a server that is down, so the remedy names every possible cause.
_AMBIGUOUS = ("Timeout connecting", "closed by server", "reset by peer", "violation of protocol")
_REMEDY_BY_TLS = {
    True: "Start it; or, if it does not speak TLS, begin the URL with redis://; or, if it requires"
    f" a client certificate, add ?{_CLIENT}.",
    False: "Start it; or, if it speaks TLS, begin the URL with rediss://.",
}


@contextmanager
def translated(url: str | None) -> Iterator[None]:
    """Turn redis-py's errors into ours, with the address and without the password."""
    import redis.exceptions as failures

    try:
        yield
    except (failures.AuthenticationError, failures.AuthorizationError) as error:
        raise OnlineStoreUnavailable(
            f"The online store at {address(url)} refused the login: {reason_of(error)}.",
            remedy="Check user and password in FEATURESTORE_REDIS_URL.",
        ) from error
    except (failures.ConnectionError, failures.TimeoutError) as error:
        raise OnlineStoreUnavailable(
            f"The online store at {address(url)} cannot be reached: {reason_of(error)}.",
            remedy=_remedy(error, url),
        ) from error
    except (failures.MovedError, failures.ClusterCrossSlotError) as error:
        raise OnlineStoreError(
            f"The online store at {address(url)} is a node of a Redis Cluster.",
            remedy="Write its URL as redis+cluster://host:port.",
        ) from error
    except (failures.TryAgainError, failures.ClusterError, failures.RedisClusterException) as error:
        raise OnlineStoreUnavailable(
            f"The cluster at {address(url)} cannot be used: {reason_of(error)}.",
            remedy="Check `cluster info` on one of its nodes.",
        ) from error
    except failures.RedisError as error:
        raise OnlineStoreError(
            f"The online store at {address(url)} refused a command: {reason_of(error)}.",
            remedy=_known(error, _REFUSALS) or "",
        ) from error


def _known(error: Exception, remedies: Mapping[str, str]) -> str | None:
    return next((remedy for sign, remedy in remedies.items() if sign in str(error)), None)


def _remedy(error: Exception, url: str | None) -> str:
    known = _known(error, _REMEDIES)
    if known is None and any(sign in str(error) for sign in _AMBIGUOUS):
        return _REMEDY_BY_TLS[(url or "").startswith("rediss")]
    return known or _START


def reason_of(error: Exception) -> str:
    """Return the first sentence of an error on one line.

    redis-py appends its own state to the error of a master that is not found; that part goes.
    """
    return " ".join(str(error).partition(" : <")[0].split()).rstrip(".")
