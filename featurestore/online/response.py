"""What an online read returns: the values, and for each of them whether it is one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Context, Decimal
from enum import StrEnum
from functools import cached_property
from itertools import repeat
from numbers import Integral
from typing import TYPE_CHECKING, Any

from featurestore.errors import (
    EntityFrameError,
    FeatureStoreError,
    MissingExtra,
    NameCollision,
    UnknownFeature,
)
from featurestore.online.codec import HEAD, Decoder, events_of
from featurestore.online.online_types import to_arrow_type
from featurestore.online.request import ReadPlan, RequestedKeys, ViewPlan, ViewReader

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

__all__ = ["Answer", "OnlineResponse", "Status", "respond"]

# `null` is a feature that has not been published yet: it has no values, so nothing to convert.
_NUMBER = re.compile(r"bool|u?int\d+|float\d+|decimal\(.*\)|null")


class Status(StrEnum):
    """Whether a value was found, and if not, why.

    A value that is not PRESENT is None.
    """

    PRESENT = "PRESENT"
    NULL = "NULL"
    NOT_FOUND = "NOT_FOUND"
    EXPIRED = "EXPIRED"


# Looking up a member of an enum takes longer than reading a value does.
_PRESENT, _NULL = Status.PRESENT, Status.NULL
_NOT_FOUND, _EXPIRED = Status.NOT_FOUND, Status.EXPIRED


# Not frozen; see `RequestedKeys`.
@dataclass(slots=True)
class Answer:
    """The rows that were found of one view.

    Attributes:
        plan: What is taken of them.
        asked: Which keys were read.
        rows: The row of each key, or nothing.
        decoders: What reads them, by the first bytes of a row; None for a layout that nobody has
            announced.
        oldest: The least event timestamp, where each key has a row, and all have one known layout.
    """

    plan: ViewPlan
    asked: RequestedKeys
    rows: Sequence[bytes | None]
    decoders: Mapping[bytes, Decoder | None]
    oldest: int | None = None


@dataclass(frozen=True)
class OnlineResponse:
    """The newest values of some entities, a column per feature.

    Attributes:
        entities: The entity rows as given, by column.
        values: The values by the feature's name; None where there is none.
        types: The published type of each feature, by name.
        _count: The number of entity rows.
        _mixed: The statuses of those features whose values are not all PRESENT.
    """

    entities: Mapping[str, list[Any]]
    values: Mapping[str, list[Any]]
    types: Mapping[str, str]
    _count: int = field(repr=False)
    _mixed: Mapping[str, list[Status]] = field(repr=False)

    @cached_property
    def statuses(self) -> Mapping[str, list[Status]]:
        """The status of each value, by the feature's name."""
        return {
            name: self._mixed[name] if name in self._mixed else [_PRESENT] * self._count
            for name in self.values
        }

    def to_dict(self, *, include_statuses: bool = False) -> dict[str, list[Any]]:
        """Return one list per column: the entity rows' columns, then the features.

        Args:
            include_statuses: Add `<feature>__status` for each feature.
        """
        columns = {**self.entities, **self.values}
        if include_statuses:
            statuses = {f"{name}__status": list(found) for name, found in self.statuses.items()}
            for name in statuses.keys() & columns.keys():
                raise NameCollision(f"Two columns would be named '{name}'.")
            columns |= statuses
        return columns

    def to_arrow(self) -> pa.Table:
        """Return an Arrow table; each feature has the type that it has in a training set.

        A column of the entity rows has the type that Arrow finds for its values. Integers of which
        int64 does not hold all are uint64, and decimal128(38, 0) where there are negative ones
        among them, or such as uint64 does not hold either: no number is rounded.

        Raises:
            EntityFrameError: A column of the entity rows has values that no one type holds.
        """
        import pyarrow as pa

        arrays = [_entity_array(name, values) for name, values in self.entities.items()]
        arrays += [
            _feature_array(values, to_arrow_type(self.types[name]))
            for name, values in self.values.items()
        ]
        return pa.table(arrays, names=[*self.entities, *self.values])

    def to_df(self) -> pd.DataFrame:
        """Return a pandas frame; the features are objects, so that no type is lost.

        Raises:
            MissingExtra: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtra("pandas", "pandas", purpose="to_df()") from None
        columns = {name: pd.Series(values) for name, values in self.entities.items()}
        columns |= {name: pd.Series(values, dtype=object) for name, values in self.values.items()}
        return pd.DataFrame(columns)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features' names in order, which is the order of a training set's columns too."""
        return tuple(self.values)

    def to_matrix(self, columns: Sequence[str] | None = None) -> npt.NDArray[np.float64]:
        """Return the features as numbers, for a model: a row per entity row, a column per feature.

        A value that is missing, for whatever reason, is NaN. Booleans are 0 and 1; integers beyond
        2**53 and decimals are rounded to the nearest float.

        Args:
            columns: The features to take, in this order, such as a model's `feature_names_in_`; by
                default `feature_names`.

        Raises:
            MissingExtra: numpy is not installed.
            UnknownFeature: One of `columns` is no feature of this response.
            FeatureStoreError: A feature is no number.
        """
        try:
            import numpy as np
        except ImportError:
            raise MissingExtra("numpy", "pandas", purpose="to_matrix()") from None
        names = self.feature_names if columns is None else [str(name) for name in columns]
        for name in names:
            if name not in self.values:
                raise UnknownFeature(name, self.values, where="the response")
        _refuse_text({name: self.types[name] for name in names})
        count = len(next(iter((self.values or self.entities).values()), ()))
        matrix = np.empty((count, len(names)), np.float64)
        for place, name in enumerate(names):
            matrix[:, place] = np.array(self.values[name], np.float64)
        return matrix


