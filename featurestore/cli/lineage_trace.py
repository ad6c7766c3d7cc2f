"""The way of a feature back to its raw columns, as `lineage` writes it: a tree, or JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featurestore.cli.output import stdout
from featurestore.values.visible_text import visible

if TYPE_CHECKING:
    from rich.tree import Tree

    from featurestore.lineage.flows import ColumnId
    from featurestore.lineage.graph import LineageGraph
    from featurestore.lineage.tree import Branch
    from featurestore.registry.definitions import FeatureService
    from featurestore.registry.registry import Registry

__all__ = ["Trace", "print_trace", "trace_json", "trace_of"]


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
    from featurestore.lineage.dependents import parts_of
    from featurestore.lineage.flows import ColumnId
    from featurestore.registry.definitions import ALL_FEATURES, FeatureRef

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
    from featurestore.errors import UnknownFeature
    from featurestore.lineage.dependents import ON_DEMAND
    from featurestore.lineage.display_names import SERVICE_PREFIX
    from featurestore.lineage.flows import ColumnId
    from featurestore.registry.definitions import ALL_FEATURES

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


def print_trace(graph: LineageGraph, trace: Trace, *, indirect: bool) -> None:
    """Write one tree per feature."""
    from rich.text import Text

    from featurestore.lineage.tree import upstream_tree

    for feature, column in trace.columns.items():
        branch = upstream_tree(graph, column, indirect=indirect)
        branch.label, branch.notes = f"{trace.owner}:{feature}", (trace.kinds[feature],)
        tree = _rich_tree(branch)
        for service in trace.services[column]:
            tree.add(Text.assemble(("used by ", "dim"), visible(service), (" service", "dim")))
        stdout.print(tree)


def _rich_tree(branch: Branch) -> Tree:
    from rich.text import Text
    from rich.tree import Tree

    def line(one: Branch) -> Text:
        notes = (("  " + ", ".join(one.notes), "dim"),) if one.notes else ()
        warning = (("  " + one.warning, "yellow"),) if one.warning else ()
        return Text.assemble(visible(one.label), *notes, *warning)

    tree = Tree(line(branch), guide_style="dim")
    waiting = [(tree, branch)]
    while waiting:
        parent, one = waiting.pop()
        waiting += [(parent.add(line(below)), below) for below in one.branches]
    return tree


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
    from featurestore.lineage.display_names import column_label, kind_of

    return {
        "id": str(column),
        "name": column_label(column),
        "kind": kind_of(column.node),
        "node": column.node,
        "column": column.column,
        "untraced": graph.why_untraced(column) or None,
    }
