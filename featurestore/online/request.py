"""A request for online values, turned into the keys to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from featurestore.errors import EntityFrameError, NameCollision, did_you_mean
from featurestore.governance.personal_data import refuse_unpublished
from featurestore.online.codec import Decoder, Reader, Schema
from featurestore.online.keys import encoded, entity_key, is_null, key_writer, row_prefix
from featurestore.registry.definitions import FeatureView, ServiceMember
from featurestore.registry.registry import Registry

__all__ = ["ReadPlan", "RequestedKeys", "ViewPlan", "ViewReader", "entity_columns", "plan_views"]

_MICROSECOND = timedelta(microseconds=1)
_INTEGERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
Write = Callable[[Any], str]


# Not frozen, as it is made for every request: that alone would take as long as reading a row.
@dataclass(slots=True)
class RequestedKeys:
    """The ends of the keys that entity rows ask for.

    Attributes:
        each: Each of them once.
        places: Which one each entity row asks for, by its place among them, and None where a join
            key is NULL; None for all where the first row asks for the first one, and so on.
    """

    each: list[str]
    places: list[int | None] | None


@dataclass(frozen=True, slots=True, eq=False)
class JoinKeys:
    """The join keys of one or more views that ask for them alike.

    Attributes:
        columns: The entity rows' column of each, its type, and what writes its values.
    """

    columns: tuple[tuple[str, str, Write], ...]

    def tags(self, columns: Mapping[str, Sequence[Any]], count: int) -> RequestedKeys:
        """Return the ends of the keys that entity rows ask for."""
        found = self._tags(columns, count)
        once = {*found}
        if len(once) == len(found) and None not in once:
            return RequestedKeys(found, None)
        each = [tag for tag in dict.fromkeys(found) if tag is not None]
        places = {tag: place for place, tag in enumerate(each)}
        return RequestedKeys(each, [places.get(tag) for tag in found])

    def _tags(self, columns: Mapping[str, Sequence[Any]], count: int) -> list[Any]:
        """Return the end of each entity row's key, in order; None where a join key is NULL."""
        if not self.columns:
            return [entity_key("", ())] * count
        if not count:
            return []
        texts = [_texts(columns[name], kind, write) for name, kind, write in self.columns]
        if len(texts) == 1:
            return [None if text is None else f"{{{text}}}" for text in texts[0]]
        return [
            None if None in row else f"{{{','.join(map(str, row))}}}"
            for row in zip(*texts, strict=True)
        ]


def _texts(values: Sequence[Any], kind: str, write: Write) -> Sequence[Any]:
    """Return each value such that its text stands in a key; None for NULL."""
    types = {*map(type, values)}
    if types == {int} and kind in _INTEGERS:
        return values
    if types == {str} and kind == "string":
        together = "".join(values)
        if together.isascii() and together.isalnum():
            return values
    return [None if is_null(value) else encoded(write(value)) for value in values]


@dataclass(frozen=True, slots=True, eq=False)
class ViewPlan:
    """What is read of one view by requests of one shape.

    Attributes:
        view: The feature view.
        wanted: The features taken, each with its published type; None where it has none.
        names: The name of each in the result.
        types: The published type of each, by that name.
        ttl: After how many microseconds a row has expired; None for never.
        prefix: What its keys begin with.
        keys: Its join keys.
    """

    view: FeatureView
    wanted: tuple[tuple[str, str | None], ...]
    names: tuple[str, ...]
    types: Mapping[str, str]
    ttl: int | None
    prefix: str
    keys: JoinKeys
    _readers: dict[Decoder, ViewReader] = field(default_factory=dict, repr=False)

    def reader(self, decoder: Decoder) -> ViewReader:
        """Return what reads the features from the rows that a decoder is for."""
        found = self._readers.get(decoder)
        if found is None:
            found = self._readers[decoder] = ViewReader.of(self.wanted, decoder)
        return found


@dataclass(frozen=True, slots=True)
class ViewReader:
    """Reads the features of a plan from rows of one schema with the same parts.

    Attributes:
        reader: Reads those that the schema has.
        lacking: Which of the features it has not, or not with the type that is wanted.
    """

    reader: Reader
    lacking: tuple[int, ...]

    @classmethod
    def of(cls, wanted: Sequence[tuple[str, str | None]], decoder: Decoder) -> ViewReader:
        """Find the features; one that was retyped since has no value of its new type."""
        places = {feature: index for index, feature in enumerate(decoder.schema.features)}
        found = [places.get((name, kind)) if kind is not None else None for name, kind in wanted]
        there = [place for place in found if place is not None]
        lacking = tuple(index for index, place in enumerate(found) if place is None)
        return cls(Reader(decoder.schema, decoder.marks, there), lacking)


