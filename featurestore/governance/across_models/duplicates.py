"""Doubles: two features that compute the same thing from the same columns of the same rows."""

from __future__ import annotations

from collections import defaultdict

from featurestore.errors import Problem
from featurestore.lineage.graph import ColumnId, LineageGraph
from featurestore.registry.definitions import Feature, FeatureView
from featurestore.registry.registry import Registry

__all__ = ["duplicate_problems"]

_Found = tuple[FeatureView, Feature]


def duplicate_problems(registry: Registry, graph: LineageGraph) -> list[Problem]:
    """Return a warning for each feature that another one is already.

    Two features are doubles if their SQL, traced back to the sources and rid of names and layout,
    is the same text over the same rows. Versions of one model share their features on purpose.

    Args:
        registry: The project's definitions.
        graph: The lineage of all features.
    """
    alike: defaultdict[str, list[_Found]] = defaultdict(list)
    for view in registry.feature_views.values():
        for feature in view.features:
            column = ColumnId(view.unique_id, feature.name.lower())
            if graph.digests.get(column) and not graph.why_untraced(column):
                alike[graph.digests[column]].append((view, feature))
    return sorted(
        _problem(later, others[0])
        for found in alike.values()
        for number, later in enumerate(found)
        if (others := [one for one in found[:number] if not _are_versions(one, later)])
    )


def _are_versions(one: _Found, other: _Found) -> bool:
    names = {view.name.removesuffix(f".v{view.version}") for view, _ in (one, other)}
    return len(names) == 1 and one[1].name == other[1].name


def _problem(later: _Found, earlier: _Found) -> Problem:
    view, feature = later
    first, known = earlier
    return Problem(
        view.path,
        view.name,
        f"feature '{feature.name}' is computed exactly as '{first.name}:{known.name}' is.",
        f"Take '{first.name}:{known.name}' instead, and drop this one or leave it out with"
        " `feature: false`.",
        severity="warning",
    )
