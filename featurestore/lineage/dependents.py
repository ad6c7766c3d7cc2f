"""The dependents of a column: keys, features and labels, and the services that take them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from featurestore.lineage.display_names import SERVICE_PREFIX, label_column
from featurestore.lineage.flows import ColumnId
from featurestore.lineage.graph import LineageGraph
from featurestore.project.manifest import Manifest
from featurestore.registry.definitions import FeatureView
from featurestore.registry.registry import Registry

__all__ = ["ON_DEMAND", "Dependent", "dependents_of", "parts_of"]

ON_DEMAND = "on-demand feature"
"""The kind of a feature that a service computes at request time."""


@dataclass(frozen=True, slots=True, order=True)
class Dependent:
    """A column of a feature view, or a label, that depends on the column asked for.

    Attributes:
        name: `view:column`; for a label, `model.column`; for an on-demand feature, `service:name`.
        kind: `feature`, `key`, `timestamp`, `label` or `on-demand feature`.
        how: `direct`, `indirect`, or `possible` if a model between them could not be traced.
        services: The services that take it.
        owner: The owner of the view.
        reason: Why the dependency is only possible.
    """

    name: str
    kind: str
    how: str
    services: tuple[str, ...] = ()
    owner: str = ""
    reason: str = ""


def dependents_of(
    graph: LineageGraph, manifest: Manifest, registry: Registry, column: ColumnId
) -> list[Dependent]:
    """Return the columns that depend on a column, directly, indirectly or possibly.

    Args:
        graph: The lineage of the project's features and labels.
        manifest: dbt's manifest.
        registry: Its registry.
        column: The column that may change or be removed.
    """
    every = {edge.target for edge in graph.downstream(column, indirect=True)} | {column}
    direct = {edge.target for edge in graph.downstream(column)} | {column}
    behind = _untraced_behind(graph, manifest, column.node)
    found = []
    for end, dependent in _ends(manifest, registry):
        upstream = {end} | {edge.source for edge in graph.upstream(end, indirect=True)}
        # A found path is certain; an untraced model in between makes it only possible.
        if end in every:
            how = "direct" if end in direct else "indirect"
            found.append(replace(dependent, how=how))
        elif reasons := sorted(behind[one] for one in upstream & behind.keys()):
            found.append(replace(dependent, how="possible", reason=reasons[0]))
    return found


def _ends(manifest: Manifest, registry: Registry) -> Iterator[tuple[ColumnId, Dependent]]:
    for view in registry.feature_views.values():
        for name, kind in parts_of(view):
            # A service that takes any feature of a view needs its keys and timestamps.
            services = registry.services_using(view.name, name if kind == "feature" else None)
            names = tuple(service.name for service in services)
            dependent = Dependent(f"{view.name}:{name}", kind, "", names, view.owner)
            yield ColumnId(view.unique_id, name.lower()), dependent
    for service in registry.feature_services.values():
        for feature in service.on_demand:
            one = ColumnId(f"{SERVICE_PREFIX}{service.name}", feature.name.lower())
            name = f"{service.name}:{feature.name}"
            yield one, Dependent(name, ON_DEMAND, "", (service.name,), service.owner)
        label = label_column(manifest, service)
        if label is not None:
            yield label, Dependent(service.label, "label", "", (service.name,), service.owner)


def parts_of(view: FeatureView) -> Iterator[tuple[str, str]]:
    """Yield each column that a view declares, with its kind: `key`, `timestamp` or `feature`."""
    keys = {column.name for column in view.join_keys}
    for column in view.columns:
        yield column.name, "key" if column.name in keys else "timestamp"
    for name in view.feature_names:
        yield name, "feature"


def _untraced_behind(graph: LineageGraph, manifest: Manifest, node: str) -> Mapping[ColumnId, str]:
    """Return the untraced columns of models that dbt builds from a node, each with the reason."""
    built = _descendants(manifest, node)
    columns = (column for column in graph.columns if column.node in built)
    return {column: why for column in columns if (why := graph.why_untraced(column))}


def _descendants(manifest: Manifest, node: str) -> set[str]:
    readers: dict[str, list[str]] = {}
    for unique_id in manifest.all_model_ids:
        for needed in manifest.compiled(unique_id).depends_on.nodes:
            readers.setdefault(needed, []).append(unique_id)
    found, waiting = {node}, [node]
    while waiting:
        new = [reader for reader in readers.get(waiting.pop(), ()) if reader not in found]
        found.update(new)
        waiting += new
    return found
