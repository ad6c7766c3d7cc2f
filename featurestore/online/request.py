"""A request for online values, turned into the keys to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from featurestore.definitions import FeatureView, ServiceMember
from featurestore.errors import EntityFrameError, NameCollision, did_you_mean
from featurestore.governance import refuse_unpublished
from featurestore.online.codec import Schema
from featurestore.online.keys import entity_key, is_null, key_writer, row_prefix
from featurestore.registry import Registry

__all__ = ["ViewPlan", "ViewRead", "columns_of", "plan_views"]


Write = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class ViewPlan:
    """What is read of one view by requests of one shape.

    Attributes:
        view: The feature view.
        schema: How its rows are published now.
        features: The features taken.
        names: The name of each in the result.
        prefix: What its keys begin with.
        keys: The entity rows' column of each join key, and what writes its values.
    """

    view: FeatureView
    schema: Schema
    features: tuple[str, ...]
    names: tuple[str, ...]
    prefix: str
    keys: tuple[tuple[str, Write], ...]

    def keys_of(self, columns: Mapping[str, Sequence[Any]], count: int) -> tuple[str | None, ...]:
        """Return the key of each entity row, in order; None where a join key is NULL."""
        if not self.keys:
            return (entity_key(self.prefix, ()),) * count
        if not count:
            return ()
        texts = [
            [None if is_null(value) else write(value) for value in columns[name]]
            for name, write in self.keys
        ]
        return tuple(
            None if None in row else entity_key(self.prefix, row)
            for row in zip(*texts, strict=True)
        )


@dataclass(frozen=True, slots=True)
class ViewRead:
    """What one request reads of one view.

    Attributes:
        plan: What is taken.
        keys: The key of each entity row, in order; None where a join key is NULL.
    """

    plan: ViewPlan
    keys: tuple[str | None, ...]


def columns_of(
    entity_rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]],
) -> tuple[dict[str, list[Any]], int]:
    """Return entity rows as columns, whichever way they were given, and their number.

    Raises:
        EntityFrameError: Rows name different keys, or columns have different lengths.

    >>> columns_of([{"tailnum": "N14228"}, {"tailnum": "N24211"}])
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
    for number, row in enumerate(rows):
        if row.keys() != rows[0].keys():
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
) -> list[ViewPlan]:
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
    for member in members:
        view = registry.view(member.view)
        schema = schemas[view.name]
        refuse_unpublished(view, member.features, dict(schema.features))
        prefix = f"{member.name}__" if full_feature_names else ""
        names = tuple(f"{prefix}{feature}" for feature in member.features)
        _claim(names, member.name, taken)
        stored = row_prefix(registry.project, view.name)
        keys = _keys(view, schema, member, columns)
        plans.append(ViewPlan(view, schema, tuple(member.features), names, stored, keys))
    return plans


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
) -> tuple[tuple[str, Write], ...]:
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
        keys.append((name, key_writer(name, kind)))
    return tuple(keys)
