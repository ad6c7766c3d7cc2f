"""The lineage of a column as an SVG picture: one box per table, from left to right.

The SVG works as a file of its own or within a page. Its colours follow the reader's light or dark
theme.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from html import escape

from featurestore.lineage.display_names import SERVICE_PREFIX, kind_of
from featurestore.lineage.flows import ColumnId
from featurestore.lineage.graph import Edge, LineageGraph
from featurestore.lineage.picture_layout import (
    MARGIN,
    PADDING,
    ROW_HEIGHT,
    Place,
    box_name,
    column_text,
    place_boxes,
    shortened,
)

__all__ = ["LINEAGE_STYLE", "page", "svg"]

LINEAGE_STYLE = """
.lineage { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  --ink: #1f2933; --soft: #616e7c; --paper: #ffffff; --box: #f8f9fb; --line: #cbd2d9;
  --edge: #7b8794; --focus: #fff3c4;
  --source: #2f855a; --seed: #2f855a; --table: #9b2c2c; --model: #2b6cb0; --snapshot: #2b6cb0;
  --view: #b7791f; --service: #805ad5; }
@media (prefers-color-scheme: dark) { .lineage {
  --ink: #e4e7eb; --soft: #9aa5b1; --paper: #14181d; --box: #1f252c; --line: #3e4c59;
  --edge: #7b8794; --focus: #4a3d10;
  --source: #68d391; --seed: #68d391; --table: #fc8181; --model: #63b3ed; --snapshot: #63b3ed;
  --view: #f6ad55; --service: #b794f4; } }
.lineage .paper { fill: var(--paper); }
.lineage .box { fill: var(--box); stroke: var(--line); }
.lineage .focus { fill: var(--focus); }
.lineage text { fill: var(--ink); }
.lineage .kind { fill: inherit; font-size: 10px; letter-spacing: .04em; }
.lineage .name { font-weight: 600; }
.lineage .untraced { fill: var(--table); }
.lineage path { fill: none; stroke: var(--edge); stroke-width: 1.4; }
.lineage path.decides { stroke-dasharray: 4 4; opacity: .65; }
"""


def svg(
    graph: LineageGraph,
    column: ColumnId | Iterable[ColumnId],
    *,
    services: Mapping[str, Iterable[ColumnId]] | None = None,
    views: Collection[str] = (),
    downstream: bool = False,
    indirect: bool = False,
    title: str = "",
) -> str:
    """Draw the lineage of one column, or of several together.

    Args:
        graph: The lineage.
        column: The column or columns to mark.
        services: Feature services to draw at the right, each with the columns that it takes.
        views: The unique ids of the models that are feature views, which have their own colour.
        downstream: Draw the dependents of the columns; otherwise draw their inputs.
        indirect: Also draw columns that only decide about rows and values, with dashed lines.
        title: The title of the picture, for screen readers.

    Returns:
        A whole `<svg>` element.
    """
    focus = [column] if isinstance(column, ColumnId) else list(column)
    walk = graph.downstream if downstream else graph.upstream
    edges = set(walk(focus, indirect=indirect))
    drawn = {*focus, *(end for edge in edges for end in (edge.source, edge.target))}
    for name, taken in (services or {}).items():
        target = ColumnId(f"{SERVICE_PREFIX}{name}", "")
        edges |= {Edge(one, target) for one in taken if one in drawn}
    return _drawn(graph, set(focus), drawn, edges, views=views, title=title)


def page(picture: str, title: str) -> str:
    """Return an HTML page around a picture."""
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(title)}</title>'
        '\n<meta name="viewport" content="width=device-width">\n<style>\n'
        ":root { color-scheme: light dark; }\nbody { margin: 1.5rem; font: 14px system-ui,"
        " sans-serif; background: #fff; color: #1f2933; overflow: auto; }\nh1 { font-size: 1.1rem;"
        " }\n@media (prefers-color-scheme: dark) { body { background: #14181d; color: #e4e7eb; }"
        f" }}\n</style>\n<h1>{escape(title)}</h1>\n{picture}\n</html>\n"
    )


def _drawn(
    graph: LineageGraph,
    focus: set[ColumnId],
    columns: set[ColumnId],
    edges: set[Edge],
    *,
    views: Collection[str],
    title: str,
) -> str:
    places = place_boxes(columns, edges)
    width = max(place.x + place.box.width for place in places.values()) + MARGIN
    height = max(place.y + place.box.height for place in places.values()) + MARGIN
    lines = [_edge(edge, places) for edge in sorted(edges)]
    drawn = [_box(place, focus, views, graph) for place in places.values()]
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return "\n".join(
        [
            f'<svg class="lineage" xmlns="http://www.w3.org/2000/svg" role="img" {size}>',
            f"<title>{escape(title or 'Lineage')}</title>",
            f"<style>{LINEAGE_STYLE}</style>",
            '<rect class="paper" width="100%" height="100%"/>',
            *lines,
            *drawn,
            "</svg>",
        ]
    )


def _edge(edge: Edge, places: Mapping[str, Place]) -> str:
    source, target = places[edge.source.node], places[edge.target.node]
    x1, y1 = source.x + source.box.width, source.row(edge.source.column)
    x2, y2 = target.x, target.row(edge.target.column)
    bend = max((x2 - x1) // 2, 24)
    kind = "" if edge.direct else ' class="decides"'
    return f'<path{kind} d="M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"/>'


def _box(place: Place, focus: set[ColumnId], views: Collection[str], graph: LineageGraph) -> str:
    box, x, y = place.box, place.x, place.y
    kind, colour = _title(box.node, views)
    rows = [_row(place, ColumnId(box.node, column), focus, graph) for column in box.columns]
    width, height, text = box.width, box.height, x + PADDING
    name = shortened(box_name(box.node))
    return (
        f'<g><rect class="box" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>'
        f'<g style="fill:var(--{colour})"><rect x="{x}" y="{y + 4}" width="3"'
        f' height="{height - 8}"/><text class="kind" x="{text}" y="{y + 15}">{kind}</text></g>'
        f'<text class="name" x="{text}" y="{y + 31}">{escape(name)}</text>'
        f"{''.join(rows)}</g>"
    )


def _title(node: str, views: Collection[str]) -> tuple[str, str]:
    """Return the kind of a box, and the name of its colour."""
    if node.startswith(SERVICE_PREFIX):
        return "feature service", "service"
    return ("feature view", "view") if node in views else (kind_of(node), kind_of(node))


def _row(place: Place, column: ColumnId, focus: set[ColumnId], graph: LineageGraph) -> str:
    x, y = place.x, place.row(column.column)
    why = graph.why_untraced(column)
    mark = (
        f'<rect class="focus" x="{x + 4}" y="{y - ROW_HEIGHT // 2 + 1}"'
        f' width="{place.box.width - 8}" height="{ROW_HEIGHT - 2}" rx="3"/>'
        if column in focus
        else ""
    )
    told = f"<title>could not trace: {escape(why)}</title>" if why else ""
    text = f"{column_text(column.column)}{' ?' if why else ''}"
    style = ' class="untraced"' if why else ""
    return f'{mark}<text{style} x="{x + PADDING}" y="{y + 4}">{told}{escape(text)}</text>'