@dataclass(frozen=True, slots=True, eq=False)
class ReadPlan:
    """What requests of one shape read.

    Attributes:
        views: What is read of each view.
        names: The name of each feature in the result.
        types: The published type of each, by that name.
        join_keys: Their join keys; those that views share, once.
    """

    views: tuple[ViewPlan, ...]
    names: tuple[str, ...]
    types: Mapping[str, str]
    join_keys: tuple[JoinKeys, ...]

    @classmethod
    def of(cls, views: Sequence[ViewPlan]) -> ReadPlan:
        """Put the plans of all views together."""
        types: dict[str, str] = {}
        for view in views:
            types |= view.types
        keys = dict.fromkeys(view.keys for view in views)
        return cls(tuple(views), tuple(types), types, tuple(keys))

    def tags(self, columns: Mapping[str, Sequence[Any]], count: int) -> list[RequestedKeys]:
        """Return the ends of the keys that are read of each view."""
        tags = {keys: keys.tags(columns, count) for keys in self.join_keys}
        return [tags[view.keys] for view in self.views]

    def keys_of(self, tags: Sequence[RequestedKeys]) -> list[str]:
        """Return the keys to read, one view after the other."""
        keys: list[str] = []
        for view, asked in zip(self.views, tags, strict=True):
            prefix = view.prefix
            keys += [prefix + tag for tag in asked.each]
        return keys


def entity_columns(
    entity_rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]],
) -> tuple[dict[str, list[Any]], int]:
    """Return entity rows as columns, whichever way they were given, and their number.

    Raises:
        EntityFrameError: Rows name different keys, or columns have different lengths.

    >>> entity_columns([{"tailnum": "N14228"}, {"tailnum": "N24211"}])
    ({'tailnum': ['N14228', 'N24211']}, 2)
    """
    if isinstance(entity_rows, Mapping):
        columns = {name: list(values) for name, values in entity_rows.items()}
        if len({len(values) for values in columns.values()}) > 1:
            lengths = ", ".join(f"{name}: {len(values)}" for name, values in columns.items())
            raise EntityFrameError(f"The entity rows' columns differ in length: {lengths}.")
        return columns, len(next(iter(columns.values()), ()))
    rows = list(entity_rows)
    names = list(rows[0]) if rows else []
    first = rows[0].keys() if rows else ()
    for number, row in enumerate(rows):
        if row.keys() != first:
            raise EntityFrameError(
                f"Entity row {number} has the keys {', '.join(row) or 'none'}, but row 0 has"
                f" {', '.join(names) or 'none'}.",
                remedy="Give every row the same keys; a missing one is None.",
            )
    return {name: [row[name] for row in rows] for name in names}, len(rows)


def plan_views(
    registry: Registry,
    schemas: Mapping[str, Schema],
    members: Sequence[ServiceMember],
    columns: Sequence[str],
    *,
    full_feature_names: bool,
) -> ReadPlan:
    """Check a request against the columns of the entity rows, and plan it.

    Args:
        registry: The project's definitions.
        schemas: How each view is published, by its name.
        members: What is taken of each view.
        columns: The names of the entity rows' columns; none for no entity rows at all.
        full_feature_names: Name the values `view__feature`.

    Raises:
        EntityFrameError: The entity rows lack a join key.
        NameCollision: Two columns of the result would have one name.
    """
    taken = dict.fromkeys(columns, "the entity rows")
    plans = []
    shared: dict[tuple[tuple[str, str], ...], JoinKeys] = {}
    for member in members:
        view = registry.view(member.view)
        schema = schemas[view.name]
        published = dict(schema.features)
        refuse_unpublished(view, member.features, published)
        prefix = f"{member.name}__" if full_feature_names else ""
        names = tuple(f"{prefix}{feature}" for feature in member.features)
        _claim(names, member.name, taken)
        wanted = tuple((feature, published.get(feature)) for feature in member.features)
        asked = _keys(view, schema, member, columns)
        plans.append(
            ViewPlan(
                view=view,
                wanted=wanted,
                names=names,
                types={name: kind or "null" for name, (_, kind) in zip(names, wanted, strict=True)},
                ttl=None if view.ttl is None else view.ttl // _MICROSECOND,
                prefix=row_prefix(registry.project, view.name),
                keys=shared.setdefault(asked, JoinKeys(tuple(map(_with_writer, asked)))),
            )
        )
    return ReadPlan.of(plans)


def _with_writer(key: tuple[str, str]) -> tuple[str, str, Write]:
    return *key, key_writer(*key)


def _claim(names: Sequence[str], owner: str, taken: dict[str, str]) -> None:
    for name in names:
        if name in taken:
            raise NameCollision(
                f"Two columns would be named '{name}': one of {taken[name]} and one of '{owner}'.",
                remedy="Use full_feature_names=True (--full-feature-names on the command line).",
            )
        taken[name] = f"'{owner}'"


def _keys(
    view: FeatureView, schema: Schema, member: ServiceMember, columns: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """Return the entity rows' column of each join key, and its type."""
    given = member.key_names(view)
    keys = []
    for key, kind in schema.keys:
        name = given.get(key, key)
        if columns and name not in columns:
            raise EntityFrameError(
                f"The entity rows have no '{name}', a join key that '{member.name}' needs; they"
                f" have {', '.join(columns)}.",
                remedy=did_you_mean(name, columns) or f"Add '{name}' to each row.",
            )
        keys.append((name, kind))
    return tuple(keys)
