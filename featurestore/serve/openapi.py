"""The OpenAPI 3.1 description of the server, with examples of the project that it serves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from featurestore.registry.definitions import FeatureView
from featurestore.registry.registry import Registry
from featurestore.serve.arrow_stream import ARROW_STREAM
from featurestore.serve.problems import PROBLEM_TYPE
from featurestore.values.types import DataType
from featurestore.values.version import VERSION

__all__ = ["openapi"]

_STATUSES = ("PRESENT", "NULL", "NOT_FOUND", "EXPIRED", "DEFAULTED", "ERROR", "DAMAGED")
_FEAST_STATUSES = ("PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE", "INVALID")
_SAMPLES: Mapping[str, Any] = {
    "integer": 7,
    "decimal": "7.50",
    "float": 0.5,
    "boolean": True,
    "date": "2024-02-29",
    "timestamp": "2024-02-29T12:00:00Z",
    "uuid": "7d5e1b5c-6a1c-4f3c-9e1e-000000000001",
}
"""A value of each family of types that a request may hold; text for all others."""
_ERRORS = {
    400: "The body is not JSON.",
    401: "The token is missing, unknown or has expired.",
    403: "The token may not read personal data.",
    405: "The path is read by POST.",
    406: "The types in Accept cannot be answered.",
    408: "The body did not arrive in time.",
    413: "The body or the number of rows is too large.",
    415: "The body has another type than JSON.",
    422: "A name is unknown, a field is missing or surplus, or a key has a wrong type.",
    429: "The server reads too many requests; Retry-After tells when to try again.",
    500: "The server failed.",
    503: "Redis does not answer, or a view is not published yet; it heals by itself.",
}
_OPERATORS = "The token is not that of an operator."
_CELL = {"type": ["string", "number", "boolean", "null"]}
_COLUMNS = {"type": "object", "additionalProperties": {"type": "array", "items": _CELL}}
_ROWS = {"type": "array", "items": {"type": "object", "additionalProperties": _CELL}}
_TABLE = {"anyOf": [_COLUMNS, _ROWS]}
_VALUES = {"type": "object", "additionalProperties": {"type": "array"}}


def openapi(registry: Registry, whole: Registry) -> dict[str, Any]:
    """Return the description.

    Args:
        registry: The definitions that the caller may see.
        whole: All definitions; the caller may see a service, and not the views of its members.
    """
    example = _example(registry, whole)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Features of {registry.project}",
            "version": VERSION,
            "description": "The newest values of features, from the online store.",
        },
        "paths": {
            "/v1/features": {"post": _features(example)},
            "/get-online-features": {"post": _feast(example)},
            "/v1/registry": {"get": _page("The entities, views and services.")},
            "/v1/views/{view}": {
                "get": _page("One feature view.", view=registry.feature_views),
            },
            "/v1/services/{service}": {
                "get": _page("One feature service.", service=registry.feature_services),
            },
            "/metrics": {"get": _metrics()},
            "/healthz": {"get": _page("Whether the process runs.")},
            "/readyz": {
                "get": _page("Whether Redis answers and every online view can be read.")
                | {"responses": {"200": _object("Ready."), "503": _object("Not ready.")}}
            },
        },
        # An empty alternative: a server without tokens asks for none.
        "security": [{"token": []}, {}],
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _features(example: Mapping[str, Any]) -> dict[str, Any]:
    content = {
        "application/json": {"schema": _ref("Features")},
        ARROW_STREAM.decode(): {"schema": {"type": "string", "format": "binary"}},
    }
    return {
        "operationId": "readFeatures",
        "summary": "Read features, by column.",
        "requestBody": _body("FeatureRequest", example),
        "responses": {"200": {"description": "The values.", "content": content}} | _errors(_ERRORS),
    }


def _feast(example: Mapping[str, Any]) -> dict[str, Any]:
    body = _as_feast(example)
    content = {"application/json": {"schema": _ref("FeastFeatures")}}
    return {
        "operationId": "readFeaturesAsFeast",
        "summary": "Read features with the request and the response of Feast's server.",
        "requestBody": _body("FeastRequest", body),
        "responses": {"200": {"description": "The values.", "content": content}}
        | _errors({status: text for status, text in _ERRORS.items() if status != 406}),  # noqa: PLR2004
    }


def _as_feast(example: Mapping[str, Any]) -> dict[str, Any]:
    """Return an example in Feast's form, in which the request's own fields are among the keys."""
    body = {key: value for key, value in example.items() if key not in ("service", "request")}
    body["entities"] = {**example["entities"], **example.get("request", {})}
    if "service" in example:
        body["feature_service"] = example["service"]
    return body


def _page(summary: str, **names: Iterable[str]) -> dict[str, Any]:
    """Return a page; a part of its path is one of some names."""
    page: dict[str, Any] = {"summary": summary, "responses": {"200": _object(summary)}}
    for parameter, known in names.items():
        place = {"name": parameter, "in": "path", "required": True, "schema": {"type": "string"}}
        page["parameters"] = [place | {"example": next(iter(known), parameter)}]
        page["responses"] |= _errors({404: "The name is unknown."})
    return page


def _metrics() -> dict[str, Any]:
    summary = "The server's metrics, for Prometheus."
    content = {"text/plain": {"schema": {"type": "string"}}}
    answers = {"200": {"description": summary, "content": content}}
    return {"summary": summary, "responses": answers | _errors({403: _OPERATORS})}


def _body(schema: str, example: Mapping[str, Any]) -> dict[str, Any]:
    json = {"schema": _ref(schema), "example": example}
    return {"required": True, "content": {"application/json": json}}


def _object(description: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {"description": description, "content": content}


def _errors(texts: Mapping[int, str]) -> dict[str, Any]:
    content = {PROBLEM_TYPE: {"schema": _ref("Problem")}}
    return {
        str(status): {"description": text, "content": content} for status, text in texts.items()
    }


def _ref(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


def _schemas() -> dict[str, Any]:
    flag = {"type": "boolean"}
    references = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    time = {"type": ["string", "null"], "format": "date-time"}
    return {
        "FeatureRequest": {
            "type": "object",
            "properties": {
                "service": {"type": "string"},
                "features": references,
                "entities": _TABLE,
                "request": _TABLE,
                "full_feature_names": flag,
                "timestamps": flag,
                "statuses": flag | {"default": True},
            },
            "oneOf": [{"required": ["service"]}, {"required": ["features"]}],
            "additionalProperties": False,
        },
        "Features": _record(
            required=("values",),
            values=_VALUES,
            statuses=_lists_of({"enum": _STATUSES}),
            reasons=_lists_of({"type": ["string", "null"]}),
            event_timestamps=_lists_of(time),
        ),
        "FeastRequest": {
            "type": "object",
            "properties": {
                "entities": _COLUMNS,
                "features": references,
                "feature_service": {"type": "string"},
                "full_feature_names": flag,
            },
            "required": ["entities"],
        },
        "FeastFeatures": _record(
            required=("metadata", "results"),
            metadata=_record(
                required=("feature_names",),
                feature_names={"type": "array", "items": {"type": "string"}},
            ),
            results={
                "type": "array",
                "items": _record(
                    required=("values", "statuses", "event_timestamps"),
                    values={"type": "array"},
                    statuses={"type": "array", "items": {"enum": _FEAST_STATUSES}},
                    event_timestamps={"type": "array", "items": {"type": "string"}},
                ),
            },
            status=flag,
        ),
        "Problem": _record(
            required=("type", "title", "status", "detail"),
            type={"type": "string"},
            title={"type": "string"},
            status={"type": "integer"},
            detail={"type": "string"},
            remedy={"type": "string"},
            field={"type": "string", "description": "A JSON pointer into the request's body."},
        ),
    }


def _record(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


def _lists_of(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": {"type": "array", "items": items}}


def _example(registry: Registry, whole: Registry) -> dict[str, Any]:
    """Return a request that the project can answer: its first service, else its first view."""
    for service in registry.feature_services.values():
        keys: dict[str, Any] = {}
        for member in service.members:
            view = whole.view(member.view)
            names = member.key_names(view)
            keys |= {names[key]: sample for key, sample in _keys_of(view).items()}
        own = {field.name: [_sample(field.data_type)] for field in service.request}
        example = {"service": service.name, "entities": keys}
        return example | {"request": own} if own else example
    for view in registry.feature_views.values():
        if view.online:
            return {"features": [f"{view.name}:*"], "entities": _keys_of(view)}
    return {"features": ["view:feature"], "entities": {"id": [7]}}


def _keys_of(view: FeatureView) -> dict[str, list[Any]]:
    return {key.name: [_sample(key.data_type)] for key in view.join_keys}


def _sample(data_type: DataType | None) -> Any:
    return _SAMPLES.get(data_type.family if data_type else "", "abc")
