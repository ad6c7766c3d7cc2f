"""POST /get-online-features: the request and the response of Feast's own server.

Source: feast 0.67, `feature_server.py` and `feature_server_utils.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from featurestore.errors import FeatureStoreError, NotServedOnline
from featurestore.serve.callers import CALLER, Caller
from featurestore.serve.exchange import HttpAnswer, HttpScope
from featurestore.serve.feature_request import decoded, row_count, too_many_rows
from featurestore.serve.features import refuse_other_content
from featurestore.serve.json_values import json_values
from featurestore.serve.problems import RequestFields, problem_of
from featurestore.serve.visit import VISIT

if TYPE_CHECKING:
    from featurestore.online.response import OnlineResponse
    from featurestore.serve.served_project import ServedProject

__all__ = ["FeastEndpoint", "FeastRequest"]

_ENCODER = msgspec.json.Encoder()
_FIELDS = RequestFields(service="/feature_service")
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_PRESENT = "PRESENT"
_STATUSES = {
    "NULL": "NULL_VALUE",
    "EXPIRED": "OUTSIDE_MAX_AGE",
    "DEFAULTED": _PRESENT,
    "ERROR": "INVALID",
    "DAMAGED": "INVALID",
}
"""Feast's names of our statuses; the others have the same name."""


class FeastRequest(msgspec.Struct, frozen=True):
    """The body of a request. Feast ignores unknown fields, so they are ignored here too.

    Attributes:
        entities: One list of values per join key.
        features: References `view:feature`.
        feature_service: The name of a feature service, instead of features.
        full_feature_names: Name the values `view__feature`.
    """

    entities: dict[str, list[Any]]
    features: list[str] | None = None
    feature_service: str | None = None
    full_feature_names: bool = False


_DECODER = msgspec.json.Decoder(FeastRequest)


class FeastEndpoint:
    """Answers POST /get-online-features.

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
        asked = decoded(_DECODER, body, FeastRequest.__struct_fields__)
        count = row_count(asked.entities)
        scope[VISIT].asks(asked.feature_service, asked.features, count)
        if count > self._max_rows:
            raise too_many_rows(count, self._max_rows)
        try:
            response = await self._read(scope[CALLER], asked)
        except FeatureStoreError as error:
            raise problem_of(error, _FIELDS) from error
        return HttpAnswer(_ENCODER.encode(feast_answer(response)))

    async def _read(self, caller: Caller, asked: FeastRequest) -> OnlineResponse:
        # An empty list beside a service is what Feast's clients send for "no features".
        features = asked.features if asked.features or asked.feature_service is None else None
        served = self._current()
        permissions = served.permissions(caller.grant)
        permissions.check(features, asked.feature_service)
        timed_too = permissions.allows_times(features, asked.feature_service)
        with served as store:

            async def read(*, timed: bool) -> OnlineResponse:
                return await store.get_online_features_async(
                    features,
                    asked.entities,
                    feature_service=asked.feature_service,
                    full_feature_names=asked.full_feature_names,
                    feature_timestamps=timed,
                )

            try:
                return await read(timed=timed_too)
            except NotServedOnline:
                # The event timestamps may be personal data, and the features not.
                return await read(timed=False)


def feast_answer(response: OnlineResponse) -> dict[str, Any]:
    """Return a response in Feast's form: one result per column, join keys first."""
    columns = [*_entity_columns(response), *_feature_columns(response)]
    return {
        "metadata": {"feature_names": [name for name, _ in columns]},
        "results": [result for _, result in columns],
        "status": True,
    }


def _result(
    values: Sequence[Any], statuses: Sequence[str], moments: Sequence[datetime | None]
) -> dict[str, Sequence[Any]]:
    return {
        "values": values,
        "statuses": statuses,
        "event_timestamps": [_NO_TIME if moment is None else moment for moment in moments],
    }


def _entity_columns(response: OnlineResponse) -> Iterator[tuple[str, dict[str, Sequence[Any]]]]:
    for name, values in response.entities.items():
        count = len(values)
        yield name, _result(values, [_PRESENT] * count, [None] * count)


def _feature_columns(response: OnlineResponse) -> Iterator[tuple[str, dict[str, Sequence[Any]]]]:
    values, moments = json_values(response), _moments_by_feature(response)
    for name, column in values.items():
        count = len(column)
        statuses = response.mixed_statuses.get(name)
        named = [_STATUSES.get(one, str(one)) for one in statuses] if statuses else None
        yield (
            name,
            _result(
                _feast_values(column, response.values[name], response.types[name]),
                named or [_PRESENT] * count,
                moments.get(name) or [None] * count,
            ),
        )


def _moments_by_feature(response: OnlineResponse) -> Mapping[str, Sequence[datetime | None]]:
    """Return the event timestamps of each feature: those that follow it in the response."""
    found: dict[str, Sequence[datetime | None]] = {}
    timestamps = response.event_timestamps
    waiting: list[str] = []
    for name, column in response.to_dict().items():
        if name in timestamps:
            found |= dict.fromkeys(waiting, column)
            waiting = []
        elif name in response.values:
            waiting.append(name)
    return found


def _feast_values(column: Sequence[Any], values: Sequence[Any], kind: str) -> Sequence[Any]:
    """Return a column as Feast writes it, with instants in whole seconds.

    NaN and infinity stay null. Feast's server writes them as text, which the `online_read` of its
    own client refuses.
    """
    is_time = "timestamp" in kind or "date" in kind
    return [_seconds(value) for value in values] if is_time else column


def _seconds(value: Any) -> Any:
    if isinstance(value, list):
        return [_seconds(element) for element in value]
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, datetime):
        zoned = value if value.tzinfo else value.replace(tzinfo=UTC)
        return int((zoned - _NO_TIME).total_seconds())
    return value
