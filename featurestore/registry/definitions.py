"""The nouns of the feature store as frozen values: entity, feature, feature view, feature service.

The registry builds them from dbt's manifest. `warehouse_types` returns copies with missing types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from featurestore.errors import RegistryError
from featurestore.registry.table_changes import TableChanges
from featurestore.values.types import DataType

__all__ = [
    "ALL_FEATURES",
    "RESERVED_PREFIX",
    "Column",
    "Entity",
    "Feature",
    "FeatureRef",
    "FeatureService",
    "FeatureView",
    "Freshness",
    "OnDemandFeature",
    "RequestField",
    "ServiceMember",
]

ALL_FEATURES = "*"
"""The feature name that means every feature of a view in a reference: `view:*`."""

RESERVED_PREFIX = "_featurestore_"
"""The start of the names that a sync gives to its own columns, beside those of a view."""
"""Column names that generated SQL uses itself, so keys and features must not have them."""


@dataclass(frozen=True, slots=True)
class Column:
    """A join key or timestamp column.

    Attributes:
        name: The column's name in the warehouse.
        data_type: The column's type; None until known, from dbt or from the warehouse.
    """

    name: str
    data_type: DataType | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing that features describe, and the join keys that identify it.

    Attributes:
        name: The noun, such as `plane`.
        join_keys: One column, or the columns of a composite key, in order.
    """

    name: str
    join_keys: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of a feature view that a model can learn from.

    Attributes:
        name: The column's name in the warehouse.
        data_type: The column's type; None until known, from dbt or from the warehouse.
        description: The meaning of the feature.
        tags: dbt's tags of the column.
        pii: Whether it is personal data, which a caller must allow.
        default: The value in place of NULL and of a missing or expired row, as the yml has it;
            None without one. `typed_default` returns it in the type of the column.
    """

    name: str
    data_type: DataType | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    pii: bool = False
    default: bool | float | str | None = None


@dataclass(frozen=True, slots=True, order=True)
class FeatureRef:
    """The address of one feature, `view:feature`; the feature `*` means all of the view's."""

    view: str
    feature: str

    @classmethod
    def parse(cls, text: str) -> FeatureRef:
        """Return the reference in a text.

        Raises:
            RegistryError: The text does not have the form `view:feature`.

        >>> FeatureRef.parse("plane_features:seats")
        FeatureRef(view='plane_features', feature='seats')
        """
        if not isinstance(text, str):
            raise RegistryError(
                f"A feature is given as a {type(text).__qualname__}, not as text.",
                remedy="Write 'view:feature' or 'view:*'.",
            )
        view, separator, feature = (part.strip() for part in text.partition(":"))
        if not (view and separator and feature):
            raise RegistryError(
                f"'{text}' is not a feature reference.", remedy="Write 'view:feature' or 'view:*'."
            )
        return cls(view, feature)

    def __str__(self) -> str:
        return f"{self.view}:{self.feature}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """The greatest ages of a view's newest event, in dbt's own words; None means any age."""

    warn_after: timedelta | None = None
    error_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class FeatureView:
    """A dbt model that holds features of one or more entities over time.

    Attributes:
        name: The model's dbt name; a versioned model's ends in `.v<n>`.
        unique_id: dbt's id of the node.
        relation: The quoted name of the table or view in the warehouse.
        path: The file that declares it, for messages.
        entities: The entities that it describes; empty for global features.
        features: Every feature, in the order of the declaration.
        ties: All features, if `features` leaves out some that the caller may not see; else empty.
            They decide between rows of one instant, so every caller gets the same row.
        event_timestamp: The instant from which a row is true and, after `available_after`, known.
        created_timestamp: The instant at which a row was written, if the view has it.
        valid_until: The instant from which a row no longer counts, if the view has it. A row that
            has ended does not bring an older one back. NULL means no end.
        no_end: The SQL expression that means no end too, such as `cast('9999-12-31' as date)`: a
            snapshot's `dbt_valid_to_current`.
        is_deleted: The column that holds 'True' in a row that records a deletion: the entity has no
            values from then on. Only snapshots with `hard_deletes: new_record` have it.
        available_after: The delay from an event until its row is known.
        ttl: The greatest age at which a row still counts; None means any age.
        online: Whether the sync publishes the view.
        freshness: The greatest ages of its newest event, in the warehouse and online.
        max_deletes: The share of its online rows that one sync may delete; None for the project's
            limit.
        changes: How dbt changes its table; None if dbt promises nothing.
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
    valid_until: Column | None = None
    no_end: str = ""
    is_deleted: Column | None = None
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
    max_deletes: float | None = None
    changes: TableChanges | None = None
    ignore: object = field(default_factory=dict, hash=False)

    @property
    def join_keys(self) -> tuple[Column, ...]:
        """The join keys of all entities, in order, each column once."""
        columns = {key.name: key for entity in self.entities for key in entity.join_keys}
        return tuple(columns.values())

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are not features: keys first, then timestamps."""
        optional = (self.created_timestamp, self.valid_until)
        return (*self.join_keys, self.event_timestamp, *filter(None, optional))

    @property
    def validity_columns(self) -> tuple[Column, ...]:
        """The columns that decide whether the chosen row still counts."""
        return tuple(filter(None, (self.valid_until, self.is_deleted)))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the features, in order."""
        return tuple(feature.name for feature in self.features)


@dataclass(frozen=True, slots=True)
class ServiceMember:
    """The features that a request or a service takes of one view.

    Attributes:
        view: The feature view's name.
        features: The names of the features, in order.
        alias: Another name for the view, so that a request can take it more than once.
        entities: For an alias: the columns of the entity frame that hold an entity's join keys, by
            entity name. Other entities keep the view's own column names.
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
        """Return the entity frame's name of each join key, by the view's own name."""
        return {
            key.name: name
            for entity in view.entities
            for key, name in zip(entity.join_keys, self.names_of(entity), strict=True)
        }


@dataclass(frozen=True, slots=True)
class RequestField:
    """A value that comes with each request: a column of the entity rows on both paths.

    Attributes:
        name: The column's name.
        data_type: The type of its values.
        pii: Whether it is personal data.
    """

    name: str
    data_type: DataType
    description: str = ""
    pii: bool = False


@dataclass(frozen=True, slots=True)
class OnDemandFeature:
    """A feature that is computed at request time, by one SQL expression on both paths.

    Attributes:
        name: The name of the feature in the result.
        text: The expression, in the dialect of the warehouse.
        inputs: The names that it reads: features of the service, request fields and other on-demand
            features.
        pii: Whether it is personal data, by its own mark or by an input's.
        data_type: The declared type of its values, which must be the expression's; None if no type
            is declared.
    """

    name: str
    text: str
    inputs: tuple[str, ...] = ()
    description: str = ""
    pii: bool = False
    data_type: DataType | None = None


@dataclass(frozen=True, slots=True)
class FeatureService:
    """The features one model uses: a dbt exposure of `type: ml`.

    Attributes:
        name: The exposure's name.
        members: The features that it takes of each view, in the order of the declaration.
        label: The column to predict, as `model.column`; empty if the service does not name one.
        owner: Name or mail of the exposure's owner.
        group: The dbt group of the service; empty if it does not name one.
        request: The fields that come with each request.
        on_demand: The features that are computed from the others and from the request.
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
    request: tuple[RequestField, ...] = ()
    on_demand: tuple[OnDemandFeature, ...] = ()
