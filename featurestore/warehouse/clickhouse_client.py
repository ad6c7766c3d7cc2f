"""How the driver of ClickHouse is called: a session's settings, and the response of a query."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

__all__ = ["SETTINGS", "Response", "client_arguments"]

SETTINGS = {
    # By default an outer join fills missing values with 0 or an empty text instead of NULL.
    "join_use_nulls": 1,
    # A DateTime without a zone is read and written in the session's.
    "session_timezone": "UTC",
    "output_format_arrow_string_as_string": 1,
}
"""The settings of every session: statements and types depend on them."""
# Temporary tables live as long as the session. The server ends it after this time without a
# statement; an hour is the longest that it allows by default.
_SESSION_SECONDS = 3600
_TAIL = 16_384
"""The bytes at the end of a response in which an error in mid-stream is looked for."""


class Response:
    """A response of the server that remembers its last bytes."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._tail = b""
        self.closed = False

    def read(self, size: int) -> bytes:
        """Return the next bytes; fewer than asked for only at the end."""
        parts: list[bytes] = []
        while size > 0 and (part := self._raw.read(size)):
            parts.append(part)
            size -= len(part)
        data = b"".join(parts)
        self._tail = (self._tail + data[-_TAIL:])[-_TAIL:]
        return data

    def last_words(self) -> str:
        """Return the engine's error at the end of the response; empty if there is none."""
        with contextlib.suppress(Exception):
            self.read(_TAIL)
        _, code, words = self._tail.decode("utf-8", "replace").rpartition("Code: ")
        return code + words

    def close(self) -> None:
        """Close the response."""
        self.closed = True
        self._raw.close()


def client_arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the driver's arguments for a target's settings.

    >>> found = client_arguments({"host": "ch", "secure": True, "schema": "marts"})
    >>> found["port"], found["username"], found["database"]
    (8443, 'default', 'marts')
    """
    secure = bool(settings.get("secure", False))
    optional = {
        "connect_timeout": settings.get("connect_timeout"),
        "send_receive_timeout": settings.get("send_receive_timeout"),
        "compress": settings.get("compression"),
        "client_cert": settings.get("client_cert"),
        "client_cert_key": settings.get("client_cert_key"),
        "server_host_name": settings.get("server_host_name"),
    }
    return {
        "host": str(settings.get("host") or "localhost"),
        "port": int(settings.get("port") or (8443 if secure else 8123)),
        "username": str(settings.get("user") or "default"),
        "password": str(settings.get("password") or ""),
        "database": str(settings.get("schema") or "default"),
        "interface": "https" if secure else "http",
        "verify": bool(settings.get("verify", True)),
        "autogenerate_session_id": True,
        "settings": {
            "session_timeout": _SESSION_SECONDS,
            **(settings.get("custom_settings") or {}),
            **SETTINGS,
        },
        **{name: value for name, value in optional.items() if value is not None},
    }
