"""The plan of an online read, made once for all requests of one shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from featurestore.errors import OnlineStoreError
from featurestore.online.column_reader import ColumnReader
from featurestore.online.decoder import Decoder
from featurestore.online.key_values import is_null
from featurestore.online.keys import encoded, entity_key
from featurestore.online.row_format import header_size
from featurestore.registry.definitions import FeatureView

__all__ = [
    "Computes",
    "FeatureReader",
    "JoinKeys",
    "KeyWriter",
    "ReadPlan",
    "RequestedKeys",
    "ViewPlan",
]

_INTEGERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
KeyWriter = Callable[[Any], str]
_SEPARATOR, _CUT = "\0", b"\0"
"""A character that no key contains: `encoded` writes it as `%00`."""


class Computes(Protocol):
    """What a service computes from each request; see `request_plan`."""

    @property
    def types(self) -> Mapping[str, str]:
        """The published type of each on-demand feature, by its name."""

    def extend(self, columns: Mapping[str, Sequence[Any]], answer: Any, count: int) -> None:
        """Add the on-demand features to an answer."""


# Not frozen: freezing would slow down the constructor as much as reading a whole row takes.
@dataclass(slots=True)
class RequestedKeys:
    """The Redis keys that entity rows ask for, without their prefix: `{key,key}`.

    Attributes:
        each: The distinct ones.
        places: For each entity row, the place of its key in `each`; None for a row with a NULL join
            key. None instead of a list if row n asks for key n.
    """

    each: list[str]
    places: list[int | None] | None


@dataclass(frozen=True, slots=True, eq=False)
class JoinKeys:
    """The join keys of one or more views that read them from the same columns.

    Attributes:
        columns: For each join key: the entity rows' column, the type and the writer of values.
    """

    columns: tuple[tuple[str, str, KeyWriter], ...]

    def tags(self, columns: Mapping[str, Sequence[Any]], count: int) -> RequestedKeys:
        """Return the keys that entity rows ask for."""
        found = self._tags(columns, count)
        once = {*found}
        if len(once) == len(found) and None not in once:
            return RequestedKeys(found, None)
        each = [tag for tag in dict.fromkeys(found) if tag is not None]
        places = {tag: place for place, tag in enumerate(each)}
        return RequestedKeys(each, [places.get(tag) for tag in found])

    def _tags(self, columns: Mapping[str, Sequence[Any]], count: int) -> list[Any]:
        """Return the hash tag of each entity row, in order; None if a join key is NULL."""
        if not self.columns:
            return [entity_key("", ())] * count
        if not count:
            return []
        texts = [_texts(columns[name], kind, write) for name, kind, write in self.columns]
        if len(texts) == 1:
            (column,) = texts
            if None in column:
                return [None if text is None else f"{{{text}}}" for text in column]
            # Formatted at once, which takes two thirds of the time of a loop.
            return (f"{{%s}}{_SEPARATOR}" * count % tuple(column)).split(_SEPARATOR)[:-1]
        return [
            None if None in row else f"{{{','.join(map(str, row))}}}"
            for row in zip(*texts, strict=True)
        ]


def _texts(values: Sequence[Any], kind: str, write: KeyWriter) -> Sequence[Any]:
    """Return values whose text is valid in a Redis key; None for NULL."""
    types = {*map(type, values)}
    # Plain integers and alphanumeric text need no encoding: most requests skip the loop below.
    if types == {int} and (kind in _INTEGERS or kind.startswith("decimal")):
        return values
    if types == {str} and kind == "string":
        together = "".join(values)
        if together.isascii() and together.isalnum():
            return values
    return [None if is_null(value) else encoded(write(value)) for value in values]


@dataclass(frozen=True, slots=True, eq=False)
class ViewPlan:
    """The read of one view.

    Attributes:
        view: The feature view.
        wanted: The features, each with its published type; None for an unpublished feature.
        names: The name of each feature in the result.
        types: The published type of each feature, by that name.
        ttl: The greatest age of a row in microseconds; None for any.
        prefix: The prefix of its Redis keys.
        keys: Its join keys.
        layout: The names of its join keys, in the order of the values in a Redis key.
        timestamp: The name of the rows' event timestamps in the result; empty if not requested.
        defaults: The declared default of each feature that has one, by its place in `wanted`.
    """

    view: FeatureView
    wanted: tuple[tuple[str, str | None], ...]
    names: tuple[str, ...]
    types: Mapping[str, str]
    ttl: int | None
    prefix: str
    keys: JoinKeys
    layout: tuple[str, ...]
    timestamp: str = ""
    defaults: Mapping[int, Any] = field(default_factory=dict)
    _readers: dict[Decoder, FeatureReader | None] = field(default_factory=dict, repr=False)

    def reader(self, decoder: Decoder) -> FeatureReader | None:
        """Return the reader of the features from the rows of a decoder.

        A Redis key holds the values of the join keys, not their names. So a row whose schema has
        other join keys, or the same in another order, belongs to another entity.

        Returns:
            The reader; None if the rows belong to other entities.
        """
        try:
            return self._readers[decoder]
        except KeyError:
            names = tuple(name for name, _ in decoder.schema.keys)
            found = FeatureReader.of(self.wanted, decoder) if names == self.layout else None
            self._readers[decoder] = found
            return found


@dataclass(frozen=True, slots=True)
class FeatureReader:
    """Reads the features of a plan from rows of one schema with the same marks.

    Attributes:
        reader: Reads the features that the schema has.
        lacking: The places of the features that it lacks, or has with another type.
        marks: The marks of the rows.
        has_end: Whether the rows have an end of validity.
        header_size: The least length of a row.
        has_checksum: Whether the rows have a checksum.
    """

    reader: ColumnReader
    lacking: tuple[int, ...]
    marks: int
    has_end: bool
    header_size: int
    has_checksum: bool

    @classmethod
    def of(cls, wanted: Sequence[tuple[str, str | None]], decoder: Decoder) -> FeatureReader:
        """Return the reader for features; a row lacks a feature that changed its type since."""
        places = {feature: index for index, feature in enumerate(decoder.schema.features)}
        found = [places.get((name, kind)) if kind is not None else None for name, kind in wanted]
        there = [place for place in found if place is not None]
        lacking = tuple(index for index, place in enumerate(found) if place is None)
        reader = ColumnReader(decoder.schema, decoder.marks, there)
        return cls(
            reader,
            lacking,
            decoder.marks,
            decoder.has_end,
            header_size(decoder.marks),
            decoder.has_checksum,
        )

    def can_read(self, row: bytes) -> bool:
        """Return whether a row can be decoded."""
        try:
            self.reader.columns([row])
        except OnlineStoreError:
            return False
        return True


@dataclass(frozen=True, slots=True, eq=False)
class ReadPlan:
    """The reads of all views.

    Attributes:
        views: The read of each view.
        names: The name of each feature of the views in the result.
        types: The published type of each feature, by that name; on-demand features come last.
        join_keys: The distinct join keys of the views.
        explained: The names of the features whose values may have a reason.
        at_request: What the service computes from each request; None if it computes nothing.
    """

    views: tuple[ViewPlan, ...]
    names: tuple[str, ...]
    types: Mapping[str, str]
    join_keys: tuple[JoinKeys, ...]
    explained: tuple[str, ...] = ()
    at_request: Computes | None = None

    @classmethod
    def of(cls, views: Sequence[ViewPlan], at_request: Computes | None = None) -> ReadPlan:
        """Return the plan of several views, and of what a service computes from them."""
        types: dict[str, str] = {}
        for view in views:
            types |= view.types
        keys = dict.fromkeys(view.keys for view in views)
        explained = tuple(view.names[place] for view in views for place in view.defaults)
        names = tuple(types)
        if at_request is not None:
            types |= at_request.types
            explained += tuple(at_request.types)
        return cls(tuple(views), names, types, tuple(keys), explained, at_request)

    def tags(self, columns: Mapping[str, Sequence[Any]], count: int) -> list[RequestedKeys]:
        """Return the keys to read of each view, without their prefix."""
        tags = {keys: keys.tags(columns, count) for keys in self.join_keys}
        return [tags[view.keys] for view in self.views]

    def keys_of(self, tags: Sequence[RequestedKeys]) -> list[bytes]:
        """Return the Redis keys to read, one view after the other."""
        keys: list[bytes] = []
        for view, asked in zip(self.views, tags, strict=True):
            if asked.each:
                # As bytes, which the checksums of the rows need as well as the command. Encoded at
                # once, which takes half the time of a loop.
                between = _SEPARATOR + view.prefix
                keys += (view.prefix + between.join(asked.each)).encode().split(_CUT)
        return keys
