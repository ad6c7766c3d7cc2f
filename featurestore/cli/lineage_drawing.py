"""The lineage as a drawing in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from featurestore.cli.output import note
from featurestore.errors import FeatureStoreError

if TYPE_CHECKING:
    from featurestore.lineage.flows import ColumnId
    from featurestore.lineage.graph import LineageGraph
    from featurestore.registry.registry import Registry

__all__ = ["draw_lineage"]


def draw_lineage(
    registry: Registry,
    graph: LineageGraph,
    output: Path,
    *,
    columns: Sequence[ColumnId],
    services: Mapping[str, Sequence[ColumnId]],
    title: str,
    downstream: bool,
    indirect: bool,
) -> None:
    """Draw what is upstream, or downstream, of columns.

    Args:
        registry: The definitions, to mark the feature views.
        graph: The lineage of the project.
        output: An .svg file, or an .html file with a page around the drawing.
        columns: Where the lineage starts.
        services: The columns that each service uses.
        title: The title of the drawing.
        downstream: Whether to follow the lineage downstream.
        indirect: Whether to follow filters, joins, groups and windows too.

    Raises:
        FeatureStoreError: The file cannot be written.
    """
    from featurestore.lineage.picture import page, svg
    from featurestore.values.atomic_file import atomic_write

    drawing = svg(
        graph,
        columns,
        services=services,
        views=[view.unique_id for view in registry.feature_views.values()],
        downstream=downstream,
        indirect=indirect,
        title=title,
    )
    text = page(drawing, title) if output.suffix == ".html" else drawing
    try:
        with atomic_write(output) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FeatureStoreError(f"Cannot write {output}: {error.strerror}.") from None
    note(f"Wrote {output}.")
