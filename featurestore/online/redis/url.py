"""The URL of an online store: a single server, a cluster, or a master that sentinels watch.

    redis://[user:password@]host:port/database        a single server; rediss:// with TLS
    unix:///path/to/socket                            a single server on this machine
    redis+cluster://[user:password@]host:port,...     Redis Cluster; rediss+cluster:// with TLS
    redis+sentinel://host:port,.../name/database      the master that sentinels know by that name

Options follow a `?`; see `url_options`.
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
    """The parsed URL of an online store.

    Attributes:
        url: The URL of a single server, as redis-py reads it; with several hosts, of the first.
        kind: `cluster`, `sentinel`, or empty for a single server.
        hosts: All hosts with their ports.
        master: The name of the master that sentinels watch.
    """

    url: str
    kind: str = ""
    hosts: tuple[tuple[str, int], ...] = ()
    master: str = ""


def parse_url(url: str | None) -> Endpoint:
    """Parse the URL of an online store.

    Raises:
        OnlineStoreError: The URL has none of the four forms.

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
        # An invalid port may be a password, and the traceback would show it.
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
    # redis-py would silently use database 0.
    if database and not (database.isascii() and database.isdigit()):
        raise OnlineStoreError(
            f"The online store's URL for {address(url)} names the database '{database}', which is"
            " not a number.",
            remedy="Databases are numbered from 0: redis://host:port/0.",
        )


def _host(text: str, port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(text)
    return parts.hostname, parts.port or port


def address(url: str | None) -> str:
    """Return the server's address without user and password, so that it can be shown.

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
        # An IPv6 address without its closing bracket.
        return "the given URL"
    if _may_show_a_secret(parts):
        return "the given URL"
    if parts.scheme == "unix":
        return parts.path
    hosts = parts.netloc.rpartition("@")[2] or "localhost"
    default = 26379 if parts.scheme.endswith("sentinel") else 6379
    return ",".join(_shown(host, default) for host in hosts.split(",")) + parts.path.rstrip("/")


def _may_show_a_secret(parts: SplitResult) -> bool:
    # A password with an unescaped `/`, `?` or `#` ends at an unknown place.
    return "@" in parts.path + parts.query + parts.fragment


def _shown(text: str, default: int) -> str:
    try:
        host, port = _host(text, default)
    except ValueError:
        # An invalid port may be a password, so it is not shown.
        return text.partition(":")[0]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _unreadable(url: str) -> OnlineStoreError:
    scheme = url.partition("://")[0][:20] if "://" in url else url[:10]
    form = _FORMS.get(_SCHEMES.get(scheme, ("", ""))[1], _FORMS[""])
    return OnlineStoreError(
        f"The online store's URL, which begins with '{scheme}', cannot be understood.",
        remedy=(scheme not in _SCHEMES and did_you_mean(scheme, _SCHEMES))
        or f"Write it as {form}; put an IPv6 address in brackets.",
    )
