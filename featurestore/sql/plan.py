"""The plan of a training set: the entity rows, and what each view adds to them.

A plan is a value; `planning` makes it from a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from featurestore.registry.definitions import FeatureView
from featurestore.sql.expressions import INSTANT, KEY
from featurestore.sql.history_bounds import Extent
from featurestore.values.types import DataType

__all__ = ["Computed", "Output", "Spine", "TrainingPlan", "ViewJoin", "parsed_name", "unused_names"]


@dataclass(frozen=True, slots=True)
class Spine:
    """The entity rows that a training set enriches.

    Attributes:
        source: A relation's name or a query, exactly as it goes into FROM.
        is_query: Whether `source` is a query.
        columns: Its columns with their types, in order. They appear unchanged in the result.
        event_timestamp: The column with the instant of each row.
        order_by: A column that numbers the rows and is not part of the result; None if the rows
            have no order of their own.
        stored: Whether the rows are a stored table, which is cheaper to read twice than to copy.
        parsed: The columns that hold a text key's values in the type of a join key. They are not
            part of the result.
        casts: The columns to cast from text for the same purpose, by the name of the result.
        extent: The first and the last instant of the rows, if they do not change before the
            statement has run; None otherwise.
    """

    source: str
    is_query: bool
    columns: Mapping[str, DataType]
    event_timestamp: str = "event_timestamp"
    order_by: str | None = None
    stored: bool = False
    parsed: tuple[str, ...] = ()
    casts: Mapping[str, tuple[str, DataType]] = field(default_factory=dict)
    extent: Extent | None = None

    @property
    def own(self) -> tuple[str, ...]:
        """The caller's columns, which are part of the result."""
        hidden = {self.order_by, *self.parsed}
        return tuple(name for name in self.columns if name not in hidden)


def parsed_name(column: str, key_type: DataType) -> str:
    """Return the name of the column with a text column's values in the type of a join key.

    >>> from featurestore.values.types import Kind
    >>> parsed_name("day", DataType(Kind.DATE))
    '_date_day'
    """
    return f"_{key_type.kind}_{column}"


@dataclass(frozen=True, slots=True)
class Output:
    """A feature and its name in the result."""

    feature: str
    name: str


@dataclass(frozen=True, slots=True)
class ViewJoin:
    """The join that adds one view to the entity rows.

    Attributes:
        name: The view's name or alias; unique within a plan.
        cte: The name of the CTE with the view's rows: `name`, numbered if it is already in use.
        view: The feature view, with all types known.
        spine_keys: The spine's columns that hold the view's join keys, in the keys' order.
        outputs: The features of the result.
        timestamp_output: The name of the column for the chosen row's event timestamp, if wanted.
        strategy: The cheapest strategy for the sizes; empty for the dialect's preferred one.
        asked: The name of the CTE with the requested keys and instants. Joins by the same keys
            share it.
        carried: The view's columns that decide, after the choice, whether the chosen row counts.
        ends: Whether a row counts only until its end; False counts rows that have ended too.
        unique: Whether the engine itself refuses a second row for a key and an event timestamp, so
            that ties need not be decided.
        numbered: Whether that CTE numbers its rows in `_key`, so that matches are joined back on
            one integer.
    """

    name: str
    cte: str
    view: FeatureView
    spine_keys: tuple[str, ...]
    outputs: tuple[Output, ...]
    timestamp_output: str | None = None
    strategy: str = ""
    asked: str = ""
    carried: tuple[str, ...] = ()
    ends: bool = True
    unique: bool = False
    numbered: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The join keys, by the view's own names."""
        return tuple(key.name for key in self.view.join_keys)

    @property
    def defaults(self) -> dict[str, Any]:
        """The declared defaults of the features of the result, by feature."""
        declared = {feature.name: feature.default for feature in self.view.features}
        wanted = {output.feature: declared.get(output.feature) for output in self.outputs}
        return {name: default for name, default in wanted.items() if default is not None}

    @property
    def found_by(self) -> tuple[str, ...]:
        """The columns that identify one requested key and instant."""
        if not self.numbered:
            return (*self.keys, INSTANT)
        # Whether a row counts depends on the instant, so it comes along where that is decided.
        return (KEY, INSTANT) if self.carried else (KEY,)

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that the join takes of the chosen row, by the view's own names."""
        return tuple(dict.fromkeys((*(output.feature for output in self.outputs), *self.carried)))


@dataclass(frozen=True, slots=True)
class Computed:
    """An on-demand feature of a training set.

    Attributes:
        name: Its name in the result.
        node: The expression, over columns of the result.
        data_type: The type of its values in the warehouse.
        inputs: The names that it reads.
        description: Its meaning.
    """

    name: str
    node: exp.Expr
    data_type: DataType
    inputs: tuple[str, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """The plan of one training set.

    Attributes:
        dialect: The warehouse's dialect.
        spine: The entity rows.
        joins: One join per view, in the requested order.
        as_known: Whether rows written after the entity row's instant are left out.
        on_demand: The on-demand features, in the order of the result.
    """

    dialect: str
    spine: Spine
    joins: tuple[ViewJoin, ...]
    as_known: bool = False
    on_demand: tuple[Computed, ...] = ()


def unused_names(plan: TrainingPlan, prefix: str) -> list[str]:
    """Return a name for each join, for an instant of its row, that no column of the result has.

    Args:
        plan: The training set.
        prefix: The start of the names, such as `_at_`; it is made longer where a column has it.
    """
    used = [name.lower() for name in plan.spine.columns]
    used += [output.name.lower() for join in plan.joins for output in join.outputs]
    used += [computed.name.lower() for computed in plan.on_demand]
    used += [join.timestamp_output.lower() for join in plan.joins if join.timestamp_output]
    while any(name.startswith(prefix) for name in used):
        prefix = f"_{prefix}"
    return [f"{prefix}{number}" for number in range(len(plan.joins))]
