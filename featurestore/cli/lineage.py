"""`lineage`: where a feature comes from, and what depends on a column."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.lineage_dependents import hit_json, hits_by_service, print_hits
from featurestore.cli.lineage_drawing import draw_lineage
from featurestore.cli.lineage_trace import print_trace
from featurestore.cli.options import AsFormat, Format, ProjectDir, open_store
from featurestore.cli.output import print_json
from featurestore.cli.progress import reading_models
from featurestore.errors import FeatureStoreError

if TYPE_CHECKING:
    from featurestore.lineage.graph import LineageGraph
    from featurestore.store.feature_store import FeatureStore

__all__ = ["lineage_command"]

_DRAWINGS = (".svg", ".html")


def lineage_command(
    feature: Annotated[
        str | None,
        typer.Argument(metavar="FEATURE", help="A feature as view:feature, or a whole view."),
    ] = None,
    upstream: Annotated[
        str | None,
        typer.Option(
            "--upstream",
            "-u",
            metavar="COLUMN",
            help="Instead: find what depends on model.column or source.table.column.",
        ),
    ] = None,
    indirect: Annotated[
        bool,
        typer.Option("--indirect", help="Also follow filters, joins, groups and windows."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Draw it to this .svg or .html file."),
    ] = None,
    project_dir: ProjectDir = Path(),
    format_: AsFormat = Format.TABLE,
) -> None:
    """Trace a feature to its raw columns, or a column to dependents.

    Example: featurestore lineage plane_features:arr_delay_avg_7d
    """
    if (feature is None) == (upstream is None):
        raise typer.BadParameter("give either a feature or --upstream")
    if output is not None and output.suffix not in _DRAWINGS:
        raise FeatureStoreError(f"--output must end in .svg or .html, got '{output}'.")
    store = open_store(project_dir)
    with reading_models() as progress:
        graph = store.lineage(progress)
    show = partial(_trace, name=feature) if feature else partial(_dependents, name=upstream or "")
    show(store, graph, indirect=indirect, output=output, format_=format_)


def _trace(
    store: FeatureStore,
    graph: LineageGraph,
    *,
    name: str,
    indirect: bool,
    output: Path | None,
    format_: Format,
) -> None:
    from featurestore.lineage.traces import trace_json, trace_of

    trace = trace_of(store.registry, name)
    if output is not None:
        draw_lineage(
            store.registry,
            graph,
            output,
            columns=list(trace.columns.values()),
            services=trace.columns_by_service(),
            title=f"Lineage of {name}",
            downstream=False,
            indirect=indirect,
        )
    elif format_ is Format.JSON:
        print_json(trace_json(graph, trace, name=name, indirect=indirect))
    else:
        print_trace(graph, trace, indirect=indirect)


def _dependents(
    store: FeatureStore,
    graph: LineageGraph,
    *,
    name: str,
    indirect: bool,
    output: Path | None,
    format_: Format,
) -> None:
    from featurestore.lineage.dependents import dependents_of
    from featurestore.lineage.graph import find_column

    column = find_column(store.manifest, name)
    found = dependents_of(graph, store.manifest, store.registry, column)
    if output is not None:
        draw_lineage(
            store.registry,
            graph,
            output,
            columns=[column],
            services=hits_by_service(store.manifest, found),
            title=f"What depends on {name}",
            downstream=True,
            indirect=indirect,
        )
    elif format_ is Format.JSON:
        print_json({"column": str(column), "hits": [hit_json(hit) for hit in found]})
    else:
        print_hits(graph, column, found, name=name, indirect=indirect)
