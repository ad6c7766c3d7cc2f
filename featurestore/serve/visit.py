"""One request as metrics, access log and traces see it; it holds no key, no value and no secret."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from featurestore.serve.exchange import HttpScope, Send, header_as_sent

__all__ = ["VISIT", "Visit"]

VISIT = "featurestore.visit"
"""The key of the visit in the scope of a request."""
LEFT = 499
"""The status of a request whose client left before the answer, as in nginx."""
_PATHS = frozenset(
    {"/v1/features", "/get-online-features", "/v1/registry", "/openapi.json", "/metrics"}
    | {"/healthz", "/readyz", "/", "/try.js", "/try.css"}
)
_TEMPLATES = {"/v1/views/": "/v1/views/{view}", "/v1/services/": "/v1/services/{service}"}
_REQUEST_ID = re.compile(rb"[\w.:/+=@-]{1,128}", re.ASCII)


# Not frozen: whoever reads the request fills it in.
@dataclass(slots=True)
class Visit:
    """One request.

    Attributes:
        method: The HTTP method.
        path: The path.
        request_id: The client's own name of the request, or a new one.
        started: When its head had arrived, in seconds of a clock that does not jump.
        caller: The name of the caller's token; empty without one.
        service: The service that is asked for; empty for none.
        features: The references that are asked for, instead of a service.
        rows: The number of entity rows.
        status: The HTTP status of the answer.
    """

    method: str
    path: str
    request_id: str
    started: float
    caller: str = ""
    service: str = ""
    features: Sequence[str] = ()
    rows: int = 0
    status: int = LEFT

    @classmethod
    def of(cls, scope: HttpScope) -> Visit:
        """Return the visit of a request that begins."""
        given = header_as_sent(scope, b"x-request-id")
        known = given.decode() if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        return cls(scope["method"], scope["path"], known, time.perf_counter())

    def asks(self, service: str | None, features: Sequence[str] | None, rows: int) -> None:
        """Note what is asked for."""
        self.service, self.features, self.rows = service or "", features or (), rows

    def marking(self, send: Send) -> Send:
        """Return a function that sends, notes the status and adds the request's name."""

        async def marked(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                name = (b"x-request-id", self.request_id.encode())
                message["headers"] = [*message["headers"], name]
            await send(message)

        return marked

    @property
    def seconds(self) -> float:
        """The time since it started."""
        return time.perf_counter() - self.started

    @property
    def route(self) -> str:
        """The path as the description names it; `other` for all that it does not name."""
        if self.path in _PATHS:
            return self.path
        for start, template in _TEMPLATES.items():
            if self.path.startswith(start):
                return template
        return "other"