def _refuse_text(types: Mapping[str, str]) -> None:
    text = [f"'{name}' ({kind})" for name, kind in types.items() if not _NUMBER.fullmatch(kind)]
    if text:
        raise FeatureStoreError(
            f"A matrix holds numbers, and {', '.join(text)} {'is' if len(text) == 1 else 'are'}"
            " none.",
            remedy="Leave what is no number out of the request, or encode it in the model.",
        )


def _entity_array(name: str, values: Sequence[Any]) -> pa.Array[Any]:
    import pyarrow as pa

    try:
        column: pa.Array[Any] = pa.array(values)
    except OverflowError:
        return _large_integers(name, values)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise EntityFrameError(
            f"The entity rows' column '{name}' has values of several types: {error}."
        ) from error
    return column


def _large_integers(name: str, values: Sequence[Any]) -> pa.Array[Any]:
    """Return integers of which int64 does not hold all."""
    import pyarrow as pa

    if not all(value is None or _is_integer(value) for value in values):
        raise EntityFrameError(
            f"The entity rows' column '{name}' has values of several types: some are integers."
        )
    plain = [None if value is None else int(value) for value in values]
    for kind in (pa.uint64(), pa.decimal128(38, 0)):
        with suppress(OverflowError, pa.ArrowInvalid):
            column: pa.Array[Any] = pa.array(plain, kind)
            return column
    raise EntityFrameError(
        f"The entity rows' column '{name}' has an integer of more than 38 digits, which no column"
        " of integers holds.",
        remedy="Leave it out, or give it as text.",
    )


def _is_integer(value: Any) -> bool:
    # Those of numpy are integers too.
    return isinstance(value, Integral) and not isinstance(value, bool)


def _feature_array(values: Sequence[Any], kind: pa.DataType) -> pa.Array[Any]:
    import pyarrow as pa

    if not pa.types.is_decimal(kind):
        column: pa.Array[Any] = pa.array(values, kind)
        return column
    # Not by pa.array: DuckDB's largest integers come as decimals of 39 digits, and Arrow balks.
    exact = Context(prec=100)
    unscaled = [int(Decimal(value or 0).scaleb(kind.scale, context=exact)) for value in values]
    raw = b"".join(number.to_bytes(16, "little", signed=True) for number in unscaled)
    present = pa.array([value is not None for value in values], pa.bool_()).buffers()[1]
    decimals: pa.Array[Any] = pa.Array.from_buffers(
        kind, len(raw) // 16, [present, pa.py_buffer(raw)]
    )
    return decimals


