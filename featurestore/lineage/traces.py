"""The columns of a feature, a view or a service to trace, and their origin as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from featurestore.errors import UnknownFeature
from featurestore.lineage.dependents import ON_DEMAND, parts_of
from featurestore.lineage.display_names import SERVICE_PREFIX, column_label, kind_of
from featurestore.lineage.flows import ColumnId
from featurestore.lineage.graph import LineageGraph
from featurestore.registry.definitions import ALL_FEATURES, FeatureRef, FeatureService
from featurestore.registry.registry import Registry

__all__ = ["Trace", "trace_json", "trace_of"]


@dataclass(frozen=True, slots=True)
class Trace:
    """The columns of a view or a service to trace, and the services that use them.

    Attributes:
        owner: The name of the view or the service.
        kinds: The kind of each column, by its name.
        columns: The column of each feature, key or timestamp, by its name.
        services: The names of the services that use a column.
    """

    owner: str
    kinds: Mapping[str, str]
    columns: Mapping[str, ColumnId]
    services: Mapping[ColumnId, Sequence[str]]

    def columns_by_service(self) -> dict[str, list[ColumnId]]:
        """Return the columns that each service uses."""
        found: dict[str, list[ColumnId]] = {}
        for column, names in self.services.items():
            for name in names:
                found.setdefault(name, []).append(column)
        return found


def trace_of(registry: Registry, name: str) -> Trace:
    """Return what to trace for `view:feature`, or for all features of a view or a service.

    Raises:
        RegistryError: The view is unknown, or it has no such feature, key or timestamp.
    """
    reference = FeatureRef.parse(name if ":" in name else f"{name}:{ALL_FEATURES}")
    if reference.view not in registry.feature_views and reference.view in registry.feature_services:
        return _trace_of_service(registry.service(reference.view), reference.feature)
    view = registry.view(reference.view)
    if reference.feature == ALL_FEATURES:
        features: Sequence[str] = view.feature_names
    else:
        if reference.feature not in {column.name for column in view.columns}:
            registry.feature(reference)
        features = (reference.feature,)
    columns = {feature: ColumnId(view.unique_id, feature.lower()) for feature in features}
    services = {
        column: [service.name for service in registry.services_using(view.name, feature)]
        for feature, column in columns.items()
    }
    return Trace(view.name, dict(parts_of(view)), columns, services)


def _trace_of_service(service: FeatureService, name: str) -> Trace:
    known = [feature.name for feature in service.on_demand]
    names = known if name == ALL_FEATURES else [name]
    for unknown in (one for one in names if one not in known):
        raise UnknownFeature(unknown, known, where=f"the service '{service.name}'")
    node = f"{SERVICE_PREFIX}{service.name}"
    columns = {one: ColumnId(node, one.lower()) for one in names}
    return Trace(
        service.name,
        dict.fromkeys(names, ON_DEMAND),
        columns,
        {column: [service.name] for column in columns.values()},
    )


def trace_json(
    graph: LineageGraph, trace: Trace, *, name: str, indirect: bool
) -> dict[str, object]:
    """Return the columns and edges upstream of a trace, as plain values."""
    columns = trace.columns.values()
    edges = sorted({edge for one in columns for edge in graph.upstream(one, indirect=indirect)})
    ends = {*columns, *(end for edge in edges for end in (edge.source, edge.target))}
    return {
        "feature": name,
        "columns": [_column_json(graph, column) for column in sorted(ends)],
        "edges": [
            {"source": str(edge.source), "target": str(edge.target), "direct": edge.direct}
            for edge in edges
        ],
        "services": {str(column): list(names) for column, names in trace.services.items()},
    }


def _column_json(graph: LineageGraph, column: ColumnId) -> dict[str, object]:
    return {
        "id": str(column),
        "name": column_label(column),
        "kind": kind_of(column.node),
        "node": column.node,
        "column": column.column,
        "untraced": graph.why_untraced(column) or None,
    }
