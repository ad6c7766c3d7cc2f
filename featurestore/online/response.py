"""The response of an online read: values with their statuses, in several shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from featurestore.errors import (
    FeatureStoreError,
    MissingExtra,
    NameCollision,
    UnknownFeature,
)
from featurestore.online.arrow_columns import entity_array
from featurestore.online.json_columns import json_column
from featurestore.online.online_types import to_arrow_type
from featurestore.online.packed_columns import arrow_column, floats
from featurestore.values.frame_decimals import Decimals, decimal_dtype
from featurestore.values.json_text import dump_json, json_value

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

__all__ = ["OnlineResponse", "Status"]

# `null` is a feature that was never published: all its values are missing, so NaN in a matrix.
_NUMBER = re.compile(r"bool|u?int\d+|float\d+|decimal\(.*\)|null")

_INSTANT = "timestamptz[us]"
_PANDAS_INSTANT = "datetime64[us, UTC]"


class Status(StrEnum):
    """Whether a value was found, or why not.

    A value that is neither PRESENT nor DEFAULTED is None. EXPIRED is a row past its view's ttl or
    its own end of validity. DEFAULTED is the declared default in place of NULL, NOT_FOUND or
    EXPIRED. DAMAGED is a row whose bytes do not have the checksum for its key. ERROR is a
    request-time feature that cannot be computed.
    """

    PRESENT = "PRESENT"
    NULL = "NULL"
    NOT_FOUND = "NOT_FOUND"
    EXPIRED = "EXPIRED"
    DEFAULTED = "DEFAULTED"
    DAMAGED = "DAMAGED"
    ERROR = "ERROR"


@dataclass(frozen=True)
class OnlineResponse:
    """The newest values of some entities, a column per feature.

    Attributes:
        entities: The entity rows as given, by column.
        values: The values by the feature's name; None for a missing value.
        types: The published type of each feature, by name.
        _count: The number of entity rows.
        _mixed: The statuses of the features with a value that is not PRESENT.
        damaged_rows: The number of damaged rows, over all views.
        unchecked_rows: The number of rows that an older release wrote without a checksum, likewise.
        _columns: The features and the event timestamps in order; empty unless requested.
        _reasons: The reasons of the features with a value that has one.
        explained: The features whose values may have a reason: those with a default, and the
            request-time ones.
    """

    entities: Mapping[str, list[Any]]
    values: Mapping[str, list[Any]]
    types: Mapping[str, str]
    _count: int = field(repr=False)
    _mixed: Mapping[str, list[Status]] = field(repr=False)
    damaged_rows: int = 0
    unchecked_rows: int = 0
    _columns: Mapping[str, list[Any]] = field(repr=False, default_factory=dict)
    _reasons: Mapping[str, list[str | None]] = field(repr=False, default_factory=dict)
    explained: tuple[str, ...] = ()

    @property
    def event_timestamps(self) -> Mapping[str, list[datetime | None]]:
        """The requested event timestamps in UTC, by `view__event_timestamp`.

        The value is None where a row is missing or expired. An event before the year 1 becomes its
        first instant.
        """
        return {name: values for name, values in self._columns.items() if name not in self.values}

    @cached_property
    def statuses(self) -> Mapping[str, list[Status]]:
        """The status of each value, by the feature's name."""
        return {
            name: self._mixed[name] if name in self._mixed else [Status.PRESENT] * self._count
            for name in self.values
        }

    @cached_property
    def reasons(self) -> Mapping[str, list[str | None]]:
        """The reasons beside the statuses, by the name of each of the `explained` features.

        For DEFAULTED it is the status that the default replaced, for ERROR the error's text; for
        all other values None.
        """
        nothing: list[str | None] = [None] * self._count
        return {name: self._reasons.get(name, nothing) for name in self.explained}

    def to_dict(self, *, include_statuses: bool = False) -> dict[str, list[Any]]:
        """Return one list per column: the entity rows' columns, then the features.

        Requested event timestamps follow the features of their view, as in a training set.

        Args:
            include_statuses: Add `<feature>__status` for each feature, and `<feature>__reason` for
                each of the `explained` ones.
        """
        columns = {**self.entities, **(self._columns or self.values)}
        if include_statuses:
            statuses: dict[str, list[Any]] = {
                **{f"{name}__status": list(found) for name, found in self.statuses.items()},
                **{f"{name}__reason": list(found) for name, found in self.reasons.items()},
            }
            for name in statuses.keys() & columns.keys():
                raise NameCollision(f"Two columns would be named '{name}'.")
            columns |= statuses
        return columns

    def to_arrow(self) -> pa.Table:
        """Return an Arrow table; each feature has the type that it has in a training set.

        A column of the entity rows has the type that Arrow finds for its values. Integers beyond
        int64 become uint64, or decimal128(38, 0) if some are negative or larger: none is rounded.

        Raises:
            EntityFrameError: No single type fits all values of a column of the entity rows.
        """
        import pyarrow as pa

        arrays = [entity_array(name, values) for name, values in self.entities.items()]
        results = self._columns or self.values
        arrays += [
            arrow_column(results, name, to_arrow_type(self.types.get(name, _INSTANT)))
            for name in results
        ]
        return pa.table(arrays, names=[*self.entities, *results])

    def to_json(self, *, include_statuses: bool = False, indent: int | None = None) -> str:
        """Return `to_dict` as JSON that every parser reads.

        Decimals are text and keep their digits, times are in ISO 8601, bytes are base64. NaN and
        infinity are null.

        Args:
            include_statuses: Add the columns that `to_dict` adds for statuses and reasons.
            indent: The spaces of one level; by default all is on one line.
        """
        columns = self.to_json_columns(include_statuses=include_statuses)
        return dump_json(columns, indent=indent)

    def to_json_columns(self, *, include_statuses: bool = False) -> dict[str, Any]:
        """Return `to_dict` with the values that JSON has, for a JSON encoder of your choice.

        Args:
            include_statuses: See `to_dict`. A server may rather take `mixed_statuses`.
        """
        columns: dict[str, Any] = {**self.to_dict(include_statuses=include_statuses)}
        for name in self._columns or self.values:
            columns[name] = json_column(self.types.get(name, _INSTANT), columns[name])
        for name, values in self.entities.items():
            columns[name] = json_value(values)
        return columns

    @property
    def mixed_statuses(self) -> Mapping[str, list[Status]]:
        """The statuses of those features that have a value which is not PRESENT.

        All values of the others are PRESENT, so a caller need not look at a list of them.
        """
        # One missing value gives all features of its view a list.
        present = Status.PRESENT
        return {
            name: found for name, found in self._mixed.items() if found.count(present) < len(found)
        }

    def to_df(self, *, decimals: Decimals = "arrow") -> pd.DataFrame:
        """Return a pandas frame; features other than decimals are objects that keep their types.

        Args:
            decimals: "arrow" for exact decimals in pandas' Arrow type, "float" for the nearest
                floats.

        Raises:
            MissingExtra: pandas is not installed.
            FeatureStoreError: `decimals` is neither.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtra("pandas", "pandas", purpose="to_df()") from None
        columns = {name: pd.Series(values) for name, values in self.entities.items()}
        columns |= {
            name: pd.Series(values, dtype=self._dtype(name, decimals, pd))
            for name, values in (self._columns or self.values).items()
        }
        return pd.DataFrame(columns)

    def _dtype(self, name: str, decimals: Decimals, pandas: Any) -> Any:
        if name not in self.values:
            return _PANDAS_INSTANT
        found = decimal_dtype(to_arrow_type(self.types[name]), decimals, pandas)
        return object if found is None else found

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features' names, in the order of a training set's columns."""
        return tuple(self.values)

    def to_matrix(self, columns: Sequence[str] | None = None) -> npt.NDArray[np.float64]:
        """Return the features as numbers, for a model: a row per entity row, a column per feature.

        A missing value is NaN. Booleans are 0 and 1; integers beyond
        2**53 and decimals are rounded to the nearest float.

        Args:
            columns: The features to take, in this order, such as a model's `feature_names_in_`; by
                default `feature_names`.

        Raises:
            MissingExtra: numpy is not installed.
            UnknownFeature: This response lacks one of `columns`.
            FeatureStoreError: A feature is not numeric.
        """
        try:
            import numpy as np  # noqa: F401, to say that it is missing
        except ImportError:
            raise MissingExtra("numpy", "pandas", purpose="to_matrix()") from None
        names = self.feature_names if columns is None else [str(name) for name in columns]
        for name in names:
            if name not in self.values:
                raise UnknownFeature(name, self.values, where="the response")
        _refuse_text({name: self.types[name] for name in names})
        count = self._count if self.values else len(next(iter(self.entities.values()), ()))
        return floats(self.values, names, count)


def _refuse_text(types: Mapping[str, str]) -> None:
    text = [f"'{name}' ({kind})" for name, kind in types.items() if not _NUMBER.fullmatch(kind)]
    if text:
        raise FeatureStoreError(
            f"A matrix holds only numbers, not {', '.join(text)}.",
            remedy="Leave such features out of the request, or encode them in the model.",
        )
