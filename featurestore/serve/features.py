"""POST /v1/features: the newest values of entities, by column, as JSON or as an Arrow stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from featurestore.errors import FeatureStoreError
from featurestore.serve.arrow_stream import ARROW_STREAM, arrow_stream, load_arrow
from featurestore.serve.callers import CALLER, Caller
from featurestore.serve.exchange import HttpAnswer, HttpScope, header
from featurestore.serve.feature_request import (
    FeatureRequest,
    decoded,
    row_count,
    too_many_rows,
)
from featurestore.serve.json_values import json_values, shown_statuses
from featurestore.serve.problems import HttpProblem, problem_of
from featurestore.serve.request_fields import refuse_surplus_fields
from featurestore.serve.visit import VISIT, Visit

if TYPE_CHECKING:
    from featurestore.online.response import OnlineResponse
    from featurestore.serve.served_project import ServedProject

__all__ = ["FeaturesEndpoint", "refuse_other_content"]

_DECODER = msgspec.json.Decoder(FeatureRequest)
_ENCODER = msgspec.json.Encoder()
_NAMES = FeatureRequest.__struct_fields__
_STAMP = "__event_timestamp"


class FeaturesEndpoint:
    """Answers POST /v1/features.

    Args:
        current: Returns the project that is served now.
        max_rows: The greatest number of entity rows.
    """

    def __init__(self, current: Callable[[], ServedProject], max_rows: int) -> None:
        self._current = current
        self._max_rows = max_rows

    async def __call__(self, scope: HttpScope, body: bytes) -> HttpAnswer:
        """Return the answer to a request.

        Raises:
            HttpProblem: The request is wrong, or its features cannot be read.
        """
        refuse_other_content(scope)
        as_arrow = _wants_arrow(scope)
        asked = decoded(_DECODER, body, _NAMES)
        try:
            response = await self._read(scope[CALLER], scope[VISIT], asked)
            if as_arrow:
                await load_arrow()
                stream = arrow_stream(response, with_statuses=asked.statuses)
                return HttpAnswer(stream, ARROW_STREAM)
        except FeatureStoreError as error:
            raise problem_of(error, asked.fields) from error
        return HttpAnswer(json_answer(response, asked))

    async def _read(self, caller: Caller, visit: Visit, asked: FeatureRequest) -> OnlineResponse:
        rows = asked.entity_rows()
        count = row_count(rows)
        visit.asks(asked.service, asked.features, count)
        if count > self._max_rows:
            raise too_many_rows(count, self._max_rows)
        served = self._current()
        permissions = served.permissions(caller.grant)
        permissions.check(asked.features, asked.service, timestamps=asked.timestamps)
        if asked.request is not None:
            refuse_surplus_fields(asked, permissions.registry)
        with served as store:
            return await store.get_online_features_async(
                asked.features,
                rows,
                feature_service=asked.service,
                full_feature_names=asked.full_feature_names,
                feature_timestamps=asked.timestamps,
            )


def json_answer(response: OnlineResponse, asked: FeatureRequest) -> bytes:
    """Return a response as JSON: values, statuses and event timestamps, by column."""
    parts: dict[str, object] = {"values": json_values(response)}
    if asked.statuses:
        parts["statuses"] = shown_statuses(response)
        # Why a value is a default, and why an expression failed.
        if response.explained and (
            explained := {name: found for name, found in response.reasons.items() if any(found)}
        ):
            parts["reasons"] = explained
    if asked.timestamps:
        parts["event_timestamps"] = {
            name.removesuffix(_STAMP): moments
            for name, moments in response.event_timestamps.items()
        }
    return _ENCODER.encode(parts)


def refuse_other_content(scope: HttpScope) -> None:
    """Raise if a body is announced as something else than plain JSON; silence means JSON.

    Raises:
        HttpProblem: It is.
    """
    kind = header(scope, b"content-type").partition(b";")[0].strip()
    if kind not in (b"", b"application/json") and not kind.endswith(b"+json"):
        raise _unsupported(f"A body of type {kind.decode('latin-1')}")
    coding = header(scope, b"content-encoding")
    if coding not in (b"", b"identity"):
        raise _unsupported(f"A body with the encoding {coding.decode('latin-1')}")


def _unsupported(what: str) -> HttpProblem:
    return HttpProblem(
        415,
        "Unsupported media type",
        f"{what} cannot be read.",
        remedy="Send plain JSON, with Content-Type: application/json.",
    )


def _wants_arrow(scope: HttpScope) -> bool:
    """Return whether the answer is an Arrow stream; JSON is the default.

    Raises:
        HttpProblem: The caller accepts neither.
    """
    accepted = header(scope, b"accept")
    if accepted in (b"", b"*/*", b"application/json"):
        return False
    offers = [offer.partition(b";") for offer in accepted.split(b",")]
    kinds = [kind.strip() for kind, _, rest in offers if rest.replace(b" ", b"") != b"q=0"]
    for kind in kinds:
        if kind == ARROW_STREAM:
            return True
        if kind in (b"*/*", b"application/*", b"application/json"):
            return False
    raise HttpProblem(
        406,
        "Not acceptable",
        f"None of {accepted.decode('latin-1')} can be answered.",
        remedy=f"Accept application/json or {ARROW_STREAM.decode()}.",
    )
