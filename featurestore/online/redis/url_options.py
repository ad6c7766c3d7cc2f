"""The options after the `?` of an online store's URL, checked before a connection is made.

redis-py takes options as arguments. An unknown option would end in a TypeError far from its cause,
and a missing certificate in an error that does not name the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from featurestore.errors import OnlineStoreError, did_you_mean
from featurestore.online.redis.url import Endpoint, address

__all__ = ["checked_options"]

_ALWAYS = frozenset(
    {
        "client_name",
        "health_check_interval",
        "max_connections",
        "password",
        "protocol",
        "socket_connect_timeout",
        "socket_timeout",
        "username",
    }
)
_TLS = frozenset(
    {"ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile"}
)
_TLS_OF_ONE = frozenset({"ssl_ca_path", "ssl_password"})
_SENTINEL = frozenset({"sentinel_password", "sentinel_ssl", "sentinel_username"})
_PATHS: Mapping[str, Callable[[Path], bool]] = {
    "ssl_ca_certs": Path.is_file,
    "ssl_ca_path": Path.is_dir,
    "ssl_certfile": Path.is_file,
    "ssl_keyfile": Path.is_file,
}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "protocol": ("2", "3"),
    "ssl_cert_reqs": ("required", "optional", "none"),
}


def checked_options(endpoint: Endpoint) -> dict[str, str]:
    """Return the options of a URL.

    Raises:
        OnlineStoreError: An option is unknown, does not belong to a URL of this kind, or names a
            file that does not exist.

    >>> checked_options(Endpoint("rediss://cache:6380/0?socket_timeout=2"))
    {'socket_timeout': '2'}
    """
    parts = urlsplit(endpoint.url)
    # A socket's path may contain an '@'.
    behind = parts.query + parts.fragment + ("" if parts.scheme == "unix" else parts.path)
    if "@" in behind:
        # The path or the options may be the second half of a password, so nothing is shown.
        raise OnlineStoreError(
            "The online store's URL cannot be understood: an '@' comes after a '/', '?' or '#'.",
            remedy="Write / ? # and @ in a password or an option as %2F %3F %23 and %40.",
        )
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    known = _known(endpoint)
    for name, value in options.items():
        if name not in known:
            raise _unknown(endpoint, name, known)
        if name in _PATHS and not _PATHS[name](Path(value)):
            raise _refused(endpoint, f"gives {name}='{value}', which does not exist")
        if name in _CHOICES and value not in _CHOICES[name]:
            choices = ", ".join(_CHOICES[name])
            raise _refused(endpoint, f"gives {name}='{value}'", f"Use one of: {choices}.")
    return options


def _known(endpoint: Endpoint) -> frozenset[str]:
    """Return the options that a URL of this kind may have."""
    one = endpoint.kind != "cluster"
    return frozenset().union(
        _ALWAYS,
        {"db"} if one else (),
        () if endpoint.url.startswith("unix:") else {"socket_keepalive"},
        _TLS if _has_tls(endpoint) else (),
        _TLS_OF_ONE if _has_tls(endpoint) and one else (),
        _SENTINEL if endpoint.kind == "sentinel" else (),
    )


def _has_tls(endpoint: Endpoint) -> bool:
    return endpoint.url.startswith("rediss:")


def _unknown(endpoint: Endpoint, name: str, known: frozenset[str]) -> OnlineStoreError:
    if name in _TLS | _TLS_OF_ONE and not _has_tls(endpoint):
        remedy = "It is a TLS option: begin the URL with rediss instead of redis."
    else:
        remedy = did_you_mean(name, known) or f"Known options: {', '.join(sorted(known))}."
    return _refused(endpoint, f"has the unknown option '{name}'", remedy)


def _refused(endpoint: Endpoint, what: str, remedy: str = "") -> OnlineStoreError:
    return OnlineStoreError(
        f"The online store's URL for {address(endpoint.url)} {what}.", remedy=remedy
    )
