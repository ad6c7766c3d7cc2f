"""The URL of an online store: one server, a cluster of them, or one that sentinels watch.

    redis://[user:password@]host:port/database        one server; rediss:// with TLS
    unix:///path/to/socket                            one server on this machine
    redis+cluster://[user:password@]host:port,...     Redis Cluster; rediss+cluster:// with TLS
    redis+sentinel://host:port,.../name/database      the master that sentinels know by that name

Options go behind a `?`; see `redis_options`.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from featurestore.errors import OnlineStoreError, did_you_mean

__all__ = ["DEFAULT_URL", "Endpoint", "address", "parse_url"]

DEFAULT_URL = "redis://localhost:6379/0"

_SCHEMES = {
    "redis": ("redis", ""),
    "rediss": ("rediss", ""),
    "unix": ("unix", ""),
    "redis+cluster": ("redis", "cluster"),
    "rediss+cluster": ("rediss", "cluster"),
    "redis+sentinel": ("redis", "sentinel"),
    "rediss+sentinel": ("rediss", "sentinel"),
}
_PORTS = {"sentinel": 26379}
_FORMS = {
    "": "redis://[user:password@]host:port/database",
    "cluster": "redis+cluster://[user:password@]host:port,host:port",
    "sentinel": "redis+sentinel://host:port,host:port/<master>/<database>",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an online store is.

    Attributes:
        url: The URL of one server, as redis-py reads it; of the first host, where there are more.
        kind: `cluster`, `sentinel`, or empty for one server.
        hosts: All hosts with their ports.
        master: The name of the master that sentinels watch.
    """

    url: str
    kind: str = ""
    hosts: tuple[tuple[str, int], ...] = ()
    master: str = ""


def parse_url(url: str | None) -> Endpoint:
    """Read the URL of an online store.

    Raises:
        OnlineStoreError: It is of no form that is known.

    >>> parse_url("redis+sentinel://a:1,b/feast/2")
    Endpoint(url='redis://a:1/2', kind='sentinel', hosts=(('a', 1), ('b', 26379)), master='feast')
    >>> parse_url("redis+cluster://user:secret@10.0.0.1:7000").url
    'redis://user:secret@10.0.0.1:7000'
    """
    given = url or DEFAULT_URL
    scheme = given.partition("://")[0]
    if "://" not in given or scheme not in _SCHEMES:
        raise _unreadable(given)
    plain, kind = _SCHEMES[scheme]
    try:
        parts = urlsplit(given)
        if not kind:
            if plain != "unix" and not _may_show_a_secret(parts):
                _check_database(parts.path.strip("/"), given)
            return Endpoint(given)
        user, at, listed = parts.netloc.rpartition("@")
        hosts = tuple(_host(text, _PORTS.get(kind, 6379)) for text in listed.split(","))
    except ValueError:
        # What is no port may be a password, which a traceback would show.
        raise _unreadable(given) from None
    master, _, database = parts.path.strip("/").partition("/")
    if kind == "sentinel" and not master:
        raise OnlineStoreError(
            f"The online store's URL for {address(given)} does not name the sentinels' master.",
            remedy=f"Write it as {_FORMS[kind]}.",
        )
    if kind == "sentinel":
        _check_database(database, given)
    rest = {"cluster": parts.path, "sentinel": f"/{database}" if database else ""}[kind]
    query = f"?{parts.query}" if parts.query else ""
    first = listed.split(",")[0]
    return Endpoint(f"{plain}://{user}{at}{first}{rest}{query}", kind, hosts, unquote(master))


def _check_database(database: str, url: str) -> None:
    # The client would take the first one for it.
    if database and not (database.isascii() and database.isdigit()):
        raise OnlineStoreError(
            f"The online store's URL for {address(url)} names the database '{database}', which is"
            " no number.",
            remedy="Databases are numbered from 0: redis://host:port/0.",
        )


def _host(text: str, port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(text)
    return parts.hostname, parts.port or port


def address(url: str | None) -> str:
    """Return the server's address as it may be shown: without user and password.

    >>> address("redis://admin:secret@cache.internal:6380/2")
    'cache.internal:6380/2'
    >>> address("redis+cluster://admin:secret@a:7000,b:7001")
    'a:7000,b:7001'
    >>> address("redis+cluster://:secret@[2001:db8::1]:7000,[2001:db8::2]")
    '[2001:db8::1]:7000,[2001:db8::2]:6379'
    """
    try:
        parts = urlsplit(url or DEFAULT_URL)
    except ValueError:
        # A bracket of an IPv6 address that is missing.
        return "the given URL"
    if _may_show_a_secret(parts):
        return "the given URL"
    if parts.scheme == "unix":
        return parts.path
    hosts = parts.netloc.rpartition("@")[2] or "localhost"
    default = 26379 if parts.scheme.endswith("sentinel") else 6379
    return ",".join(_shown(host, default) for host in hosts.split(",")) + parts.path.rstrip("/")


def _may_show_a_secret(parts: SplitResult) -> bool:
    # One with an unescaped `/`, `?` or `#`: there is no telling where it ends.
    return "@" in parts.path + parts.query + parts.fragment


def _shown(text: str, default: int) -> str:
    try:
        host, port = _host(text, default)
    except ValueError:
        # Of what is no port nothing is shown: it may be a password.
        return text.partition(":")[0]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _unreadable(url: str) -> OnlineStoreError:
    scheme = url.partition("://")[0][:20] if "://" in url else url[:10]
    form = _FORMS.get(_SCHEMES.get(scheme, ("", ""))[1], _FORMS[""])
    return OnlineStoreError(
        f"The online store's URL, which begins with '{scheme}', cannot be understood.",
        remedy=(scheme not in _SCHEMES and did_you_mean(scheme, _SCHEMES))
        or f"Write it as {form}; an IPv6 address stands in brackets.",
    )