def respond(
    plan: ReadPlan, columns: dict[str, list[Any]], answers: Sequence[Answer], now: int
) -> OnlineResponse:
    """Make the response from the rows that were found.

    Args:
        plan: What was read.
        columns: The entity rows.
        answers: What was found of each view.
        now: The moment against which ttls are held, in microseconds since 1970.

    Raises:
        OnlineStoreError: A row is cut short, or damaged otherwise.
    """
    values: list[list[Any]] = []
    mixed: dict[str, list[Status]] = {}
    for answer in answers:
        found, why = _columns(answer, now)
        values += found
        if why:
            mixed |= zip(answer.plan.names, why, strict=True)
    named = dict(zip(plan.names, values, strict=True))
    count = len(values[0]) if values else 0
    return OnlineResponse(columns, named, {**plan.types}, count, mixed)


Columns = tuple[list[list[Any]], list[list[Status]]]
"""The values of each feature, and their statuses; no statuses where all are PRESENT."""


def _columns(answer: Answer, now: int) -> Columns:
    """Return the columns of a view; a row that several entity rows ask for is read once."""
    found, why = _distinct(answer, now)
    places = answer.asked.places
    if places is None:
        return found, why
    why = why or [[_PRESENT] * len(answer.rows)] * len(found)
    return (
        [[None if place is None else column[place] for place in places] for column in found],
        [[_NOT_FOUND if place is None else column[place] for place in places] for column in why],
    )


def _distinct(answer: Answer, now: int) -> Columns:
    """Return the columns of a view, a value for each key."""
    plan = answer.plan
    oldest = None if plan.ttl is None else now - plan.ttl
    if answer.oldest is not None and (oldest is None or answer.oldest >= oldest):
        (decoder,) = answer.decoders.values()
        if decoder is not None:
            return _read(plan.reader(decoder), answer.rows)
    return _scattered(answer, oldest)


def _read(reader: ViewReader, rows: Sequence[Any]) -> Columns:
    """Read rows of one schema."""
    values, sparse = reader.reader.columns(rows)
    if not sparse and not reader.lacking:
        return values, []
    count = len(rows)
    statuses = [[_PRESENT] * count for _ in values]
    for index in sparse:
        statuses[index] = [_NULL if value is None else _PRESENT for value in values[index]]
    for index in reader.lacking:
        values.insert(index, [None] * count)
        statuses.insert(index, [_NOT_FOUND] * count)
    return values, statuses


def _scattered(answer: Answer, oldest: int | None) -> Columns:
    """Read what there is of each row by its own schema, and say of the others why there is none."""
    rows, width = answer.rows, len(answer.plan.wanted)
    if not rows:
        return [[] for _ in range(width)], []
    # A row's values stand together until the end: all features of it are put in place at once.
    values: list[tuple[Any, ...]] = [(None,) * width] * len(rows)
    statuses, present = [(_NOT_FOUND,) * width] * len(rows), (_PRESENT,) * width
    for decoder, places in _by_decoder(answer):
        fresh = places if oldest is None else _fresh(rows, places, oldest)
        if len(fresh) < len(places):
            _put(statuses, places, repeat((_EXPIRED,) * width))
        if fresh:
            found, why = _read(answer.plan.reader(decoder), [rows[place] for place in fresh])
            _put(values, fresh, zip(*found, strict=True))
            _put(statuses, fresh, zip(*why, strict=True) if why else repeat(present))
    return _turned(values), [] if statuses.count(present) == len(rows) else _turned(statuses)


def _by_decoder(answer: Answer) -> Iterator[tuple[Decoder, list[int]]]:
    """Yield what reads rows, and which rows those are."""
    heads = [row[:HEAD] if row else None for row in answer.rows]
    for head, decoder in answer.decoders.items():
        if decoder is not None:
            yield decoder, [place for place, its in enumerate(heads) if its == head]


def _fresh(rows: Sequence[Any], places: Sequence[int], oldest: int) -> list[int]:
    """Return where the rows stand that have not expired."""
    events = events_of([rows[place] for place in places])
    return [place for place, event in zip(places, events, strict=True) if event >= oldest]


def _put(
    rows: list[tuple[Any, ...]], places: Sequence[int], parts: Iterable[tuple[Any, ...]]
) -> None:
    for place, row in zip(places, parts, strict=False):
        rows[place] = row


def _turned(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return the columns of rows."""
    return [*map(list, zip(*rows, strict=True))]
