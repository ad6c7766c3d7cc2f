"""The plan of a training set: which rows are asked for, and what each view adds to them.

A plan is a value; making one checks everything that can be wrong with a request, so that the
statement built from it is right by construction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from featurestore.errors import EntityFrameError, NameCollision, did_you_mean
from featurestore.registry.definitions import RESERVED_NAMES, Column, FeatureView, ServiceMember
from featurestore.values.types import DataType

__all__ = ["NUMBERED_FROM", "Output", "Spine", "TrainingPlan", "ViewJoin", "make_plan"]

_TIMESTAMP = "event_timestamp"

NUMBERED_FROM = {"duckdb": 4}
"""How many joins have to share what is asked for, so that numbering it pays.

The engine must keep the numbers that it gave, and not all can be told to.
"""


@dataclass(frozen=True, slots=True)
class Spine:
    """The entity rows that a training set enriches.

    Attributes:
        source: A relation's name, or a query; exactly as it goes into FROM.
        is_query: Whether `source` is a query.
        columns: Its columns with their types, in order; they pass through untouched.
        event_timestamp: The column that says at which instant each row asks.
        order_by: A column that numbers the rows and is not part of the result; None where the
            rows have no order of their own.
        stored: Whether a statement had better read them twice than keep them in between.
    """

    source: str
    is_query: bool
    columns: Mapping[str, DataType]
    event_timestamp: str = "event_timestamp"
    order_by: str | None = None
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """One feature and the name it has in the result."""

    feature: str
    name: str


@dataclass(frozen=True, slots=True)
class ViewJoin:
    """What one view adds to the entity rows.

    Attributes:
        name: The view's name or alias; unique within a plan.
        cte: The name of the CTE with its rows; the view's, unless the statement has it already.
        asked: The name of the CTE with the keys and instants asked for; joins by the same keys
            have one between them.
        view: The feature view, with all types known.
        spine_keys: The spine's columns that hold the view's join keys, in the keys' order.
        outputs: The features taken.
        timestamp_output: The name of the column for the chosen row's event timestamp, if wanted.
        strategy: The shape of join that suits the sizes; empty for the dialect's preferred one.
        numbered: Whether what is asked for has a number, `_key`, that matches are joined back on.
    """

    name: str
    cte: str
    view: FeatureView
    spine_keys: tuple[str, ...]
    outputs: tuple[Output, ...]
    timestamp_output: str | None = None
    strategy: str = ""
    asked: str = ""
    numbered: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The view's own names of the join keys."""
        return tuple(key.name for key in self.view.join_keys)

    @property
    def found_by(self) -> tuple[str, ...]:
        """The columns of what is asked for by which its matches are told apart."""
        return ("_key",) if self.numbered else (*self.keys, "_instant")

    @property
    def features(self) -> tuple[str, ...]:
        """The features taken, by their own names."""
        return tuple(output.feature for output in self.outputs)


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """A training set to be built.

    Attributes:
        dialect: The warehouse's dialect.
        spine: The entity rows.
        joins: What each view adds, in the order asked for.
        as_known: Whether rows written after the entity row's instant are left out.
    """

    dialect: str
    spine: Spine
    joins: tuple[ViewJoin, ...]
    as_known: bool = False


def make_plan(
    dialect: str,
    spine: Spine,
    members: Sequence[ServiceMember],
    views: Mapping[str, FeatureView],
    *,
    full_feature_names: bool = False,
    feature_timestamps: bool = False,
    as_known: bool = False,
) -> TrainingPlan:
    """Check a request against the entity rows, and plan it.

    Args:
        dialect: The warehouse's dialect.
        spine: The entity rows.
        members: What is taken of each view.
        views: The views by name, with all types known.
        full_feature_names: Name the columns `view__feature` instead of `feature`.
        feature_timestamps: Add `view__event_timestamp` for each view.
        as_known: Leave out rows whose created timestamp is after the entity row's instant.

    Raises:
        EntityFrameError: The entity rows lack a key or the timestamp, or one has a wrong type.
        NameCollision: Two columns of the result would have one name.
    """
    _check_timestamp(spine)
    joins = tuple(
        ViewJoin(
            name=member.name,
            cte=cte,
            view=views[member.view],
            spine_keys=_spine_keys(member, views[member.view], spine),
            outputs=_outputs(member, full_feature_names),
            timestamp_output=f"{member.name}__{_TIMESTAMP}" if feature_timestamps else None,
        )
        for member, cte in zip(members, _cte_names(members), strict=True)
    )
    if as_known:
        _check_created(joins)
    _check_names(spine, joins, full_feature_names)
    return TrainingPlan(dialect, spine, _sharing(joins, dialect), as_known)


