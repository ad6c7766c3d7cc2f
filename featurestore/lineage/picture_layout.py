"""The layout of a lineage picture: the layer of each box, and its place."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from featurestore.lineage.display_names import SERVICE_PREFIX, label_of
from featurestore.lineage.flows import ROWS, ColumnId
from featurestore.lineage.graph import Edge

__all__ = [
    "MARGIN",
    "PADDING",
    "ROW_HEIGHT",
    "TITLE_HEIGHT",
    "Box",
    "Place",
    "box_name",
    "column_text",
    "place_boxes",
    "shortened",
]

ROW_HEIGHT, TITLE_HEIGHT, PADDING, MARGIN = 20, 40, 14, 16
_CHARACTER = 7.3
"""The width of a letter in the picture's font of 12 pixels."""
_BETWEEN_LAYERS, _BETWEEN_BOXES = 90, 22
_LONGEST = 44
_LEAST_WIDTH = 126
"""The words "feature service" above the name fit into it."""
_ROUNDS = 4
"""How often the layers are sorted by their neighbours; more rounds rarely move a box."""


@dataclass(frozen=True)
class Box:
    """A table with the columns that are drawn.

    Attributes:
        node: The table's node, or a service's name with its prefix.
        columns: The columns, in the order of the rows.
        layer: The number of its layer, from left to right.
    """

    node: str
    columns: tuple[str, ...]
    layer: int

    @property
    def height(self) -> int:
        """The height in pixels."""
        return TITLE_HEIGHT + ROW_HEIGHT * len(self.columns) + (PADDING // 2 if self.columns else 0)

    @property
    def width(self) -> int:
        """The width in pixels, by the longest text."""
        words = [shortened(box_name(self.node)), *map(column_text, self.columns)]
        return max(math.ceil(max(map(len, words)) * _CHARACTER) + 2 * PADDING, _LEAST_WIDTH)


@dataclass(frozen=True)
class Place:
    """The upper left corner of a box."""

    x: int
    y: int
    box: Box

    def row(self, column: str) -> int:
        """Return the y coordinate of a column's row; of the title if it has no row."""
        if column not in self.box.columns:
            return self.y + TITLE_HEIGHT // 2
        return self.y + TITLE_HEIGHT + ROW_HEIGHT * self.box.columns.index(column) + ROW_HEIGHT // 2


def place_boxes(columns: set[ColumnId], edges: set[Edge]) -> dict[str, Place]:
    """Return the place of each box by its node.

    Args:
        columns: The columns to draw.
        edges: The edges to draw; the target of an edge may have no column of its own.
    """
    return _placed(_ordered(_boxes(columns, edges), edges))


def _boxes(columns: set[ColumnId], edges: set[Edge]) -> list[Box]:
    named: defaultdict[str, set[str]] = defaultdict(set)
    for column in columns:
        named[column.node].add(column.column)
    for edge in edges:
        named.setdefault(edge.target.node, set())
    layers = _layers(set(named), edges)
    return [
        Box(node, tuple(sorted(named[node], key=lambda c: (c == ROWS, c))), layers[node])
        for node in sorted(named)
    ]


def _layers(nodes: set[str], edges: set[Edge]) -> dict[str, int]:
    """Return the layer of each table: right of all its inputs, just left of its first reader.

    Services go to the last layer.
    """
    pairs = {(e.source.node, e.target.node) for e in edges if e.source.node != e.target.node}
    layers = dict.fromkeys(nodes, 0)
    # The longest chain has all nodes, so this many rounds suffice, and edges in a circle end too.
    for _ in nodes:
        moved = {t: layers[s] + 1 for s, t in sorted(pairs) if layers[t] <= layers[s]}
        if not moved:
            break
        layers.update(moved)
    last = max(layers.values())
    services = [node for node in nodes if node.startswith(SERVICE_PREFIX)]
    layers.update(dict.fromkeys(services, last))
    for node in sorted(nodes, key=lambda n: -layers[n]):
        readers = [layers[target] for source, target in pairs if source == node]
        layers[node] = min(readers) - 1 if readers else layers[node]
    return layers


def _ordered(boxes: Sequence[Box], edges: set[Edge]) -> list[list[Box]]:
    """Sort each layer by the mean rank of its neighbours, so that fewer lines cross."""
    columns: defaultdict[int, list[Box]] = defaultdict(list)
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


def _placed(layers: list[list[Box]]) -> dict[str, Place]:
    heights = [
        sum(box.height + _BETWEEN_BOXES for box in layer) - _BETWEEN_BOXES for layer in layers
    ]
    places: dict[str, Place] = {}
    x = MARGIN
    for layer, height in zip(layers, heights, strict=True):
        y = MARGIN + (max(heights) - height) // 2
        for box in layer:
            places[box.node] = Place(x, y, box)
            y += box.height + _BETWEEN_BOXES
        x += max(box.width for box in layer) + _BETWEEN_LAYERS
    return places


def column_text(column: str) -> str:
    """Return the text of a column's row."""
    return shortened("(its rows)" if column == ROWS else column)


def shortened(text: str) -> str:
    """Cut a long name in its middle.

    >>> shortened("a" * 50)
    'aaaaaaaaaaaaaaaaaaaaa…aaaaaaaaaaaaaaaaaaaaaa'
    """
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[: half - 1]}…{text[-half:]}"


def box_name(node: str) -> str:
    """Return the name in a box's title."""
    return node.removeprefix(SERVICE_PREFIX) if node.startswith(SERVICE_PREFIX) else label_of(node)
