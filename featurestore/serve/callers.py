"""Who asks: the caller that a request's token names, and the tokens that count now."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from featurestore.errors import FeatureStoreError
from featurestore.serve.exchange import HttpScope, header
from featurestore.serve.grants import EVERYTHING, Grant
from featurestore.serve.problems import HttpProblem
from featurestore.serve.server_config import is_loopback
from featurestore.serve.tokens import Token, find_token, parse_tokens

__all__ = ["CALLER", "Caller", "Callers", "Provider", "TokenRefused", "TokenSource"]

_LOG = logging.getLogger(__name__)
CALLER = "featurestore.caller"
"""The key of the caller in the scope of a request."""
_SCHEME = b"bearer "
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[\w.-]+)(:\d+)?")
_DOTS = 2
"""Of a JWT; a token of the file has none."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The one who asks.

    Attributes:
        name: The token's name; empty for a caller on this machine while the server knows no token.
        grant: What the caller may read.
    """

    name: str
    grant: Grant


class TokenRefused(HttpProblem):
    """The answer to a request without a right token.

    Args:
        reason: The kind of the error, for the metrics.
        detail: The error.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(
            401,
            "Unauthorized",
            detail,
            remedy="Send the header `Authorization: Bearer <token>`, with a token of the server's.",
            challenge='Bearer realm="featurestore"',
        )
        self.reason = reason


_LOCAL = Caller("", EVERYTHING)


class TokenSource:
    """The tokens of a file and of the environment; a broken new file leaves the old ones in force.

    Args:
        file: The file; None for none.
        text: The tokens in the environment; empty for none.

    Attributes:
        tokens: The tokens that count now.
        error: Why the newest file does not count; empty if it does.
        is_open: Whether no tokens are asked for at all.

    Raises:
        FeatureStoreError: The tokens cannot be read.
    """

    def __init__(self, file: Path | None, text: str = "") -> None:
        self._file = file
        self._fixed = parse_tokens(text, "FEATURESTORE_SERVE_TOKENS") if text else ()
        # By what is configured and not by what it holds: an empty list opens nothing.
        self.is_open = file is None and not text
        self._seen = self._state()
        self.error = ""
        self.tokens: Sequence[Token] = self._read()

    def _state(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat() if self._file else None
        except OSError:
            return None
        return found and (found.st_mtime_ns, found.st_size, found.st_ino)

    def _read(self) -> tuple[Token, ...]:
        if self._file is None:
            return self._fixed
        try:
            text = self._file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise FeatureStoreError(
                f"The tokens in {self._file} cannot be read: {reason}.",
                remedy="Write the file with `featurestore token new --file`.",
            ) from None
        return (*parse_tokens(text, str(self._file)), *self._fixed)

    def refresh(self) -> None:
        """Read the file again if it has changed."""
        state = self._state()
        if state == self._seen:
            return
        self._seen = state
        try:
            self.tokens, self.error = self._read(), ""
            _LOG.info("Loaded %d tokens.", len(self.tokens))
        except FeatureStoreError as error:
            self.error = str(error)
            _LOG.error("The new tokens do not count, the old ones still do: %s", error)


class Provider(Protocol):
    """An identity provider, whose tokens name callers too."""

    async def caller(self, token: str) -> Caller:
        """Return the caller of a JWT."""


class Callers:
    """Finds the caller of a request.

    Args:
        source: The tokens.
        provider: Knows the callers with a JWT; None if none are taken.
        local: Whether the server listens on a port of this machine. Without tokens, the name in
            the header Host must then be this machine's: a browser would otherwise ask for a page
            of another site, whose name has come to mean 127.0.0.1 (DNS rebinding).
        now: Returns the present; tokens end by it.
    """

    def __init__(
        self,
        source: TokenSource,
        provider: Provider | None = None,
        *,
        local: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._source = source
        self._local = local
        self._provider = provider
        self._now = now

    async def caller(self, scope: HttpScope) -> Caller:
        """Return the caller of a request.

        Raises:
            TokenRefused: The token is missing, unknown or wrong, or has expired.
            HttpProblem: It cannot be checked now; or the server asks for none, and the request
                names another machine.
        """
        if self._source.is_open and self._provider is None:
            if self._local:
                _refuse_other_host(header(scope, b"host").decode("latin-1"))
            return _LOCAL
        secret = _bearer(scope)
        if secret is None:
            raise TokenRefused("missing", "The request has no token.")
        if self._provider is not None and secret.count(".") == _DOTS:
            return await self._provider.caller(secret)
        token = find_token(self._source.tokens, secret)
        if token is None:
            raise TokenRefused("unknown", "The token is unknown.")
        if token.expires is not None and self._now() >= token.expires:
            raise TokenRefused("expired", f"The token '{token.name}' has expired.")
        return Caller(token.name, token.grant)


def _refuse_other_host(given: str) -> None:
    name = urlsplit(f"//{given}").hostname if _HOST.fullmatch(given) else given
    if name and not is_loopback(name):
        raise HttpProblem(
            421,
            "Misdirected request",
            f"The server asks for no token, so it answers this machine, not '{given}'.",
            remedy="Ask for http://127.0.0.1 or http://localhost, or serve with --tokens.",
        )


def _bearer(scope: HttpScope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"authorization" and value[: len(_SCHEME)].lower() == _SCHEME:
            found: str = value[len(_SCHEME) :].strip().decode("latin-1")
            return found
    return None
