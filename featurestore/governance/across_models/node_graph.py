"""The graph of a project's models and sources, as dbt draws it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from featurestore.project.manifest import Manifest

__all__ = ["NodeGraph"]

_BUILT = ("model.", "snapshot.")


class NodeGraph:
    """Walks the graph; it decodes each model once, and only those upstream of a question.

    Args:
        manifest: dbt's manifest.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._inputs: dict[str, list[str]] = {}
        self._upstream: dict[frozenset[str], frozenset[str]] = {}

    def upstream(self, nodes: Iterable[str]) -> frozenset[str]:
        """Return some nodes and everything that they are built from."""
        starts = frozenset(nodes)
        if starts not in self._upstream:
            self._upstream[starts] = _reached(starts, self._inputs_of)
        return self._upstream[starts]

    def readers_of(self, nodes: Iterable[str], among: Iterable[str]) -> frozenset[str]:
        """Return the nodes built from some nodes, among others and everything upstream of those."""
        readers: defaultdict[str, list[str]] = defaultdict(list)
        for node in self.upstream(among):
            for needed in self._inputs_of(node):
                readers[needed].append(node)
        first = {reader for node in nodes for reader in readers.get(node, ())}
        return _reached(first, lambda node: readers.get(node, []))

    def _inputs_of(self, node: str) -> list[str]:
        if node not in self._inputs:
            is_built = node.startswith(_BUILT) and node in self._manifest
            self._inputs[node] = self._manifest.compiled(node).depends_on.nodes if is_built else []
        return self._inputs[node]


def _reached(starts: Iterable[str], following: Callable[[str], list[str]]) -> frozenset[str]:
    found = set(starts)
    waiting = list(found)
    while waiting:
        new = {node for node in following(waiting.pop()) if node not in found}
        found |= new
        waiting += new
    return frozenset(found)
