"""The body of POST /v1/features: the features, the entities, and the request's own fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from featurestore.errors import did_you_mean
from featurestore.serve.problems import HttpProblem, RequestFields, pointer_part

__all__ = ["FeatureRequest", "decoded", "row_count", "too_many_rows"]

_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_PLACE = re.compile(r" - at `\$(.*)`$")

Body = TypeVar("Body")


class FeatureRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request.

    Attributes:
        service: The name of a feature service.
        features: References `view:feature` or `view:*`, instead of a service.
        entities: One list of values per join key, or one mapping of join keys per row.
        request: The request's own fields, in either form.
        full_feature_names: Name the values `view__feature`.
        timestamps: Add the time of the row that each view's values are from.
        statuses: Add the statuses.
    """

    service: str | None = None
    features: list[str] | None = None
    entities: dict[str, Any] | list[Any] | None = None
    request: dict[str, Any] | list[Any] | None = None
    full_feature_names: bool = False
    timestamps: bool = False
    statuses: bool = True

    @property
    def request_names(self) -> tuple[str, ...]:
        """The names of the request's own fields."""
        given = self.request
        first = given[0] if isinstance(given, list) and given else given
        return tuple(first) if isinstance(first, dict) else ()

    @property
    def fields(self) -> RequestFields:
        """The names of the request's fields, for messages."""
        return RequestFields(request=self.request_names)

    def entity_rows(self) -> Any:
        """Return the entity rows, with the request's own fields among their columns.

        Raises:
            HttpProblem: The fields do not fit the entities.
        """
        if self.request is None:
            # A view without entities has one row, without join keys.
            return [{}] if self.entities is None else self.entities
        if not self.entities:
            return self.request
        _refuse_other_form(self.entities, self.request)
        if isinstance(self.entities, dict) and isinstance(self.request, dict):
            return _merged(self.entities, self.request, where="/request")
        rows = zip(self.entities, self.request, strict=True)
        return [
            _merged(_row(entity, "entities"), _row(own, "request"), where=f"/request/{number}")
            for number, (entity, own) in enumerate(rows)
        ]


def _refuse_other_form(entities: Any, request: Any) -> None:
    if type(entities) is not type(request):
        raise _unprocessable(
            "`entities` and `request` have different forms: one is by row, one by column.",
            "Give both as lists of rows, or both as one list per column.",
            "/request",
        )
    if isinstance(request, list) and len(entities) != len(request):
        raise _unprocessable(
            f"`request` has {len(request)} rows, and `entities` has {len(entities)}.",
            "Give one row of request fields for each entity.",
            "/request",
        )


def _row(row: Any, name: str) -> Mapping[str, Any]:
    if isinstance(row, dict):
        return row
    raise _unprocessable(
        f"A row of `{name}` is {row!r}, not an object.", 'Write {"id": 7}.', f"/{name}"
    )


def _merged(entities: Mapping[str, Any], own: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    for name in own:
        if name in entities:
            raise _unprocessable(
                f"'{name}' is both in `entities` and in `request`.",
                "Give it once.",
                f"{where}/{pointer_part(name)}",
            )
    return {**entities, **own}


def decoded(decoder: msgspec.json.Decoder[Body], body: bytes, names: Sequence[str]) -> Body:
    """Return the decoded body of a request.

    Args:
        decoder: Decodes the body.
        body: The bytes.
        names: The names of the body's fields.

    Raises:
        HttpProblem: It is not JSON (400), or has other fields or types (422).
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _wrong_shape(str(error), names) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error).rstrip(".")
        if isinstance(error, RecursionError):
            reason = "it is nested too deeply"
        elif not body:
            reason = "it is empty"
        raise HttpProblem(
            400,
            "Malformed JSON",
            f"The request's body is not JSON in UTF-8: {reason}.",
            remedy="Send one JSON object. It has no NaN or infinity: write null for a missing key.",
        ) from None


def _wrong_shape(reason: str, names: Sequence[str]) -> HttpProblem:
    if unknown := _UNKNOWN.search(reason):
        name = unknown[1]
        near = did_you_mean(name, names) or f"Known: {', '.join(names)}."
        return _unprocessable(
            f"The request has an unknown field '{name}'.", near, f"/{pointer_part(name)}"
        )
    place = _PLACE.search(reason)
    text = reason[: place.start()] if place else reason
    # msgspec writes `[...]` for a key of a mapping, which it does not name.
    known = place[1].partition("[...]")[0] if place else ""
    pointer = re.sub(r"[.\[]", "/", known).replace("]", "")
    where = f"`{pointer[1:]}`" if pointer else "The request's body"
    return _unprocessable(
        f"{where} has a wrong type: {text[:1].lower()}{text[1:]}.",
        "See /openapi.json for the form of a request.",
        pointer,
    )


def _unprocessable(detail: str, remedy: str, field: str) -> HttpProblem:
    return HttpProblem(422, "Invalid request", detail, remedy=remedy, field=field)


def row_count(rows: Any) -> int:
    """Return the number of entity rows; of columns, the length of the longest."""
    if isinstance(rows, dict):
        return max((len(values) for values in rows.values() if isinstance(values, list)), default=0)
    return len(rows)


def too_many_rows(count: int, limit: int) -> HttpProblem:
    """Return the answer to a request of too many rows."""
    return HttpProblem(
        413,
        "Too many rows",
        f"The request has {count} rows, and the server takes {limit} at once.",
        remedy="Ask in parts, or start the server with a greater --max-rows.",
        field="/entities",
    )
