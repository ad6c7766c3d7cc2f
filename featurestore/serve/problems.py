"""Errors as `application/problem+json` (RFC 9457), with the texts of the SDK."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

import msgspec

from featurestore.errors import (
    EntityFrameError,
    FeatureStoreError,
    MissingExtra,
    NameCollision,
    NotServedOnline,
    OnlineStoreError,
    OnlineStoreUnavailable,
    RegistryError,
    UnknownFeatureService,
)

__all__ = [
    "PROBLEM_TYPE",
    "UNAVAILABLE",
    "HttpProblem",
    "RequestFields",
    "problem_of",
    "unexpected_problem",
]

PROBLEM_TYPE = "application/problem+json"
UNAVAILABLE = 503
"""The status of what heals by itself."""
_RETRY_SECONDS = 1
_FOR_OPERATORS = "Try again; /readyz tells an operator of the server the reason."
_UNPROCESSABLE = 422
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")

_STATUSES: tuple[tuple[type[FeatureStoreError], int], ...] = (
    (NotServedOnline, _UNPROCESSABLE),
    # Redis does not answer, or a view has not been published yet: both heal by themselves.
    (OnlineStoreError, UNAVAILABLE),
    (MissingExtra, 406),
    (FeatureStoreError, _UNPROCESSABLE),
)
"""The status of each error of the SDK; the first line that fits counts."""


@dataclass(frozen=True, slots=True)
class RequestFields:
    """The names of a request's fields, to say which of them an error is about.

    Attributes:
        service: The JSON pointer to the name of the service.
        request: The request fields that the caller gave; the other columns are entities.
    """

    service: str = "/service"
    request: Container[str] = ()


class HttpProblem(Exception):
    """An answer that is an error.

    Args:
        status: The HTTP status.
        title: The kind of the error, the same for all of its kind.
        detail: The error, its place and the offending value.
        remedy: How to fix it.
        field: A JSON pointer to the field of the request that it is about; empty if to none.
        retry_after: The seconds after which another attempt may succeed; 0 for never.
        allow: The methods that the path has.
        challenge: How the caller proves who it is, for WWW-Authenticate.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        remedy: str = "",
        *,
        field: str = "",
        retry_after: int = 0,
        allow: str = "",
        challenge: str = "",
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.remedy = remedy
        self.field = field
        self.retry_after = retry_after
        self.allow = allow
        self.challenge = challenge

    def body(self) -> bytes:
        """Return the answer's body."""
        members = {
            "type": f"urn:featurestore:problem:{self.title.lower().replace(' ', '-')}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "remedy": self.remedy,
            "field": self.field,
        }
        return msgspec.json.encode({key: value for key, value in members.items() if value})

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the answer's headers beyond its type and length."""
        found = []
        if self.retry_after:
            found.append((b"retry-after", str(self.retry_after).encode()))
        if self.allow:
            found.append((b"allow", self.allow.encode()))
        if self.challenge:
            found.append((b"www-authenticate", self.challenge.encode()))
        return found


def problem_of(
    error: FeatureStoreError, fields: RequestFields | None = None, *, status: int = 0
) -> HttpProblem:
    """Return an error of the SDK as an answer.

    Args:
        error: The error.
        fields: The names of the request's fields; None for a request without a body.
        status: The HTTP status; by default that of the error's kind.
    """
    known = next(code for kind, code in _STATUSES if isinstance(error, kind))
    found = status or known
    return HttpProblem(
        found,
        _WORDS.sub(" ", type(error).__name__).capitalize(),
        *_texts(error),
        field="" if fields is None else _field_of(error, fields),
        retry_after=_RETRY_SECONDS if found == UNAVAILABLE else 0,
    )


def _texts(error: FeatureStoreError) -> tuple[str, str]:
    """Return an error and its remedy, without the address of the online store and its reasons."""
    if not isinstance(error, OnlineStoreError):
        return error.message, error.remedy
    if error.about:
        return f"The feature view '{error.about}' has not been published.", error.remedy
    if isinstance(error, OnlineStoreUnavailable):
        return "The online store cannot be reached.", _FOR_OPERATORS
    if error.__cause__ is not None:
        return "The online store gave an answer that cannot be used.", _FOR_OPERATORS
    return error.message, error.remedy


def _field_of(error: FeatureStoreError, fields: RequestFields) -> str:
    """Return a JSON pointer to the field of the request that an error is about."""
    match error:
        case UnknownFeatureService():
            return fields.service
        case EntityFrameError(about=""):
            return "/entities"
        case EntityFrameError(about=name):
            place = "/request" if name in fields.request else "/entities"
            return f"{place}/{pointer_part(name)}"
        case NameCollision():
            return "/full_feature_names"
        case RegistryError() | NotServedOnline():
            return "/features"
    return ""


def pointer_part(name: str) -> str:
    """Return a name as one part of a JSON pointer.

    >>> pointer_part("a/b~c")
    'a~1b~0c'
    """
    return name.replace("~", "~0").replace("/", "~1")


def unexpected_problem() -> HttpProblem:
    """Return the answer to a request that met a bug; the log has its traceback."""
    return HttpProblem(
        500, "Internal error", "The server failed. Its log has the reason.", remedy="Report it."
    )
