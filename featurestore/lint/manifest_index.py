"""What a manifest knows of the tables, tests and services around a feature view."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from sqlglot import exp

from featurestore.errors import NotCompiled
from featurestore.lint.linted_view import TableFacts
from featurestore.lint.query_blocks import read_blocks
from featurestore.project.manifest import MODEL_TYPES, Manifest
from featurestore.project.nodes import CompiledNode, DataTest, Node, Source
from featurestore.registry.definitions import FeatureService, FeatureView
from featurestore.registry.registry import Registry
from featurestore.sql.compiled import parsed

__all__ = ["ManifestIndex"]

_TIME_TYPE = re.compile(r"\b(date|time|datetime|timestamp)", re.IGNORECASE)
_SETS = ("combination_of_columns", "column_list", "column_names", "columns")


class ManifestIndex:
    """Reads a manifest for the lint, each node once.

    Args:
        manifest: The manifest.
        registry: The registry, for the views and the services.
    """

    def __init__(self, manifest: Manifest, registry: Registry) -> None:
        self._manifest = manifest
        self.dialect = manifest.dialect
        self._services = tuple(registry.feature_services.values())
        self._views = {view.unique_id for view in registry.feature_views.values()}
        self._nodes: dict[str, CompiledNode] = {}
        self._facts: dict[str, TableFacts] = {}
        self._trees: dict[str, exp.Query | None] = {}

    def node(self, unique_id: str) -> CompiledNode:
        """Return a node with its SQL."""
        if unique_id not in self._nodes:
            self._nodes[unique_id] = self._manifest.compiled(unique_id)
        return self._nodes[unique_id]

    def tree(self, node: CompiledNode) -> exp.Query | None:
        """Return the SQL of a model that views read, None where it cannot be read."""
        if node.unique_id not in self._trees:
            try:
                self._trees[node.unique_id] = parsed(node, self.dialect)
            except NotCompiled:
                self._trees[node.unique_id] = None
        return self._trees[node.unique_id]

    def finding_inputs(self, view: FeatureView) -> list[str]:
        """Return all that the findings of a view depend on, beside its definition."""
        node = self.node(view.unique_id)
        texts = [node.compiled_code or "", node.raw_code, str(node.config.materialized)]
        for behind in self._behind(node):
            texts += _declared(behind)
            if isinstance(behind, CompiledNode):
                texts += [behind.compiled_code or "", behind.raw_code]
            texts.append(repr(sorted(map(sorted, self._grains_of(behind)))))
        texts += [repr(service) for service in self.services(view)]
        return [*texts, repr(sorted(map(sorted, self.grains(view))))]

    def tables(self, node: CompiledNode) -> dict[str, TableFacts]:
        """Return what is known of each table that a model reads, by its name in lower case."""
        return {
            table_name(near.relation_name): self._table(near)
            for near in self._near(node)
            if near.relation_name
        }

    def model(self, node: CompiledNode, table: str) -> CompiledNode | None:
        """Return the model behind a table that a model reads, unless it is a feature view."""
        for near in self._near(node):
            if isinstance(near, CompiledNode) and table_name(near.relation_name) == table:
                is_linted = near.resource_type != "model" or near.unique_id in self._views
                return None if is_linted else near
        return None

    def services(self, view: FeatureView) -> list[FeatureService]:
        """Return the services that take a view and have a label."""
        names = (view.name, view.name.partition(".v")[0])
        return [
            service
            for service in self._services
            if service.label and any(member.view in names for member in service.members)
        ]

    def grains(self, view: FeatureView) -> list[frozenset[str]]:
        """Return the sets of columns that something holds unique in a view."""
        node = self.node(view.unique_id)
        found = self._grains_of(node)
        if node.resource_type == "snapshot":
            # dbt keeps one row per key and start of validity.
            found = [grain | {view.event_timestamp.name.lower()} for grain in found]
        return found

    def _near(self, node: CompiledNode) -> list[CompiledNode | Source]:
        found: list[CompiledNode | Source] = []
        for unique_id in node.depends_on.nodes:
            if unique_id in self._manifest.sources:
                found.append(self._manifest.sources[unique_id])
            elif unique_id.split(".")[0] in MODEL_TYPES and unique_id in self._manifest:
                found.append(self.node(unique_id))
        return found

    def _behind(self, node: CompiledNode) -> list[CompiledNode | Source]:
        """Return all that a model is built from, in the order of the way there."""
        found: dict[str, CompiledNode | Source] = {}
        waiting: list[CompiledNode | Source] = [node]
        for one in waiting:
            new = self._near(one) if isinstance(one, CompiledNode) else []
            waiting += [near for near in new if near.unique_id not in found]
            found |= {near.unique_id: near for near in new}
        return list(found.values())

    def _table(self, near: CompiledNode | Source) -> TableFacts:
        if near.unique_id not in self._facts:
            is_history = near.unique_id.startswith("snapshot.")
            # What a snapshot calls its unique key is unique at one time only.
            grains = () if is_history else self._grains_of(near)
            self._facts[near.unique_id] = TableFacts(
                columns=frozenset(map(str.lower, near.columns)) | self._selected(near),
                times=frozenset(
                    column.name.lower()
                    for column in near.columns.values()
                    if _TIME_TYPE.search(column.data_type or "")
                ),
                unique=frozenset(name for grain in grains if len(grain) == 1 for name in grain),
                is_history=is_history,
            )
        return self._facts[near.unique_id]

    def _selected(self, near: CompiledNode | Source) -> frozenset[str]:
        """Return the columns that a model's SQL gives, as far as it names them."""
        if isinstance(near, Source) or not near.compiled_code:
            return frozenset()
        declared = {
            table_name(far.relation_name): frozenset(map(str.lower, far.columns))
            for far in self._near(near)
            if far.relation_name
        }
        tree = self.tree(near)
        if tree is None:
            return frozenset()
        return read_blocks(tree, lambda table: declared.get(table, frozenset())).names()

    def _grains_of(self, near: CompiledNode | Source) -> list[frozenset[str]]:
        found = [_lower(_tested(test)) for test in self._tests.get(near.unique_id, ())]
        if isinstance(near, Node):
            found += [
                _lower(constraint.columns or ())
                for constraint in near.constraints or ()
                if constraint.type in ("primary_key", "unique")
            ]
            key = near.config.unique_key
            found.append(_lower(key if isinstance(key, list) else [key] if key else ()))
        return [grain for grain in found if grain]

    @cached_property
    def _tests(self) -> Mapping[str, Sequence[DataTest]]:
        found: dict[str, list[DataTest]] = {}
        for test in self._manifest.data_tests():
            if test.attached_node and test.test_metadata:
                found.setdefault(test.attached_node, []).append(test)
        return found


