"""Where a feature comes from, and who depends on a column: `lineage`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featurestore.cli.options import AsFormat, Format, ProjectDir, open_store
from featurestore.cli.output import note, print_json, print_table, reading_models, stdout
from featurestore.errors import FeatureStoreError, did_you_mean

if TYPE_CHECKING:
    from rich.tree import Tree

    from featurestore.lineage.dependents import Hit
    from featurestore.lineage.graph import ColumnId, LineageGraph
    from featurestore.lineage.tree import Branch
    from featurestore.store.feature_store import FeatureStore

__all__ = ["COMMANDS"]

_PICTURES = (".svg", ".html")


def lineage(
    feature: Annotated[
        str | None, typer.Argument(help="A feature view:feature, or a view for all of it.")
    ] = None,
    upstream: Annotated[
        str | None,
        typer.Option(
            "--upstream",
            "-u",
            metavar="COLUMN",
            help="Instead: all that depends on model.column or source.table.column.",
        ),
    ] = None,
    indirect: Annotated[
        bool,
        typer.Option("--indirect", help="Follow filters, joins, groups and windows too."),
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Draw it: a file .svg or .html.")
    ] = None,
    project_dir: ProjectDir = Path(),
    format_: AsFormat = Format.TABLE,
) -> None:
    """Trace a feature back to the raw columns, or find who depends on a column.

    Example: featurestore lineage plane_features:arr_delay_avg_7d
    """
    if (feature is None) == (upstream is None):
        raise typer.BadParameter("give either a feature or --upstream")
    if output is not None and output.suffix not in _PICTURES:
        raise FeatureStoreError(
            f"'{output}' is no picture that can be drawn.", remedy="Name a file .svg or .html."
        )
    store = open_store(project_dir)
    with reading_models() as progress:
        graph = store.lineage(progress)
    if feature is not None:
        _show_feature(store, graph, feature, indirect, output, format_)
    elif upstream is not None:
        _show_hits(store, graph, upstream, indirect, output, format_)


def _show_feature(
    store: FeatureStore,
    graph: LineageGraph,
    name: str,
    indirect: bool,
    output: Path | None,
    format_: Format,
) -> None:
    from featurestore.lineage.dependents import parts_of
    from featurestore.lineage.tree import upstream_tree

    columns = _columns_of(store, name)
    view = store.registry.view(name.partition(":")[0])
    taken = {
        column: [s.name for s in store.registry.services_using(view.name, feature)]
        for feature, column in columns.items()
    }
    if output is not None:
        _draw(
            store, output, graph, list(columns.values()), _inverted(taken), name, indirect=indirect
        )
    elif format_ is Format.JSON:
        print_json(_lineage_json(graph, name, columns, taken, indirect))
    else:
        kinds = dict(parts_of(view))
        for feature, column in columns.items():
            tree = upstream_tree(graph, column, indirect=indirect)
            tree.label, tree.notes = f"{view.name}:{feature}", (kinds[feature],)
            shown = _rich(tree)
            for service in taken[column]:
                shown.add(f"[dim]used by[/dim] {service} [dim]service[/dim]")
            stdout.print(shown)


def _columns_of(store: FeatureStore, name: str) -> dict[str, ColumnId]:
    from featurestore.lineage.graph import ColumnId
    from featurestore.registry.definitions import ALL_FEATURES, FeatureRef

    reference = FeatureRef.parse(name if ":" in name else f"{name}:{ALL_FEATURES}")
    view = store.registry.view(reference.view)
    named = {column.name for column in view.columns}
    if reference.feature not in (ALL_FEATURES, *named):
        store.registry.feature(reference)
    every = reference.feature == ALL_FEATURES
    features = view.feature_names if every else (reference.feature,)
    return {feature: ColumnId(view.unique_id, feature.lower()) for feature in features}


def _inverted(taken: dict[ColumnId, list[str]]) -> dict[str, list[ColumnId]]:
    services: dict[str, list[ColumnId]] = {}
    for column, names in taken.items():
        for name in names:
            services.setdefault(name, []).append(column)
    return services


def _rich(branch: Branch) -> Tree:
    from rich.text import Text
    from rich.tree import Tree

    def line(one: Branch) -> Text:
        notes = (("  " + ", ".join(one.notes), "dim"),) if one.notes else ()
        warning = (("  " + one.warning, "yellow"),) if one.warning else ()
        return Text.assemble(one.label, *notes, *warning)

    tree = Tree(line(branch), guide_style="dim")
    waiting = [(tree, branch)]
    while waiting:
        parent, one = waiting.pop()
        waiting += [(parent.add(line(below)), below) for below in one.branches]
    return tree


def _lineage_json(
    graph: LineageGraph,
    name: str,
    columns: dict[str, ColumnId],
    taken: dict[ColumnId, list[str]],
    indirect: bool,
) -> dict[str, Any]:
    edges = sorted({e for c in columns.values() for e in graph.upstream(c, indirect=indirect)})
    ends = {*columns.values(), *(end for edge in edges for end in (edge.source, edge.target))}
    return {
        "feature": name,
        "columns": [_column_json(graph, column) for column in sorted(ends)],
        "edges": [
            {"source": str(e.source), "target": str(e.target), "direct": e.direct} for e in edges
        ],
        "services": {str(column): names for column, names in taken.items()},
    }


def _column_json(graph: LineageGraph, column: ColumnId) -> dict[str, Any]:
    from featurestore.lineage.display_names import column_label, kind_of

    return {
        "id": str(column),
        "name": column_label(column),
        "kind": kind_of(column.node),
        "node": column.node,
        "column": column.column,
        "untraced": graph.why_untraced(column) or None,
    }


def _show_hits(
    store: FeatureStore,
    graph: LineageGraph,
    name: str,
    indirect: bool,
    output: Path | None,
    format_: Format,
) -> None:
    from featurestore.lineage.dependents import hits
    from featurestore.lineage.graph import find_column

    column = find_column(store.manifest, name)
    found = hits(graph, store.manifest, store.registry, column)
    if output is not None:
        services = _hit_services(store, found)
        _draw(store, output, graph, [column], services, name, indirect=indirect, downstream=True)
    elif format_ is Format.JSON:
        print_json({"column": str(column), "hits": [_hit_json(hit) for hit in found]})
    else:
        _print_hits(graph, column, name, found, indirect)


def _hit_services(store: FeatureStore, found: list[Hit]) -> dict[str, list[ColumnId]]:
    from featurestore.lineage.display_names import column_id

    services: dict[str, list[ColumnId]] = {}
    for hit in found:
        column = column_id(store.manifest, hit.name.replace(":", "."))
        for service in hit.services:
            services.setdefault(service, []).append(column)
    return services


def _hit_json(hit: Hit) -> dict[str, Any]:
    return {
        "name": hit.name,
        "kind": hit.kind,
        "how": hit.how,
        "services": list(hit.services),
        "owner": hit.owner or None,
        "reason": hit.reason or None,
    }


def _nearest(graph: LineageGraph, column: ColumnId) -> str:
    """Help with a column of a source whose columns nobody declares, so that it may be misspelt."""
    used = [one.column for one in graph.columns if one.node == column.node]
    return "" if column.column in used else did_you_mean(column.column, used)


def _print_hits(
    graph: LineageGraph, column: ColumnId, name: str, found: list[Hit], indirect: bool
) -> None:
    shown = [hit for hit in found if indirect or hit.how != "indirect"]
    hidden = len(found) - len(shown)
    if shown:
        rows = [(h.name, h.kind, h.how, ", ".join(h.services), h.owner, h.reason) for h in shown]
        names = ("depends on it", "kind", "how", "services", "owner", "reason")
        count = len(names) if any(hit.reason for hit in shown) else len(names) - 1
        print_table(names[:count], [row[:count] for row in rows])
    else:
        note(f"No feature, key or label is computed from {name}. {_nearest(graph, column)}".strip())
    if hidden:
        note(f"It decides about rows or values of {hidden} more; see them with --indirect.")


def _draw(
    store: FeatureStore,
    output: Path,
    graph: LineageGraph,
    columns: list[ColumnId],
    services: dict[str, list[ColumnId]],
    title: str,
    *,
    indirect: bool,
    downstream: bool = False,
) -> None:
    from featurestore.lineage.picture import page, svg
    from featurestore.values.atomic_file import atomic_write

    title = f"What depends on {title}" if downstream else f"Lineage of {title}"
    views = [view.unique_id for view in store.registry.feature_views.values()]
    picture = svg(
        graph,
        columns,
        services=services,
        views=views,
        downstream=downstream,
        indirect=indirect,
        title=title,
    )
    text = page(picture, title) if output.suffix == ".html" else picture
    try:
        with atomic_write(output) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FeatureStoreError(f"Cannot write {output}: {error.strerror}.") from None
    note(f"Drawn to {output}.")


COMMANDS = (lineage,)
