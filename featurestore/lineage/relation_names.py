"""Which node of the project a table name in a model's SQL means."""

from __future__ import annotations

from collections import ChainMap, defaultdict
from collections.abc import Mapping
from functools import cached_property

from featurestore.lineage.name_rules import NameRules
from featurestore.project.manifest import Manifest
from featurestore.project.nodes import CompiledNode

__all__ = ["RelationNames"]

_Path = tuple[str, ...]


class RelationNames:
    """The relation names of a project.

    Args:
        manifest: dbt's manifest.
        names: How the warehouse compares names.
    """

    def __init__(self, manifest: Manifest, names: NameRules) -> None:
        self._manifest = manifest
        self._names = names

    def written(self, unique_id: str) -> str:
        """Return the relation name of a node as dbt writes it; empty if it has none."""
        return self._written.get(unique_id, "")

    def seen_by(self, node: CompiledNode) -> Mapping[_Path, str]:
        """Return the nodes by relation name; the inputs of a model win over other nodes."""
        inputs = {
            self._names.relation(text): needed
            for needed in node.depends_on.nodes
            if (text := self.written(needed))
        }
        # Two nodes may have one relation name, such as a source and the model that builds it.
        return ChainMap(inputs, self._by_path)

    def ending_with(self, path: _Path) -> str | None:
        """Find a node by a name without its database or schema; None unless exactly one fits."""
        named = self._by_last_part.get(path[-1:], ())
        found = {key for name, key in named if name[-len(path) :] == path}
        return found.pop() if len(found) == 1 else None

    def all_ending_with(self, path: _Path) -> list[str]:
        """Return every node whose name is this one, or ends with it."""
        named = ((self._names.relation(text), key) for key, text in self._written.items())
        return sorted(key for name, key in named if name[-len(path) :] == path)

    @cached_property
    def _written(self) -> dict[str, str]:
        sources = {s.unique_id: s.relation_name for s in self._manifest.sources.values()}
        models = {m.unique_id: m.relation_name for m in self._manifest.models()}
        return {key: name for key, name in {**sources, **models}.items() if name}

    @cached_property
    def _by_path(self) -> dict[_Path, str]:
        return {self._names.relation(name): key for key, name in self._written.items()}

    @cached_property
    def _by_last_part(self) -> Mapping[_Path, list[tuple[_Path, str]]]:
        found: defaultdict[_Path, list[tuple[_Path, str]]] = defaultdict(list)
        for name, key in self._by_path.items():
            found[name[-1:]].append((name, key))
        return found
