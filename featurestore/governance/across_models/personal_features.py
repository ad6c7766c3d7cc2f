"""The features and keys that are personal data by inheritance, and what `validate` says of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from featurestore.errors import Problem
from featurestore.governance.across_models.personal_lineage import MarkOrigin, PersonalLineage
from featurestore.lineage.flows import ColumnId
from featurestore.registry.definitions import FeatureRef, FeatureView
from featurestore.registry.registry import Registry

__all__ = ["PersonalFeatures", "personal_features"]

_CLEAR = 'write `pii: {inherited: false, reason: "..."}` on the column'


@dataclass(frozen=True, slots=True)
class PersonalFeatures:
    """The columns of feature views that are personal data without `pii: true` of their own.

    Attributes:
        reasons: Why each feature, key or timestamp is personal data.
        problems: A finding for each of them, and a warning where lineage cannot follow.
    """

    reasons: Mapping[FeatureRef, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the same as values that JSON can hold, for a cache."""
        reasons = [[one.view, one.feature, reason] for one, reason in self.reasons.items()]
        return {"reasons": reasons, "problems": [asdict(problem) for problem in self.problems]}

    @classmethod
    def from_json(cls, stored: Any) -> PersonalFeatures | None:
        """Read it from JSON; None if the JSON has another form."""
        try:
            reasons = {FeatureRef(view, name): why for view, name, why in stored["reasons"]}
            return cls(reasons, tuple(Problem(**problem) for problem in stored["problems"]))
        except (KeyError, TypeError, ValueError):
            return None


def personal_features(registry: Registry, lineage: PersonalLineage) -> PersonalFeatures:
    """Return the features, keys and timestamps whose values descend from a marked column.

    Args:
        registry: The definitions as they are declared.
        lineage: Traces them.
    """
    columns = {
        ColumnId(view.unique_id, name.lower()): (view, name)
        for view in registry.feature_views.values()
        for name in _unmarked(view)
    }
    reasons: dict[FeatureRef, str] = {}
    problems: list[Problem] = []
    doubtful: defaultdict[tuple[FeatureView, MarkOrigin], list[str]] = defaultdict(list)
    for column, origin in lineage.of_columns(columns).items():
        view, name = columns[column]
        if origin.doubt:
            doubtful[view, origin].append(name)
            continue
        itself = origin.column == column
        reasons[FeatureRef(view.name, name)] = origin.mark if itself else _computed_from(origin)
        # A feature with a mark under another meta key is marked: that is not a finding.
        if not itself or name not in view.feature_names:
            problems.append(_finding(view, name, origin, itself=itself))
    problems += [_doubt(view, names, origin) for (view, origin), names in doubtful.items()]
    return PersonalFeatures(reasons, tuple(sorted(problems)))


def _unmarked(view: FeatureView) -> Iterator[str]:
    yield from (column.name for column in view.columns)
    yield from (feature.name for feature in view.features if not feature.pii)


def _computed_from(origin: MarkOrigin) -> str:
    return f"computed from '{origin.name}'"


def _finding(view: FeatureView, name: str, origin: MarkOrigin, *, itself: bool) -> Problem:
    is_feature = name in view.feature_names
    what = f"feature '{name}'" if is_feature else f"key or timestamp '{name}'"
    how = "is" if itself else f"is {_computed_from(origin)}, which is"
    mark = "Mark it `pii: true`" if is_feature else "Use a surrogate key"
    return Problem(
        view.path,
        view.name,
        f"{what} {how} personal data ({origin.mark}).",
        f"{mark}; if its values are not personal data, {_CLEAR}.",
    )


def _doubt(view: FeatureView, names: Sequence[str], origin: MarkOrigin) -> Problem:
    listed = ", ".join(f"'{name}'" for name in names)
    return Problem(
        view.path,
        view.name,
        f"lineage cannot tell whether {listed} descends from '{origin.name}', which is personal"
        f" data ({origin.mark}): {origin.doubt}.",
        f"If it does, mark it `pii: true`; if not, {_CLEAR}.",
        severity="warning",
    )
