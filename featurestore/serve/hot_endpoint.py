"""The raw ASGI application of a hot path: what it costs is paid by every request."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from math import inf

from featurestore.errors import FeatureStoreError
from featurestore.serve.exchange import (
    Disconnected,
    HttpAnswer,
    HttpScope,
    Receive,
    Send,
    read_body,
    send_answer,
)
from featurestore.serve.problems import (
    UNAVAILABLE,
    HttpProblem,
    problem_of,
    unexpected_problem,
)
from featurestore.serve.server_config import RequestLimits

__all__ = ["Gate", "HotEndpoint"]

_LOG = logging.getLogger(__name__)
_NOTE_SECONDS = 10.0
"""The time between two lines about the same trouble; the metrics count every request."""

Respond = Callable[[HttpScope, bytes], Awaitable[HttpAnswer]]
"""Returns the answer to a request, by its head and its body."""


class Gate:
    """Counts the requests that are read at the same time, and refuses those beyond the limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.inside = 0

    def enter(self) -> None:
        """Count one request.

        Raises:
            HttpProblem: Too many are inside.
        """
        if self.inside >= self._limit:
            raise HttpProblem(
                429,
                "Too many requests",
                f"The server reads {self._limit} requests already.",
                remedy="Try again, or start more workers.",
                retry_after=1,
            )
        self.inside += 1

    def leave(self) -> None:
        """Count one request less."""
        self.inside -= 1


class HotEndpoint:
    """A path that is read by POST.

    Args:
        respond: Returns the answer to a request.
        gate: Limits the requests at the same time, over all hot paths.
        limits: The greatest requests.
    """

    def __init__(self, respond: Respond, gate: Gate, limits: RequestLimits) -> None:
        self._respond = respond
        self._noted = -inf
        self._gate = gate
        self._limits = limits

    async def __call__(self, scope: HttpScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            answer = await self._answer(scope, receive)
        except HttpProblem as problem:
            self._note(problem)
            answer = HttpAnswer.of(problem)
        except FeatureStoreError as error:
            answer = HttpAnswer.of(problem_of(error))
        except Disconnected:
            return
        except Exception:  # noqa: BLE001, a bug fails one request, not the connection
            _LOG.exception("%s %s failed.", scope["method"], scope["path"])
            answer = HttpAnswer.of(unexpected_problem())
        await send_answer(send, answer)

    def _note(self, problem: HttpProblem) -> None:
        """Log why features cannot be read, once in a while: the caller is not told all of it."""
        now = time.monotonic()
        if problem.status == UNAVAILABLE and now - self._noted >= _NOTE_SECONDS:
            self._noted = now
            _LOG.warning("Features cannot be read: %s", problem.__cause__ or problem.detail)

    async def _answer(self, scope: HttpScope, receive: Receive) -> HttpAnswer:
        if scope["method"] != "POST":
            raise _other_method(scope["method"])
        self._gate.enter()
        body = None
        try:
            async with asyncio.timeout(self._limits.seconds):
                body = await read_body(scope, receive, self._limits.body_bytes)
                return await self._respond(scope, body)
        except TimeoutError:
            raise _late(self._limits.seconds, arrived=body is not None) from None
        finally:
            self._gate.leave()


def _other_method(method: str) -> HttpProblem:
    return HttpProblem(
        405,
        "Method not allowed",
        f"This path is read by POST, not by {method}.",
        remedy="Send a POST request with a JSON body.",
        allow="POST",
    )


def _late(seconds: float, *, arrived: bool) -> HttpProblem:
    if arrived:
        return HttpProblem(
            UNAVAILABLE,
            "Online store unavailable",
            f"The online store did not answer within {seconds:g} seconds.",
            remedy="Try again; the server's /readyz tells whether Redis answers.",
            retry_after=1,
        )
    return HttpProblem(
        408,
        "Request timeout",
        f"The request's body did not arrive within {seconds:g} seconds.",
        remedy="Send the whole body at once.",
    )
