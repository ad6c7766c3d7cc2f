"""One HTTP exchange in raw ASGI: read a body within its limits, send an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from featurestore.serve.problems import PROBLEM_TYPE, HttpProblem

__all__ = [
    "JSON",
    "HttpAnswer",
    "HttpScope",
    "Receive",
    "Send",
    "header",
    "header_as_sent",
    "read_body",
    "send_answer",
]

HttpScope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON = b"application/json"


@dataclass(slots=True)
class HttpAnswer:
    """The answer to a request.

    Attributes:
        body: The body.
        media_type: The type of the body.
        status: The HTTP status.
        headers: Further headers.
    """

    body: bytes
    media_type: bytes = JSON
    status: int = 200
    headers: Iterable[tuple[bytes, bytes]] = ()

    @classmethod
    def of(cls, problem: HttpProblem) -> HttpAnswer:
        """Return an error as an answer."""
        return cls(problem.body(), PROBLEM_TYPE.encode(), problem.status, problem.headers())


class Disconnected(Exception):
    """The client is gone before its request was complete, so nobody waits for an answer."""


def header(scope: HttpScope, name: bytes) -> bytes:
    """Return the value of a header in lower case; empty if the request does not have it."""
    return header_as_sent(scope, name).lower()


def header_as_sent(scope: HttpScope, name: bytes) -> bytes:
    """Return the value of a header; empty if the request does not have it."""
    for key, value in scope["headers"]:
        if key == name:
            text: bytes = value
            return text
    return b""


async def read_body(scope: HttpScope, receive: Receive, limit: int) -> bytes:
    """Return the body of a request.

    Args:
        scope: The head of the request.
        receive: Receives the next part.
        limit: The greatest number of bytes.

    Raises:
        HttpProblem: The body is larger.
        Disconnected: The client is gone.
    """
    announced = header(scope, b"content-length")
    if announced and int(announced) > limit:
        raise _too_large(limit)
    message = await receive()
    # Most bodies come in one part.
    body: bytes = message.get("body", b"")
    while True:
        if message["type"] == "http.disconnect":
            raise Disconnected
        if len(body) > limit:
            raise _too_large(limit)
        if not message.get("more_body"):
            return body
        message = await receive()
        body += message.get("body", b"")


def _too_large(limit: int) -> HttpProblem:
    return HttpProblem(
        413,
        "Body too large",
        f"The request's body has more than {limit} bytes.",
        remedy="Ask for fewer entities at once, or start the server with a greater"
        " --max-body-bytes.",
    )


async def send_answer(send: Send, answer: HttpAnswer) -> None:
    """Send an answer."""
    headers = [
        (b"content-type", answer.media_type),
        (b"content-length", b"%d" % len(answer.body)),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
