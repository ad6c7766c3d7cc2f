"""The lineage of features, as agents read it: what a feature comes from, what a column feeds."""

from __future__ import annotations

from featurestore.errors import UnknownFeature
from featurestore.lineage.dependents import dependents_of
from featurestore.lineage.display_names import column_label, kind_of
from featurestore.lineage.flows import ColumnId
from featurestore.lineage.graph import find_column
from featurestore.lineage.traces import trace_of
from featurestore.registry.definitions import FeatureRef
from featurestore.serve.agent_answers import (
    DependentColumn,
    DependentsAnswer,
    TracedColumn,
    TracedEdge,
    UpstreamAnswer,
    at_most,
    clipped,
)
from featurestore.serve.agent_scope import AgentScope

__all__ = ["dependents_answer", "known_columns", "upstream_answer"]

_LONG = 500


class UnknownLineageColumn(UnknownFeature):
    """No column of the visible lineage has this name."""

    noun = "column"


def upstream_answer(scope: AgentScope, name: str, limit: int, *, indirect: bool) -> UpstreamAnswer:
    """Return the columns from which a feature, or each feature of a view, is computed.

    Raises:
        RegistryError: The name is unknown, or the caller may not know it.
    """
    starts = set(trace_of(scope.visible, name).columns.values())
    graph, hidden = scope.project.lineage, scope.hidden_nodes
    found = {edge for one in starts for edge in graph.upstream(one, indirect=indirect)}
    edges = sorted(
        edge for edge in found if edge.source.node not in hidden and edge.target.node not in hidden
    )
    ends = {*starts, *(end for edge in edges for end in (edge.source, edge.target))}
    notes = [at_most(max(len(ends), len(edges)), limit, "Raise `limit`, or name one feature.")]
    if len(edges) < len(found):
        notes.append("Steps through definitions that the token may not see are left out.")
    return UpstreamAnswer(
        columns=[
            TracedColumn(
                name=column_label(column),
                kind=kind_of(column.node),
                untraced=clipped(_reason(scope, graph.why_untraced(column)), _LONG) or None,
            )
            for column in sorted(ends)[:limit]
        ],
        edges=[
            TracedEdge(
                source=column_label(edge.source),
                target=column_label(edge.target),
                direct=edge.direct,
            )
            for edge in edges[:limit]
        ],
        note=" ".join(filter(None, notes)),
    )


def dependents_answer(
    scope: AgentScope, name: str, limit: int, *, indirect: bool
) -> DependentsAnswer:
    """Return the features, keys and labels that depend on a column, and the services behind them.

    Raises:
        FeatureStoreError: The column is unknown, or the caller may not know it.
    """
    project = scope.project
    column = _column_of(scope, name)
    every = dependents_of(project.lineage, project.store.manifest, scope.visible, column)
    # A column trivially depends on itself.
    others = [hit for hit in every if hit.name != name]
    found = [hit for hit in others if indirect or hit.how != "indirect"]
    notes = [at_most(len(found), limit, "Raise `limit`.")]
    if len(found) < len(others):
        rest = len(others) - len(found)
        notes.append(f"It decides about rows or values of {rest} more: ask with `indirect`.")
    if not others:
        notes.append("No feature, key or label depends on it.")
    return DependentsAnswer(
        dependents=[
            DependentColumn(
                name=hit.name,
                kind=hit.kind,
                how=hit.how,
                services=list(hit.services),
                owner=hit.owner,
                reason=clipped(_reason(scope, hit.reason), _LONG),
            )
            for hit in found[:limit]
        ],
        note=" ".join(filter(None, notes)),
    )


def _reason(scope: AgentScope, reason: str) -> str:
    """Return why a column is not traced; without its tables to a limited caller."""
    return reason if scope.sees_all or not reason else "Its SQL could not be followed."


def _column_of(scope: AgentScope, name: str) -> ColumnId:
    if ":" in name:
        reference = FeatureRef.parse(name)
        view = scope.visible.view(reference.view)
        if reference.feature not in {column.name for column in view.columns}:
            scope.visible.feature(reference)
        return ColumnId(view.unique_id, reference.feature.lower())
    if scope.sees_all:
        return find_column(scope.project.store.manifest, name)
    known = {column_label(column): column for column in known_columns(scope)}
    if name not in known:
        raise UnknownLineageColumn(name, known)
    return known[name]


def known_columns(scope: AgentScope) -> set[ColumnId]:
    """Return the columns behind the views that a caller may see, without those of hidden views."""
    graph = scope.project.lineage
    views = scope.visible.feature_views.values()
    nodes = {view.unique_id for view in views}
    starts = {column for column in graph.columns if column.node in nodes}
    edges = (edge for one in starts for edge in graph.upstream(one, indirect=True))
    found = starts | {edge.source for edge in edges}
    return {column for column in found if column.node not in scope.hidden_nodes}
