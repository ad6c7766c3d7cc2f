"""Tokens of an identity provider: JWTs, whose signature is checked with the provider's own keys.

Only asymmetric algorithms count. With a symmetric one the provider's public key would be a secret
that signs, and `none` leaves the signature out.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import jwt

from featurestore.errors import FeatureStoreError
from featurestore.serve.callers import Caller, TokenRefused
from featurestore.serve.problems import HttpProblem
from featurestore.serve.server_config import JwtTrust
from featurestore.serve.tokens import grant_of
from featurestore.values.visible_text import visible

__all__ = ["JwtCallers"]

_LOG = logging.getLogger(__name__)
CLAIM = "featurestore"
"""The claim with the rights of a caller, in the form of an entry of the file of tokens."""
_ALGORITHMS = [f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)]
_ALGORITHMS += ["EdDSA"]
_LEEWAY_SECONDS = 30
"""How far the clocks of the provider and of the server may be apart."""
_KEPT_SECONDS = 300.0
"""How long keys count before they are asked for again: a withdrawn key counts no longer."""
_PAUSE_SECONDS = 10.0
"""The least time between two questions, so that made-up names of keys do not reach the provider."""
_TIMEOUT_SECONDS = 5.0
_GREATEST_SET = 1_000_000
_CALLERS = 1000
"""The number of checked tokens to keep: a signature takes longer to check than a read."""


class JwtCallers:
    """Finds the callers that an identity provider vouches for.

    Args:
        trust: The provider.
        clock: Returns seconds that never jump, for the age of the keys.

    Attributes:
        renewal: The newest question for keys that runs beside the requests; None before the first.
    """

    def __init__(self, trust: JwtTrust, clock: Callable[[], float] = time.monotonic) -> None:
        self._trust = trust
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked = self._loaded = float("-inf")
        self._lock = asyncio.Lock()
        self.renewal: asyncio.Task[None] | None = None
        self._known: dict[str, tuple[Caller, float]] = {}

    async def caller(self, token: str) -> Caller:
        """Return the caller of a token.

        Raises:
            TokenRefused: The token is wrong.
            HttpProblem: The provider's keys cannot be read.
        """
        self._renew()
        known = self._known.get(token)
        if known is not None and time.time() < known[1]:
            return known[0]
        claims = self._claims(token, await self._key(token))
        caller = _caller(claims)
        if len(self._known) >= _CALLERS:
            self._known.clear()
        self._known[token] = caller, float(claims["exp"]) + _LEEWAY_SECONDS
        return caller

    def _renew(self) -> None:
        """Ask for keys that are old, beside the requests: none waits for a slow provider."""
        is_old = self._keys and self._clock() - self._loaded > _KEPT_SECONDS
        if is_old and (self.renewal is None or self.renewal.done()):
            self.renewal = asyncio.create_task(self._load())

    async def _key(self, token: str) -> jwt.PyJWK:
        try:
            name = str(jwt.get_unverified_header(token).get("kid") or "")
        except jwt.InvalidTokenError:
            raise TokenRefused("invalid", "The token is not a JWT.") from None
        if name not in self._keys:
            await self._load()
        if not self._keys:
            raise _no_keys()
        # A provider with one key need not name it.
        key = next(iter(self._keys.values())) if not name and len(self._keys) == 1 else None
        key = key or self._keys.get(name)
        if key is None:
            raise TokenRefused("unknown", "The token is signed with a key that is not published.")
        return key

    def _claims(self, token: str, key: jwt.PyJWK) -> Mapping[str, Any]:
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                audience=self._trust.audience,
                issuer=self._trust.issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.ExpiredSignatureError:
            raise TokenRefused("expired", "The token has expired.") from None
        except jwt.PyJWTError as error:
            detail = f"The token is not valid: {visible(str(error)).rstrip('.')}."
            raise TokenRefused("invalid", detail) from None
        return claims

    async def _load(self) -> None:
        """Ask the provider for its keys; keep the known ones if it does not answer."""
        async with self._lock:
            if self._clock() - self._asked < _PAUSE_SECONDS:
                return
            self._asked = self._clock()
            try:
                self._keys = await asyncio.to_thread(_published_keys, self._trust.jwks_url)
            except (OSError, ValueError, jwt.PyJWTError) as error:
                _LOG.error("The keys at %s cannot be read: %s", self._trust.jwks_url, error)
                return
            self._loaded = self._clock()
            # Also what was checked with a key that is withdrawn.
            self._known = {}


def _published_keys(url: str) -> dict[str, jwt.PyJWK]:
    # The scheme is checked where the settings are.
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
        found = json.loads(answer.read(_GREATEST_SET))
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object")
    keys = jwt.PyJWKSet.from_dict(found).keys
    return {key.key_id or "": key for key in keys if key.public_key_use in (None, "sig")}


def _caller(claims: Mapping[str, Any]) -> Caller:
    rights = claims.get(CLAIM)
    if not isinstance(rights, Mapping):
        raise TokenRefused("invalid", f"The token has no claim `{CLAIM}` with the caller's rights.")
    try:
        grant = grant_of(rights, f"The claim `{CLAIM}`")
    except FeatureStoreError as error:
        raise TokenRefused("invalid", error.message) from None
    return Caller(visible(str(claims.get("sub") or ""))[:100], grant)


def _no_keys() -> HttpProblem:
    return HttpProblem(
        503,
        "Keys unavailable",
        "The keys that check the token's signature cannot be read now.",
        remedy="Try again.",
        retry_after=1,
    )
