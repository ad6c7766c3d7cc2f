"""The nouns of the feature store, as frozen values: entity, feature, feature view, feature service.

They are read from dbt's manifest and never changed; a value that needs its types from the warehouse
is replaced by a copy that has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from featurestore.errors import RegistryError
from featurestore.values.types import DataType

__all__ = [
    "ALL_FEATURES",
    "RESERVED_NAMES",
    "Column",
    "Entity",
    "Feature",
    "FeatureRef",
    "FeatureService",
    "FeatureView",
    "Freshness",
    "ServiceMember",
]

ALL_FEATURES = "*"
"""The feature name in a reference that stands for every feature of the view: `view:*`."""

RESERVED_NAMES = frozenset(
    {
        "_created",
        "_eligible",
        "_event",
        "_event_timestamp",
        "_first_known",
        "_instant",
        "_key",
        "_known",
        "_op",
        "_previous_created",
        "_previous_event",
        "_rank",
        "_row",
    }
)
"""Names that generated statements use for columns of their own; nobody else's may have them."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column with a part to play: a join key or a timestamp.

    Attributes:
        name: The column's name in the warehouse.
        data_type: Its type; None until the warehouse has been asked, when dbt does not declare it.
    """

    name: str
    data_type: DataType | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing that features describe, with the join keys that identify it.

    Attributes:
        name: The noun, such as `plane`.
        join_keys: One column, or several of a composite key, in order.
    """

    name: str
    join_keys: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of a feature view that a model may learn from.

    Attributes:
        name: The column's name in the warehouse.
        data_type: Its type; None until the warehouse has been asked, when dbt does not declare it.
        description: What it means.
        tags: dbt's tags of the column.
        pii: Whether it is personal data, which is had only where it is allowed.
    """

    name: str
    data_type: DataType | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    pii: bool = False


@dataclass(frozen=True, slots=True, order=True)
class FeatureRef:
    """The address of one feature, `view:feature`; the feature `*` stands for all of the view's."""

    view: str
    feature: str

    @classmethod
    def parse(cls, text: str) -> FeatureRef:
        """Read a reference.

        Raises:
            RegistryError: The text is not of the form `view:feature`.

        >>> FeatureRef.parse("plane_features:seats")
        FeatureRef(view='plane_features', feature='seats')
        """
        view, separator, feature = (part.strip() for part in text.partition(":"))
        if not (view and separator and feature):
            raise RegistryError(
                f"'{text}' is no feature reference.", remedy="Write 'view:feature' or 'view:*'."
            )
        return cls(view, feature)

    def __str__(self) -> str:
        return f"{self.view}:{self.feature}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How old a view's newest event may be, in dbt's own words; None means any age."""

    warn_after: timedelta | None = None
    error_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class FeatureView:
    """A dbt model that holds features of one or more entities over time.

    Attributes:
        name: The model's dbt name, with `.v<n>` behind it when dbt versions the model.
        unique_id: dbt's id of the node.
        relation: The quoted name of the table or view in the warehouse.
        path: The file that declares it, for messages.
        entities: What it describes; empty for global features.
        features: Every feature, in the order of the declaration.
        ties: The features that decide between rows of one instant, where some are withheld from
            `features`; empty where none is. So the same row wins whoever may see which feature.
        event_timestamp: The column since when a row is true and, after `available_after`, knowable.
        created_timestamp: The column that says when a row was written, if there is one.
        available_after: The delay between an event and its row being known.
        ttl: The greatest age at which a row may still be used; None means any age.
        online: Whether the sync job publishes it.
        freshness: How old its newest event, and what is online, may be.
        owner: Name or mail of the dbt group's owner.
        ignore: Lint rules that are wrong about this view, each with the reason. Kept as written in
            the yml: only the lint checks it.
    """

    name: str
    unique_id: str
    relation: str
    path: str
    entities: tuple[Entity, ...]
    features: tuple[Feature, ...]
    event_timestamp: Column
    created_timestamp: Column | None = None
    available_after: timedelta = timedelta()
    ttl: timedelta | None = None
    online: bool = True
    freshness: Freshness = Freshness()
    description: str = ""
    owner: str = ""
    group: str = ""
    access: str = ""
    tags: tuple[str, ...] = ()
    version: str = ""
    ties: tuple[Feature, ...] = ()
    ignore: object = field(default_factory=dict, hash=False)

    @property
    def join_keys(self) -> tuple[Column, ...]:
        """The join keys of all entities, in order, each column once."""
        columns = {key.name: key for entity in self.entities for key in entity.join_keys}
        return tuple(columns.values())

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that have a part to play: keys first, then timestamps."""
        created = () if self.created_timestamp is None else (self.created_timestamp,)
        return (*self.join_keys, self.event_timestamp, *created)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the features, in order."""
        return tuple(feature.name for feature in self.features)


@dataclass(frozen=True, slots=True)
class ServiceMember:
    """Features of one view as a request or a service takes them.

    Attributes:
        view: The feature view's name.
        features: The features taken, in order.
        alias: Another name for the view, so that it can be taken more than once.
        entities: For an alias: the columns of the entity frame that hold an entity's join keys,
            by entity name. An entity that is not named keeps the view's own columns.
    """

    view: str
    features: tuple[str, ...]
    alias: str = ""
    entities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name under which the view appears in the result."""
        return self.alias or self.view

    def names_of(self, entity: Entity) -> tuple[str, ...]:
        """Return the entity frame's names of an entity's join keys, in order."""
        return self.entities.get(entity.name) or tuple(key.name for key in entity.join_keys)

    def key_names(self, view: FeatureView) -> dict[str, str]:
        """Return the entity frame's name of each join key of the view, by the view's own."""
        return {
            key.name: name
            for entity in view.entities
            for key, name in zip(entity.join_keys, self.names_of(entity), strict=True)
        }


@dataclass(frozen=True, slots=True)
class FeatureService:
    """The features one model uses: a dbt exposure of `type: ml`.

    Attributes:
        name: The exposure's name.
        members: What it takes of each view, in the order of the declaration.
        label: The column to predict, as `model.column`; empty when the service names none.
        owner: Name or mail of the exposure's owner.
        group: The dbt group it belongs to; empty when it names none.
    """

    name: str
    unique_id: str
    path: str
    members: tuple[ServiceMember, ...]
    label: str = ""
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    group: str = ""
