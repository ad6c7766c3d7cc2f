"""Make the plan of a training set from a request.

Making it checks everything that can be wrong with the request, so that the statement built from the
plan is right by construction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from featurestore.errors import EntityFrameError, NameCollision, did_you_mean
from featurestore.registry.definitions import Column, FeatureView, ServiceMember
from featurestore.sql.dialects import dialect_record
from featurestore.sql.plan import Output, Spine, TrainingPlan, ViewJoin, parsed_name
from featurestore.values.lossy_types import lossless_cast
from featurestore.values.missing import Missing
from featurestore.values.types import DataType, Kind

__all__ = ["make_plan"]

_TIMESTAMP = "event_timestamp"
_ROOM = 12
"""The bytes to leave for a number and the suffix of a step, such as `_2_periods`."""


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
    """Check a request against the entity rows and return its plan.

    Args:
        dialect: The warehouse's dialect.
        spine: The entity rows.
        members: The features of each view.
        views: The views by name, with all types known.
        full_feature_names: Name the columns `view__feature` instead of `feature`.
        feature_timestamps: Add `view__event_timestamp` for each view.
        as_known: Leave out rows whose created timestamp is after the entity row's instant.

    Raises:
        EntityFrameError: The entity rows lack a key or the timestamp, or its type is wrong.
        NameCollision: Two columns of the result would have the same name.
    """
    _check_timestamp(spine)
    _check_types(spine)
    spine = replace(spine, casts=dict(_casts(members, views, spine)))
    ctes = _cte_names(members, dialect_record(dialect).longest_name)
    joins = tuple(
        ViewJoin(
            name=member.name,
            cte=cte,
            view=views[member.view],
            spine_keys=_spine_keys(member, views[member.view], spine),
            outputs=_outputs(member, full_feature_names),
            timestamp_output=f"{member.name}__{_TIMESTAMP}" if feature_timestamps else None,
        )
        for member, cte in zip(members, ctes, strict=True)
    )
    if as_known:
        _check_created(joins)
    _check_names(spine, joins, full_feature_names)
    _check_lengths(joins, dialect_record(dialect).longest_name)
    return TrainingPlan(dialect, spine, _sharing(joins, dialect), as_known)


def _sharing(joins: Sequence[ViewJoin], dialect: str) -> tuple[ViewJoin, ...]:
    """Give joins by the same keys, under the same names, one CTE of keys and instants."""
    first: dict[tuple[tuple[str, ...], ...], str] = {}
    asked = [first.setdefault((join.keys, join.spine_keys), f"{join.cte}_asked") for join in joins]
    numbered_from = dialect_record(dialect).numbered_from
    # More than there are joins: without the hint for the engine, no keys are numbered.
    many = len(asked) + 1 if isinstance(numbered_from, Missing) else numbered_from
    return tuple(
        replace(join, asked=name, numbered=asked.count(name) >= many)
        for join, name in zip(joins, asked, strict=True)
    )


def _check_timestamp(spine: Spine) -> None:
    name = spine.event_timestamp
    if name not in spine.columns:
        raise EntityFrameError(
            f"The entity frame has no time column '{name}'; it has {_listed(spine)}.",
            remedy=did_you_mean(name, spine.columns)
            or "Add the column, or name another one with event_timestamp=.",
        )
    data_type = spine.columns[name]
    if not data_type.is_instant:
        raise EntityFrameError(
            f"The entity frame's time column '{name}' is {data_type}, not a timestamp or a date.",
            remedy="Convert it, for example with pandas.to_datetime or a SQL CAST.",
        )


def _check_types(spine: Spine) -> None:
    for name, data_type in spine.columns.items():
        cast = lossless_cast(data_type)
        if cast:
            raise EntityFrameError(
                f"The entity frame's column '{name}' is {data_type}, which loses its meaning"
                " outside of the warehouse.",
                remedy=f"Cast it to {cast}, or leave it out.",
            )


def _listed(spine: Spine) -> str:
    return ", ".join(f"'{name}'" for name in spine.own) or "no columns"


def _cte_names(members: Sequence[ServiceMember], longest: int | None) -> list[str]:
    # The names of the statement's own CTEs and aliases, which no view may hide.
    taken = {"spine", "history", "asked", "newest", "periods", "ranked", "chosen", "together"}
    taken |= {"enriched", "computed"}
    names = []
    for member in members:
        start, count = _cut(member.name, longest), 1
        base = start
        while taken & _own_ctes(base):
            count += 1
            base = f"{start}_{count}"
        taken |= _own_ctes(base)
        names.append(base)
    return names


def _cut(name: str, longest: int | None) -> str:
    """Return a name, or the start of one that would be cut off with the suffix of a step."""
    return name if longest is None else name.encode()[: longest - _ROOM].decode(errors="ignore")


def _own_ctes(base: str) -> set[str]:
    """Return the names of a join's CTEs, in lower case: to a warehouse, capitals are the same."""
    suffixes = ("", "_asked", "_newest", "_periods", "_chosen")
    return {f"{base}{suffix}".lower() for suffix in suffixes}


