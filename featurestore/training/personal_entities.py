"""Personal data in entity rows that the warehouse holds: a model, a table or a query.

The rule is the rule of features. A model or a table is like `view:*`: its personal columns are
left out. A query names its columns, so a personal one is refused. An allowance lets both pass.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from featurestore.errors import PersonalDataWarning
from featurestore.governance.across_models.personal_lineage import MarkOrigin, PersonalLineage
from featurestore.governance.personal_data import personal_reason, refusal
from featurestore.registry.definitions import FeatureRef, ServiceMember
from featurestore.registry.registry import Registry
from featurestore.training.entity_frame import EntityFrame

__all__ = ["ScreenedEntities", "own_entities", "personal_columns", "screened_entities"]


@dataclass(frozen=True, slots=True)
class ScreenedEntities:
    """Entity rows without unallowed personal data.

    Attributes:
        frame: The rows.
        personal: References of the personal columns that the caller allowed.
        withheld: References of the personal columns that were left out.
    """

    frame: EntityFrame
    personal: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()


def personal_columns(
    frame: EntityFrame, names: Iterable[str], lineage: PersonalLineage
) -> dict[str, MarkOrigin]:
    """Return the personal columns of entity rows; warn about those that lineage cannot follow.

    Args:
        frame: Entity rows in the warehouse.
        names: The names of their columns.
        lineage: Traces them.
    """
    sql = frame.source if frame.is_query else f"SELECT * FROM {frame.source}"
    found = lineage.of_query(sql, names)
    doubtful: defaultdict[MarkOrigin, list[str]] = defaultdict(list)
    for name, origin in found.items():
        if origin.doubt:
            doubtful[origin].append(name)
    for origin, listed in doubtful.items():
        warnings.warn(
            f"Lineage cannot tell whether {', '.join(listed)} of the entity rows descends from"
            f" '{origin.name}', which is personal data ({origin.mark}): {origin.doubt}.",
            PersonalDataWarning,
            stacklevel=2,
        )
    return {name: origin for name, origin in found.items() if not origin.doubt}


def own_entities(
    frame: EntityFrame,
    registry: Registry,
    members: Sequence[ServiceMember],
    allows: Callable[[FeatureRef], bool],
) -> ScreenedEntities:
    """Return the views' own entities if none of their join keys is unallowed personal data.

    Args:
        frame: The rows.
        registry: The project's definitions.
        members: The views.
        allows: Returns whether the caller allows a key.

    Raises:
        RegistryError: A join key is personal data and not allowed.
    """
    views = dict.fromkeys(registry.view(member.view).name for member in members)
    keys = [FeatureRef(name, key.name) for name in views for key in registry.view(name).join_keys]
    personal = [key for key in keys if key in registry.personal]
    for key in personal:
        if not allows(key):
            raise refusal(
                f"The join key '{key}' is personal data ({personal_reason(registry, key)})", [key]
            )
    return ScreenedEntities(frame, tuple(map(str, personal)))


def screened_entities(
    frame: EntityFrame,
    columns: Mapping[str, MarkOrigin],
    allows: Callable[[FeatureRef], bool],
    needed: Collection[str],
) -> ScreenedEntities:
    """Return entity rows without the personal columns that the caller did not allow.

    Args:
        frame: The rows.
        columns: Their personal columns.
        allows: Returns whether the caller allows a marked column.
        needed: The columns that cannot be left out: join keys and the time column.

    Raises:
        RegistryError: A query names such a column, or the join needs it.
    """
    references = {name: FeatureRef.parse(origin.reference) for name, origin in columns.items()}
    refused = [name for name, reference in references.items() if not allows(reference)]
    for name in refused:
        if frame.is_query or name in needed:
            origin = columns[name]
            raise refusal(
                f"The column '{name}' of the entity rows is personal data:"
                f" '{origin.name}' is marked ({origin.mark})",
                [references[name]],
            )
    passed = [str(reference) for name, reference in references.items() if name not in refused]
    return ScreenedEntities(
        replace(frame, left_out=tuple(refused)),
        tuple(dict.fromkeys(passed)),
        tuple(dict.fromkeys(str(references[name]) for name in refused)),
    )
