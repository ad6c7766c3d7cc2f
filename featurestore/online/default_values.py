"""Declared defaults in an online read: what they are, and the values that they fill."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from featurestore.errors import OnlineStoreError
from featurestore.online.online_types import logical_type
from featurestore.online.response import Status
from featurestore.registry.definitions import FeatureView
from featurestore.values.typed_default import typed_default
from featurestore.values.types import DataType

__all__ = ["Filled", "published_defaults", "with_defaults"]

_FILLED = frozenset({Status.NULL, Status.NOT_FOUND, Status.EXPIRED})
"""The statuses that a default fills; a damaged row may hide a value, so it is not filled."""
_DEFAULTED = Status.DEFAULTED
_DIGITS = {"[s]": 0, "[ms]": 3}
_UNIT = re.compile(r"\[m?s\]")

Filled = tuple[list[list[Any]], list[list[Status]], dict[int, list[str | None]]]
"""The values and the statuses of each feature, and by a feature's place why values were filled."""


def published_defaults(
    view: FeatureView, wanted: Sequence[tuple[str, str | None]]
) -> dict[int, Any]:
    """Return the default of each feature that has one, in its published type, by its place.

    A feature that is not published has no type, so it is not filled.

    Args:
        view: The feature view.
        wanted: The features, each with its published type; None for an unpublished feature.

    Raises:
        OnlineStoreError: The published type does not have the default.
    """
    declared = {each.name: each.default for each in view.features if each.default is not None}
    return {
        place: _published(view.name, name, declared[name], kind)
        for place, (name, kind) in enumerate(wanted)
        if kind is not None and name in declared
    }


def _published(view: str, feature: str, default: object, kind: str) -> Any:
    try:
        return typed_default(default, _type_of(kind))
    except ValueError as error:
        raise OnlineStoreError(
            f"The default {default!r} of '{view}:{feature}' does not fit the published type"
            f" {kind}: {error}.",
            remedy="Run `featurestore sync` if the type changed, or correct the default.",
        ) from None


def _type_of(kind: str) -> DataType:
    unit = _UNIT.search(kind)
    found = logical_type(kind)
    return replace(found, precision=_DIGITS[unit[0]]) if unit else found


def with_defaults(
    defaults: Mapping[int, Any], values: list[list[Any]], statuses: list[list[Status]]
) -> Filled:
    """Fill the values that are NULL, missing or expired. The given lists do not change."""
    values, statuses = [*values], [*statuses]
    reasons: dict[int, list[str | None]] = {}
    for place, default in defaults.items():
        found = statuses[place]
        gaps = [status in _FILLED for status in found]
        if True not in gaps:
            continue
        reasons[place] = [str(why) if gap else None for gap, why in zip(gaps, found, strict=True)]
        statuses[place] = [_DEFAULTED if gap else s for gap, s in zip(gaps, found, strict=True)]
        values[place] = [default if gap else v for gap, v in zip(gaps, values[place], strict=True)]
    return values, statuses, reasons
