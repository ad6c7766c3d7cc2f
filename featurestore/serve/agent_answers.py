"""The answers of the tools for agents, as the models that the protocol describes to them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

__all__ = [
    "CatalogMatch",
    "CatalogMatches",
    "CurrentValues",
    "DefinitionAnswer",
    "DependentColumn",
    "DependentsAnswer",
    "NamedColumn",
    "ServiceUse",
    "ServiceUses",
    "TracedColumn",
    "TracedEdge",
    "TrainingStatement",
    "UpstreamAnswer",
    "ValueReasons",
    "at_most",
    "clipped",
]

_NOTE = Field(default="", description="What was left out, and how to get it; empty if nothing was.")


class CatalogMatch(BaseModel):
    """One definition that matches a search."""

    name: str = Field(description="The name to give to the other tools.")
    kind: str = Field(description="`view`, `feature`, `on-demand feature` or `service`.")
    type: str | None = None
    description: str = ""


class CatalogMatches(BaseModel):
    """The definitions that match a search, the best first."""

    matches: list[CatalogMatch]
    note: str = _NOTE


class NamedColumn(BaseModel):
    """A feature, a join key or a request field."""

    name: str
    type: str | None = Field(default=None, description="null if only the warehouse knows it.")
    description: str = ""
    view: str | None = Field(default=None, description="Of a service's feature: the view.")
    pii: bool = Field(default=False, description="Whether agents never read its values.")
    default: bool | float | str | None = None
    expression: str | None = Field(default=None, description="The SQL of an on-demand feature.")


class DefinitionAnswer(BaseModel):
    """One definition; the fields that do not apply to its kind are empty."""

    name: str
    kind: str
    description: str = ""
    type: str | None = None
    view: str | None = None
    join_keys: list[NamedColumn] = Field(
        default=[], description="The keys that each entity row of a request needs."
    )
    request: list[NamedColumn] = Field(
        default=[], description="The fields that come with each request."
    )
    features: list[NamedColumn] = []
    event_timestamp: str | None = None
    available_after: str | None = None
    ttl: str | None = Field(default=None, description="The age at which a row counts no more.")
    online: bool | None = None
    owner: str = ""
    group: str = ""
    tags: list[str] = []
    label: str = ""
    services: list[str] = Field(default=[], description="The services that use it.")
    expression: str | None = None
    pii: bool = False
    default: bool | float | str | None = None
    file: str = ""
    note: str = _NOTE


class ServiceUse(BaseModel):
    """A service that uses a view or a feature."""

    service: str
    features: list[str] = Field(description="The features of the view that it takes.")
    owner: str = ""
    description: str = ""


class ServiceUses(BaseModel):
    """The services that use a view or a feature."""

    services: list[ServiceUse]
    note: str = _NOTE


class TracedColumn(BaseModel):
    """A column from which a feature is computed."""

    name: str
    kind: str = Field(description="`source`, `model`, `seed`, `snapshot`, `table` or `service`.")
    untraced: str | None = Field(
        default=None, description="Why the lineage ends here although the column is computed."
    )


class TracedEdge(BaseModel):
    """A step: the target is computed from the source."""

    source: str
    target: str
    direct: bool = Field(description="false: the source only decides about rows, as a filter does.")


class UpstreamAnswer(BaseModel):
    """The columns from which features are computed."""

    columns: list[TracedColumn]
    edges: list[TracedEdge]
    note: str = _NOTE


class DependentColumn(BaseModel):
    """A feature, key, timestamp or label that depends on a column."""

    name: str
    kind: str
    how: str = Field(
        description="`direct`, `indirect`, or `possible` if a model between could not be read."
    )
    services: list[str] = []
    owner: str = ""
    reason: str = ""


class DependentsAnswer(BaseModel):
    """What depends on a column."""

    dependents: list[DependentColumn]
    note: str = _NOTE


class ValueReasons(BaseModel):
    """The rows that one value could come from, each with its verdict."""

    rows: list[dict[str, Any]] = Field(
        description="The row with the verdict `chosen` is the value; the others say why not."
    )
    note: str = _NOTE


class TrainingStatement(BaseModel):
    """The statement of a training set; it has not been executed."""

    sql: str
    dialect: str


class CurrentValues(BaseModel):
    """The newest values, by column, in the order of the entities."""

    values: dict[str, list[Any]]
    statuses: dict[str, list[str]] = Field(
        description="Of each feature that is not PRESENT in every row, or that is null as NaN."
    )
    event_timestamps: dict[str, list[str | None]] = Field(
        description="When each view's row became true, in UTC; empty if that is personal data."
    )


def clipped(text: str, length: int) -> str:
    """Return a text of at most some characters, which says if more follow.

    >>> clipped("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= length else f"{text[: length - 1]}…"


def at_most(count: int, limit: int, remedy: str) -> str:
    """Return a note on what a limit leaves out; empty if that is nothing.

    >>> at_most(12, 10, "Raise `limit`.")
    'These are 10 of 12. Raise `limit`.'
    """
    return f"These are {limit} of {count}. {remedy}" if count > limit else ""