def table_name(relation: str | None) -> str:
    """Write the name of a relation without quotes.

    >>> table_name('"warehouse"."main"."Orders"'), table_name("`p.d`.`orders`")
    ('warehouse.main.orders', 'p.d.orders')
    """
    return re.sub(r'["`\[\]]', "", relation or "").lower()


def _declared(near: CompiledNode | Source) -> list[str]:
    return [
        near.relation_name or "",
        *(f"{column.name} {column.data_type}" for column in near.columns.values()),
    ]


def _lower(names: Iterable[Any]) -> frozenset[str]:
    return frozenset(str(name).strip('"`').lower() for name in names)


def _tested(test: DataTest) -> list[str]:
    """Return the columns that a test holds unique together; none if it is another test."""
    metadata = test.test_metadata
    if metadata is None:
        return []
    given = metadata.kwargs
    if metadata.name == "unique_entity_timestamp":
        return [*_listed(given.get("join_keys")), *_listed(given.get("event_timestamp"))]
    if metadata.name == "unique":
        return _names(test.column_name or given.get("column_name"))
    if "unique" in metadata.name or "primary_key" in metadata.name:
        return next((_listed(given[key]) for key in _SETS if given.get(key)), [])
    return []


def _names(expression: Any) -> list[str]:
    """Return the columns of what `unique` is given: a column, or columns that are concatenated."""
    words: Iterator[str] = iter(re.findall(r"[A-Za-z_][A-Za-z_0-9]*", str(expression or "")))
    functions = {"concat", "concat_ws", "cast", "as", "text", "varchar", "string", "coalesce"}
    return [word for word in words if word.lower() not in functions]


def _listed(value: Any) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else [str(value)] if value else []
