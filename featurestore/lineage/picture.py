"""The lineage of a column as a picture: one box per table, its columns in it, left to right.

The SVG stands alone, or within a page. Its colours follow the reader's choice of light or dark.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from featurestore.lineage.display_names import kind_of, label_of
from featurestore.lineage.flows import ROWS, ColumnId
from featurestore.lineage.graph import Edge, LineageGraph

__all__ = ["page", "svg"]

_CHARACTER = 7.3
_ROW, _HEAD, _PAD = 20, 40, 14
_BETWEEN, _GAP, _MARGIN = 90, 22, 16
_LONGEST = 44
_SERVICE = "service"
_ROUNDS = 4

_STYLE = """
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


@dataclass(frozen=True)
class _Box:
    """A table with the columns that are drawn."""

    node: str
    columns: tuple[str, ...]
    layer: int

    @property
    def height(self) -> int:
        return _HEAD + _ROW * len(self.columns) + (_PAD // 2 if self.columns else 0)

    @property
    def width(self) -> float:
        words = [_shown(_name(self.node)), *map(_column_text, self.columns)]
        return max(len(word) for word in words) * _CHARACTER + 2 * _PAD


@dataclass(frozen=True)
class _Place:
    x: float
    y: float
    box: _Box

    def row(self, column: str) -> float:
        """Return the height at which the line of a column runs."""
        if column not in self.box.columns:
            return self.y + _HEAD / 2
        return self.y + _HEAD + _ROW * self.box.columns.index(column) + _ROW / 2


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
        column: The column or columns in the middle of the interest; they are marked.
        services: Feature services to draw at the right, each with the columns that it takes.
        views: The unique ids of the models that are feature views; they are named and coloured so.
        downstream: Draw what depends on the columns; else what they are made of.
        indirect: Draw what only decides about rows and values too, in dashes.
        title: A name for the picture, for those who hear it read.

    Returns:
        A whole `<svg>` element.
    """
    focus = [column] if isinstance(column, ColumnId) else list(column)
    walk = graph.downstream if downstream else graph.upstream
    edges = {edge for one in focus for edge in walk(one, indirect=indirect)}
    drawn = {*focus, *(end for edge in edges for end in (edge.source, edge.target))}
    for name, taken in (services or {}).items():
        target = ColumnId(f"{_SERVICE}.{name}", "")
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
    boxes = _boxes(columns, edges)
    places = _placed(_ordered(boxes, edges))
    width = max(place.x + place.box.width for place in places.values()) + _MARGIN
    height = max(place.y + place.box.height for place in places.values()) + _MARGIN
    lines = [_edge(edge, places) for edge in sorted(edges)]
    drawn = [_box(place, focus, views, graph) for place in places.values()]
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    return "\n".join(
        [
            f'<svg class="lineage" xmlns="http://www.w3.org/2000/svg" role="img" {size}>',
            f"<title>{escape(title or 'Lineage')}</title>",
            f"<style>{_STYLE}</style>",
            '<rect class="paper" width="100%" height="100%"/>',
            *lines,
            *drawn,
            "</svg>",
        ]
    )


def _boxes(columns: set[ColumnId], edges: set[Edge]) -> list[_Box]:
    named: defaultdict[str, set[str]] = defaultdict(set)
    for column in columns:
        named[column.node].add(column.column)
    for edge in edges:
        named.setdefault(edge.target.node, set())
    layers = _layers(set(named), edges)
    return [
        _Box(node, tuple(sorted(named[node], key=lambda c: (c == ROWS, c))), layers[node])
        for node in sorted(named)
    ]


def _layers(nodes: set[str], edges: set[Edge]) -> dict[str, int]:
    """Place each table right of all that it reads, and as near to its first reader as can be."""
    pairs = {(e.source.node, e.target.node) for e in edges if e.source.node != e.target.node}
    layers = dict.fromkeys(nodes, 0)
    for _ in nodes:
        moved = {t: layers[s] + 1 for s, t in sorted(pairs) if layers[t] <= layers[s]}
        if not moved:
            break
        layers.update(moved)
    last = max(layers.values())
    services = [node for node in nodes if node.startswith(f"{_SERVICE}.")]
    layers.update(dict.fromkeys(services, last))
    for node in sorted(nodes, key=lambda n: -layers[n]):
        readers = [layers[target] for source, target in pairs if source == node]
        layers[node] = min(readers) - 1 if readers else layers[node]
    return layers


def _ordered(boxes: Sequence[_Box], edges: set[Edge]) -> list[list[_Box]]:
    """Order each layer so that boxes stand near what they read, and lines cross less."""
    columns: defaultdict[int, list[_Box]] = defaultdict(list)
    for box in boxes:
        columns[box.layer].append(box)
    layers = [columns[number] for number in sorted(columns)]
    near: defaultdict[str, set[str]] = defaultdict(set)
    for edge in edges:
        near[edge.source.node].add(edge.target.node)
        near[edge.target.node].add(edge.source.node)
    for _ in range(_ROUNDS):
        rank = {box.node: i / len(layer) for layer in layers for i, box in enumerate(layer)}
        for layer in layers:
            means = {box.node: _mean([rank[n] for n in near[box.node]]) for box in layer}
            layer.sort(key=lambda box, means=means: (means[box.node], box.node))  # type: ignore[misc]
    return layers


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def _placed(layers: list[list[_Box]]) -> dict[str, _Place]:
    heights = [sum(box.height + _GAP for box in layer) - _GAP for layer in layers]
    places: dict[str, _Place] = {}
    x = float(_MARGIN)
    for layer, height in zip(layers, heights, strict=True):
        y = _MARGIN + (max(heights) - height) / 2
        for box in layer:
            places[box.node] = _Place(x, y, box)
            y += box.height + _GAP
        x += max(box.width for box in layer) + _BETWEEN
    return places


def _edge(edge: Edge, places: Mapping[str, _Place]) -> str:
    source, target = places[edge.source.node], places[edge.target.node]
    x1, y1 = source.x + source.box.width, source.row(edge.source.column)
    x2, y2 = target.x, target.row(edge.target.column)
    bend = max((x2 - x1) / 2, 24)
    kind = "" if edge.direct else ' class="decides"'
    return (
        f'<path{kind} d="M{x1:.0f} {y1:.0f} C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f}'
        f' {x2:.0f} {y2:.0f}"/>'
    )


def _box(place: _Place, focus: set[ColumnId], views: Collection[str], graph: LineageGraph) -> str:
    box, x, y = place.box, place.x, place.y
    kind, colour = _title(box.node, views)
    rows = [_row(place, ColumnId(box.node, column), focus, graph) for column in box.columns]
    width, height, text = f"{box.width:.0f}", box.height, f"{x + _PAD:.0f}"
    return (
        f'<g><rect class="box" x="{x:.0f}" y="{y:.0f}" width="{width}" height="{height}" rx="6"/>'
        f'<g style="fill:var(--{colour})"><rect x="{x:.0f}" y="{y + 4:.0f}" width="3"'
        f' height="{height - 8}"/><text class="kind" x="{text}" y="{y + 15:.0f}">{kind}</text></g>'
        f'<text class="name" x="{text}" y="{y + 31:.0f}">{escape(_shown(_name(box.node)))}</text>'
        f"{''.join(rows)}</g>"
    )


def _title(node: str, views: Collection[str]) -> tuple[str, str]:
    """Return what kind of thing a box is, and the name of its colour."""
    if node.startswith(f"{_SERVICE}."):
        return "feature service", "service"
    return ("feature view", "view") if node in views else (kind_of(node), kind_of(node))


def _name(node: str) -> str:
    return node.partition(".")[2] if node.startswith(f"{_SERVICE}.") else label_of(node)


def _row(place: _Place, column: ColumnId, focus: set[ColumnId], graph: LineageGraph) -> str:
    x, y = place.x, place.row(column.column)
    why = graph.why_untraced(column)
    mark = (
        f'<rect class="focus" x="{x + 4:.0f}" y="{y - _ROW / 2 + 1:.0f}"'
        f' width="{place.box.width - 8:.0f}" height="{_ROW - 2}" rx="3"/>'
        if column in focus
        else ""
    )
    told = f"<title>could not trace: {escape(why)}</title>" if why else ""
    text = f"{_column_text(column.column)}{' ?' if why else ''}"
    style = ' class="untraced"' if why else ""
    return f'{mark}<text{style} x="{x + _PAD:.0f}" y="{y + 4:.0f}">{told}{escape(text)}</text>'


def _column_text(column: str) -> str:
    return _shown("(its rows)" if column == ROWS else column)


def _shown(text: str) -> str:
    """Cut a long name in its middle.

    >>> _shown("a" * 50)
    'aaaaaaaaaaaaaaaaaaaaa…aaaaaaaaaaaaaaaaaaaaaa'
    """
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[: half - 1]}…{text[-half:]}"
