"""The tokens that callers show: 256 random bits. Only the SHA-256 is kept.

A slow hash protects passwords, which can be guessed. A random token cannot, and a slow hash would
cost as much as hundreds of requests.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import yaml

from featurestore.errors import FeatureStoreError, did_you_mean
from featurestore.serve.grants import Grant
from featurestore.values.visible_text import visible

__all__ = ["Token", "find_token", "grant_of", "hash_of", "new_secret", "parse_tokens"]

_BYTES = 32
_PREFIX = "fst_"
"""The beginning of a token, by which scanners of repositories know one."""
_HASH = re.compile(r"[0-9a-f]{64}")
_LISTS = ("services", "views", "groups")
_FLAGS = ("personal", "operator")
_OWN = ("name", "sha256", "expires")
_KEYS = (*_OWN, *_LISTS, *_FLAGS)


@dataclass(frozen=True, slots=True)
class Token:
    """A token, without its secret.

    Attributes:
        name: The name of the caller, for the log. Two tokens may share it while one replaces the
            other.
        sha256: The SHA-256 of the secret, in hexadecimal digits.
        grant: What the caller may read.
        expires: The moment at which the token ends; None for no end.
    """

    name: str
    sha256: str
    grant: Grant
    expires: datetime | None = None


def new_secret() -> str:
    """Return a new secret: 256 random bits as text."""
    return _PREFIX + secrets.token_urlsafe(_BYTES)


def hash_of(secret: str) -> str:
    """Return the SHA-256 of a secret.

    >>> hash_of("fst_x")[:8]
    'cf9e8eeb'
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def find_token(tokens: Iterable[Token], secret: str) -> Token | None:
    """Return the token with a secret; None if there is none.

    Each is compared, in a time that does not depend on the digits.
    """
    wanted, found = hash_of(secret), None
    for token in tokens:
        if hmac.compare_digest(token.sha256, wanted):
            found = token
    return found


def parse_tokens(text: str, source: str) -> tuple[Token, ...]:
    """Return the tokens in a YAML or JSON text.

    Args:
        text: A list of tokens, or a mapping with the list under `tokens`.
        source: The file or variable, for messages.

    Raises:
        FeatureStoreError: An entry is wrong; the error names its place, and no secret.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f" at line {place.line + 1}" if place else ""
        raise _wrong(source, f"is not YAML{where}") from None
    except (ValueError, RecursionError) as error:
        # A date such as 2027-13-01, a number of thousands of digits, lists within lists.
        reason = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        raise _wrong(source, f"cannot be read: {reason}") from None
    entries = content.get("tokens") if isinstance(content, dict) else content
    if not isinstance(entries, list):
        raise _wrong(source, "has no list of tokens")
    tokens = [_token(entry, f"{source}, token {n}") for n, entry in enumerate(entries, 1)]
    hashes = [token.sha256 for token in tokens]
    for number, token in enumerate(tokens, 1):
        if hashes.index(token.sha256) != number - 1:
            raise _wrong(f"{source}, token {number}", "has the sha256 of another token")
    return tuple(tokens)


def _token(entry: Any, where: str) -> Token:
    if not isinstance(entry, Mapping):
        raise _wrong(where, "is not a mapping")
    rights = {key: value for key, value in entry.items() if key not in _OWN}
    grant = grant_of(rights, where, _KEYS)
    name, sha256 = entry.get("name"), str(entry.get("sha256") or "")
    if not isinstance(name, str) or not name:
        raise _wrong(where, "has no name")
    if not _HASH.fullmatch(sha256):
        raise _wrong(where, "has no sha256 of 64 hexadecimal digits in lower case")
    return Token(name, sha256, grant, _moment(entry.get("expires"), where))


def grant_of(
    rights: Mapping[str, Any], where: str, known: Sequence[str] = (*_LISTS, *_FLAGS)
) -> Grant:
    """Return the rights of a caller.

    Args:
        rights: The lists and flags of an entry.
        where: Their place, for messages.
        known: The keys that the place may have, for messages.

    Raises:
        FeatureStoreError: A key is unknown, or a value has another type.
    """
    for key in rights:
        if key not in _LISTS and key not in _FLAGS:
            near = did_you_mean(str(key), known) or f"It may have: {', '.join(known)}."
            raise _wrong(where, f"has the unknown key '{visible(str(key))}'", near)
    services, views, groups = (_names(rights.get(key), key, where) for key in _LISTS)
    personal, operator = (_flag(rights.get(key), key, where) for key in _FLAGS)
    return Grant(services, views, groups, personal, operator)


def _names(value: Any, key: str, where: str) -> frozenset[str]:
    if value is None:
        return frozenset()
    listed: Sequence[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(name, str) and name for name in listed):
        raise _wrong(where, f"has `{key}: {visible(str(value))}`", "Write a list of names, or '*'.")
    return frozenset(listed)


def _flag(value: Any, key: str, where: str) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise _wrong(where, f"has `{key}: {visible(str(value))}`", "Write true or false.")


def _moment(value: Any, where: str) -> datetime | None:
    """Return the end of a token: an instant, or the beginning of a day in UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise _wrong(
                where, f"has `expires: {visible(value)}`", "Write a date such as 2027-01-31."
            ) from None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    if value is None:
        return None
    raise _wrong(where, f"has `expires: {value}`", "Write a date such as 2027-01-31.")


def _wrong(where: str, problem: str, remedy: str = "") -> FeatureStoreError:
    return FeatureStoreError(
        f"{where}, {problem}." if "," in where else f"{where} {problem}.",
        remedy=remedy or "`featurestore token new` prints an entry.",
    )