def _sharing(joins: Sequence[ViewJoin], dialect: str) -> tuple[ViewJoin, ...]:
    """Let joins that ask for the same keys, by the same names, ask once."""
    first: dict[tuple[tuple[str, ...], ...], str] = {}
    asked = [first.setdefault((join.keys, join.spine_keys), f"{join.cte}_asked") for join in joins]
    many = NUMBERED_FROM.get(dialect, len(asked) + 1)
    return tuple(
        replace(join, asked=name, numbered=asked.count(name) >= many)
        for join, name in zip(joins, asked, strict=True)
    )


def _check_timestamp(spine: Spine) -> None:
    name = spine.event_timestamp
    if name not in spine.columns:
        raise EntityFrameError(
            f"The entity frame has no column '{name}' for the time of each row;"
            f" it has {_listed(spine)}.",
            remedy=did_you_mean(name, spine.columns)
            or "Add it, or name another with event_timestamp=.",
        )
    data_type = spine.columns[name]
    if not data_type.is_instant:
        raise EntityFrameError(
            f"The entity frame's time column '{name}' is {data_type}, not a timestamp or a date.",
            remedy="Convert it first, for example with pandas.to_datetime or a SQL CAST.",
        )


def _listed(spine: Spine) -> str:
    shown = [name for name in spine.columns if name != spine.order_by]
    return ", ".join(f"'{name}'" for name in shown) or "no column at all"


def _cte_names(members: Sequence[ServiceMember]) -> list[str]:
    taken = {"spine", "history", "asked", "newest", "ranked"}
    names = []
    for member in members:
        base, count = member.name, 1
        while taken & {base, f"{base}_asked", f"{base}_newest"}:
            count += 1
            base = f"{member.name}_{count}"
        taken |= {base, f"{base}_asked", f"{base}_newest"}
        names.append(base)
    return names


def _outputs(member: ServiceMember, full_feature_names: bool) -> tuple[Output, ...]:
    prefix = f"{member.name}__" if full_feature_names else ""
    return tuple(Output(feature, f"{prefix}{feature}") for feature in member.features)


def _spine_keys(member: ServiceMember, view: FeatureView, spine: Spine) -> tuple[str, ...]:
    for entity in view.entities:
        for key, name in zip(entity.join_keys, member.names_of(entity), strict=True):
            _check_key(member.name, entity.name, key, name, spine)
    return tuple(member.key_names(view).values())


def _check_key(view: str, entity: str, key: Column, name: str, spine: Spine) -> None:
    if name not in spine.columns:
        raise EntityFrameError(
            f"The entity frame has no column '{name}', the join key of entity '{entity}' that"
            f" '{view}' needs; it has {_listed(spine)}.",
            remedy=did_you_mean(name, spine.columns) or f"Add the column '{name}'.",
        )
    found = spine.columns[name]
    if key.data_type is not None and not found.comparable(key.data_type):
        remedy = "Cast the column of the entity frame."
        if found.family == "float" and key.data_type.family == "integer":
            remedy = "pandas turns integers with gaps into floats: use astype('Int64')."
        raise EntityFrameError(
            f"The entity frame's column '{name}' is {found}, but the join key '{key.name}' of"
            f" '{view}' is {key.data_type}.",
            remedy=remedy,
        )


def _check_created(joins: Sequence[ViewJoin]) -> None:
    lacking = [join.view.name for join in joins if join.view.created_timestamp is None]
    if lacking:
        raise EntityFrameError(
            "as_known=True needs to know when each row was written, but"
            f" {', '.join(lacking)} declare no created_timestamp.",
            remedy="Declare `created_timestamp` on the view, or leave as_known out.",
        )


def _check_names(spine: Spine, joins: Sequence[ViewJoin], full_feature_names: bool) -> None:
    # Warehouses do not tell names apart by their capital letters.
    owners: dict[str, str] = {
        name.lower(): "the entity frame" for name in spine.columns if name != spine.order_by
    }
    for name in sorted(RESERVED_NAMES):
        if name in owners:
            raise NameCollision(
                f"The entity frame has a column '{name}', a name the statement uses itself.",
                remedy="Rename the column.",
            )
    for join in joins:
        outputs = [output.name for output in join.outputs]
        for name in (*outputs, *filter(None, [join.timestamp_output])):
            if name.lower() in owners:
                raise NameCollision(
                    f"Two columns would be named '{name}': one of {owners[name.lower()]} and one of"
                    f" '{join.name}'.",
                    remedy="Rename one in the entity frame or the model."
                    if full_feature_names
                    else "Use full_feature_names=True (--full-feature-names on the command line).",
                )
            owners[name.lower()] = f"'{join.name}'"