def _outputs(member: ServiceMember, full_feature_names: bool) -> tuple[Output, ...]:
    prefix = f"{member.name}__" if full_feature_names else ""
    return tuple(Output(feature, f"{prefix}{feature}") for feature in member.features)


def _spine_keys(member: ServiceMember, view: FeatureView, spine: Spine) -> tuple[str, ...]:
    for entity in view.entities:
        for key, name in zip(entity.join_keys, member.names_of(entity), strict=True):
            _check_key(member.name, entity.name, key, name, spine)
    names = member.key_names(view)
    return tuple(_compared(names[key.name], key, spine) for key in view.join_keys)


def _compared(name: str, key: Column, spine: Spine) -> str:
    """Return the column to compare with a join key: the spine's own, or the one parsed from it."""
    parsed = parsed_name(name, key.data_type) if key.data_type else name
    return parsed if parsed in spine.parsed or parsed in spine.casts else name


def _casts(
    members: Sequence[ServiceMember], views: Mapping[str, FeatureView], spine: Spine
) -> Iterator[tuple[str, tuple[str, DataType]]]:
    """Yield the text columns to compare in the type of a join key.

    Every engine with UUIDs reads all their spellings. Text that is filled up with blanks would
    equal keys of the history that differ in their blanks.
    """
    for member in members:
        view = views[member.view]
        names = member.key_names(view)
        for key in view.join_keys:
            name, kind = names[key.name], key.data_type
            found = spine.columns.get(name)
            if found is None or kind is None or found.kind is not Kind.STRING:
                continue
            parsed = parsed_name(name, kind)
            filled = (found.variant, kind.variant) == ("bpchar", str(Kind.STRING))
            if (kind.kind is Kind.UUID or filled) and parsed not in spine.parsed:
                yield parsed, (name, kind)


def _check_key(view: str, entity: str, key: Column, name: str, spine: Spine) -> None:
    if name not in spine.columns:
        raise EntityFrameError(
            f"The entity frame has no column '{name}', the join key of entity '{entity}' in view"
            f" '{view}'; it has {_listed(spine)}.",
            remedy=did_you_mean(name, spine.columns) or f"Add the column '{name}'.",
        )
    found = spine.columns[name]
    if _compared(name, key, spine) != name:
        return
    # Keys are compared as typed columns. A cast in the statement could make unequal keys equal.
    if key.data_type is not None and not found.comparable(key.data_type):
        remedy = "Cast the column of the entity frame."
        if found.family == "float" and key.data_type.family == "integer":
            remedy = "pandas turns integers with missing values into floats: use astype('Int64')."
        raise EntityFrameError(
            f"The entity frame's column '{name}' is {found}, but the join key '{key.name}' of view"
            f" '{view}' is {key.data_type}.",
            remedy=remedy,
        )


def _check_created(joins: Sequence[ViewJoin]) -> None:
    lacking = {join.view.name: None for join in joins if join.view.created_timestamp is None}
    if lacking:
        raise EntityFrameError(
            "as_known=True needs a created timestamp for each row, but these views do not declare"
            f" `created_timestamp`: {', '.join(lacking)}.",
            remedy="Declare `created_timestamp` on each view, or leave out as_known.",
        )


def _check_names(spine: Spine, joins: Sequence[ViewJoin], full_feature_names: bool) -> None:
    # Most warehouses ignore case in names, so names that differ only in case collide.
    owners: dict[str, str] = {name.lower(): "the entity frame" for name in spine.own}
    for name in sorted(spine.casts):
        if name in owners:
            raise NameCollision(
                f"The entity frame has a column '{name}', which the statement uses itself.",
                remedy="Rename the column.",
            )
    for join in joins:
        outputs = [output.name for output in join.outputs]
        for name in (*outputs, *filter(None, [join.timestamp_output])):
            if name.lower() in owners:
                raise NameCollision(
                    f"Two columns would be named '{name}': one of {owners[name.lower()]}, one of"
                    f" '{join.name}'.",
                    remedy="Rename one in the entity frame or the model."
                    if full_feature_names
                    else "Use full_feature_names=True (--full-feature-names on the command line).",
                )
            owners[name.lower()] = f"'{join.name}'"


def _check_lengths(joins: Sequence[ViewJoin], longest: int | None) -> None:
    # Two names that are cut off at the same place are one name, and the result lacks a column.
    for join in joins:
        for name in (*(output.name for output in join.outputs), join.timestamp_output or ""):
            length = len(name.encode())
            if longest is not None and length > longest:
                raise NameCollision(
                    f"The column '{name}' of '{join.name}' has a name of {length} bytes; the"
                    f" warehouse cuts names off after {longest}.",
                    remedy="Give the view an alias, or leave out full_feature_names"
                    " (--full-feature-names on the command line).",
                )
