"""Looks up in a manifest the tables, tests and services around a feature view."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlglot import exp

from featurestore.errors import NotCompiled
from featurestore.lint.block_reader import read_blocks
from featurestore.lint.column_trace import steps_behind, table_columns_behind
from featurestore.lint.inputs_first import inputs_first
from featurestore.lint.linted_view import TableFacts
from featurestore.lint.query_blocks import BlockSource, TableColumn
from featurestore.lint.source_lines import lines_before
from featurestore.lint.time_columns import dates_in_use, is_date_name, is_surely_time, makes_time
from featurestore.lint.unique_columns import unique_sets
from featurestore.project.manifest import MODEL_TYPES, Manifest
from featurestore.project.nodes import CompiledNode, DataTest, Source
from featurestore.project.result_cache import checksum
from featurestore.registry.definitions import FeatureService, FeatureView
from featurestore.registry.registry import Registry
from featurestore.registry.snapshot_columns import (
    SnapshotColumns,
    snapshot_columns,
    starts_of_source,
)
from featurestore.sql.compiled import parsed

__all__ = ["ManifestIndex"]

_TIME_TYPE = re.compile(r"\b(date|time|datetime|timestamp)", re.IGNORECASE)
_Table = CompiledNode | Source
_Place = tuple[str, str]


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
        self._trees: dict[str, exp.Query | NotCompiled] = {}
        self._roots: dict[str, BlockSource] = {}
        self._documented: dict[str, BlockSource | None] = {}
        self._digests: dict[str, str] = {}
        self._models: dict[str, Mapping[str, CompiledNode]] = {}
        self._times: dict[_Place, bool] = {}
        self._used: dict[str, frozenset[TableColumn]] = {}

    def node(self, unique_id: str) -> CompiledNode:
        """Return a node with its SQL."""
        if unique_id not in self._nodes:
            self._nodes[unique_id] = self._manifest.compiled(unique_id)
        return self._nodes[unique_id]

    def tree(self, node: CompiledNode) -> exp.Query | NotCompiled:
        """Return the parsed SQL of a model, or the reason why there is none."""
        if node.unique_id not in self._trees:
            try:
                self._trees[node.unique_id] = parsed(node, self.dialect)
            except NotCompiled as error:
                self._trees[node.unique_id] = error
        return self._trees[node.unique_id]

    def root(self, node: CompiledNode) -> BlockSource:
        """Return the SQL of a model as blocks; the views that it lies behind share them.

        Raises:
            NotCompiled: The SQL cannot be parsed.
        """
        # A feature view is linted once and lies behind no other, so it takes no memory for long.
        if node.unique_id in self._views:
            return self._read(node)
        if node.unique_id not in self._roots:
            self._roots[node.unique_id] = self._read(node)
        return self._roots[node.unique_id]

    def _read(self, node: CompiledNode) -> BlockSource:
        tree, tables = self.tree(node), self.tables(node)
        if isinstance(tree, NotCompiled):
            raise tree
        columns = {name: facts.columns for name, facts in tables.items()}
        documented = self._documented_root(node)
        # Mostly all columns are documented: one reading then serves both.
        if documented is not None and columns == self._documented_columns(node):
            return documented
        return read_blocks(tree, lambda table: columns.get(table, frozenset()))

    def finding_inputs(self, view: FeatureView, project: Path) -> list[str]:
        """Return everything, besides the view's definition, that its findings depend on.

        Args:
            view: The feature view.
            project: The dbt project's folder, for the lines of its files.
        """
        parts = [self._digest(self.node(view.unique_id), project)]
        parts += [repr(service) for service in self.services(view)]
        return [*parts, repr(sorted(map(sorted, self.grains(view))))]

    def _digest(self, table: _Table, project: Path) -> str:
        """Return a hash of a table and of everything that it is built from."""
        # Each table is read once, however many views it lies behind.
        for one in inputs_first(table.unique_id, self._input_ids, self._digests):
            below = (self._digests.get(other, "") for other in self._input_ids(one))
            self._digests[one] = checksum(self._table_inputs(self._table(one), project), *below)
        return self._digests[table.unique_id]

    def _input_ids(self, unique_id: str) -> list[str]:
        return [one.unique_id for one in self._inputs(self._table(unique_id))]

    def _table(self, unique_id: str) -> _Table:
        sources = self._manifest.sources
        return sources[unique_id] if unique_id in sources else self.node(unique_id)

    def _table_inputs(self, table: _Table, project: Path) -> str:
        parts: list[Any] = [
            # A model that is a feature view is linted by itself, not as a model behind another.
            *(table.unique_id, table.unique_id in self._views, table.relation_name),
            [(column.name, column.data_type) for column in table.columns.values()],
            sorted(map(sorted, self._unique_sets(table))),
        ]
        if isinstance(table, CompiledNode):
            parts += [table.compiled_code, table.config.materialized, table.depends_on.nodes]
            # These give the findings their files and lines.
            parts += [table.package_name, table.original_file_path, table.raw_code]
            # Columns that dbt adds, and the start of a validity, are findings of their own.
            parts += [_added_by_dbt(table), sorted(starts_of_source(table))]
            parts.append(lines_before(project / table.original_file_path, table.raw_code))
        return repr(parts)

    def tables(self, node: CompiledNode) -> dict[str, TableFacts]:
        """Return the facts of each table that a model reads, by its name in lower case."""
        return {
            _table_name(table.relation_name): self._table_facts(table)
            for table in self._inputs(node)
            if table.relation_name
        }

    def model(self, node: CompiledNode, table: str) -> CompiledNode | None:
        """Return the model behind a table that a model reads, unless it is a feature view."""
        found = self._models_of(node).get(table)
        is_linted = (
            found is None or found.resource_type != "model" or found.unique_id in self._views
        )
        return None if is_linted else found

    def _models_of(self, node: CompiledNode) -> Mapping[str, CompiledNode]:
        if node.unique_id not in self._models:
            # Reversed, because the first of one name is kept.
            self._models[node.unique_id] = {
                _table_name(found.relation_name): found
                for found in reversed(self._inputs(node))
                if isinstance(found, CompiledNode)
            }
        return self._models[node.unique_id]

    def services(self, view: FeatureView) -> list[FeatureService]:
        """Return the services that take a view and declare a label."""
        # A service may name a version of a model, or the model alone for its latest version.
        names = (view.name, view.name.partition(".v")[0])
        return [
            service
            for service in self._services
            if service.label and any(member.view in names for member in service.members)
        ]

    def grains(self, view: FeatureView) -> list[frozenset[str]]:
        """Return the sets of columns that a test, constraint or key makes unique in a view."""
        node = self.node(view.unique_id)
        found = self._unique_sets(node)
        if node.resource_type == "snapshot":
            # dbt keeps one row per key and start of validity.
            found = [columns | {view.event_timestamp.name.lower()} for columns in found]
        return found

    def _inputs(self, table: _Table) -> list[_Table]:
        """Return the tables that a model reads, those of its ephemeral models included.

        dbt writes the SQL of an ephemeral model into its readers, which therefore read its tables.
        """
        found: dict[str, _Table] = {}
        waiting = list(table.depends_on.nodes) if isinstance(table, CompiledNode) else []
        for unique_id in waiting:
            if unique_id in found:
                continue
            if unique_id in self._manifest.sources:
                found[unique_id] = self._manifest.sources[unique_id]
            elif unique_id.split(".")[0] in MODEL_TYPES and unique_id in self._manifest:
                found[unique_id] = model = self.node(unique_id)
                if model.config.materialized == "ephemeral":
                    waiting += model.depends_on.nodes
        return list(found.values())

    def _table_facts(self, table: _Table) -> TableFacts:
        if table.unique_id not in self._facts:
            is_history = table.unique_id.startswith("snapshot.")
            added = _added_by_dbt(table)
            # The unique key of a snapshot is unique at one time only.
            unique = () if is_history else self._unique_sets(table)
            self._facts[table.unique_id] = TableFacts(
                columns=frozenset(map(str.lower, table.columns)) | self._selected(table),
                times=_declared_times(table) | self._dates(table),
                unique=frozenset(unique),
                is_history=is_history,
                updated_in_place=frozenset(map(str.lower, added.updated_in_place))
                if added
                else frozenset(),
                known_later=starts_of_source(table)
                if isinstance(table, CompiledNode)
                else frozenset(),
            )
        return self._facts[table.unique_id]

    def _selected(self, table: _Table) -> frozenset[str]:
        """Return the columns that a model's SQL selects by name."""
        root = self._documented_root(table)
        return root.names() if root is not None else frozenset()

    def _documented_root(self, table: _Table) -> BlockSource | None:
        """Return the query of a model, read with the documented columns of its inputs.

        The columns that an input selects are left out: they would take the whole chain of models.
        None for a table that no readable SQL computes.
        """
        if table.unique_id not in self._documented:
            self._documented[table.unique_id] = self._read_documented(table)
        return self._documented[table.unique_id]

    def _read_documented(self, table: _Table) -> BlockSource | None:
        if not isinstance(table, CompiledNode) or not table.compiled_code:
            return None
        tree = self.tree(table)
        if isinstance(tree, NotCompiled):
            return None
        declared = self._documented_columns(table)
        return read_blocks(tree, lambda name: declared.get(name, frozenset()))

    def _documented_columns(self, table: _Table) -> dict[str, frozenset[str]]:
        return {
            name: frozenset(map(str.lower, one.columns))
            for name, one in self._inputs_by_name(table).items()
        }

    def _inputs_by_name(self, table: _Table) -> dict[str, _Table]:
        return {
            _table_name(one.relation_name): one for one in self._inputs(table) if one.relation_name
        }

    def _dates(self, table: _Table) -> frozenset[str]:
        """Return the columns called like dates that the SQL up to their source treats as times."""
        root = self._documented_root(table)
        names = filter(is_date_name, root.names()) if root is not None else ()
        return frozenset(name for name in names if self._is_time(table, name))

    def _is_time(self, table: _Table, column: str) -> bool:
        place = (table.unique_id, column)
        # Each column is traced once, however many tables take it.
        for one in inputs_first(place, self._columns_behind, self._times):
            behind = self._columns_behind(one)
            self._times[one] = self._becomes_time(*one) or any(map(self._times.get, behind))
        return self._times[place]

    def _becomes_time(self, unique_id: str, column: str) -> bool:
        """Return whether a table itself says or shows that its column is a time."""
        table = self._table(unique_id)
        if column in _declared_times(table) or is_surely_time(column):
            return True
        root = self._documented_root(table)
        if root is None:
            return False
        origins = root.origins(column)
        return bool(table_columns_behind(origins) & self._dates_in_use(table, root)) or any(
            makes_time(node)
            for step in steps_behind(origins)
            for node in step.block.nodes(step.expression)
        )

    def _columns_behind(self, place: _Place) -> list[_Place]:
        """Return the columns of its inputs that a table's column is computed from."""
        table, column = self._table(place[0]), place[1]
        root = self._documented_root(table)
        if root is None or self._becomes_time(*place):
            return []
        inputs = self._inputs_by_name(table)
        return [
            (inputs[one.table].unique_id, one.column)
            for one in table_columns_behind(root.origins(column))
            if one.table in inputs
        ]

    def _dates_in_use(self, table: _Table, root: BlockSource) -> frozenset[TableColumn]:
        if table.unique_id not in self._used:
            self._used[table.unique_id] = dates_in_use(root)
        return self._used[table.unique_id]

    def _unique_sets(self, table: _Table) -> list[frozenset[str]]:
        return unique_sets(table, self._tests.get(table.unique_id, ()))

    @cached_property
    def _tests(self) -> Mapping[str, Sequence[DataTest]]:
        found: dict[str, list[DataTest]] = {}
        for test in self._manifest.data_tests():
            if test.attached_node and test.test_metadata:
                found.setdefault(test.attached_node, []).append(test)
        return found


def _table_name(relation: str | None) -> str:
    """Return the name of a relation in lower case and without quotes.

    >>> _table_name('"warehouse"."main"."Orders"'), _table_name("`p.d`.`orders`")
    ('warehouse.main.orders', 'p.d.orders')
    """
    return re.sub(r'["`\[\]]', "", relation or "").lower()


def _declared_times(table: _Table) -> frozenset[str]:
    return frozenset(
        column.name.lower()
        for column in table.columns.values()
        if _TIME_TYPE.search(column.data_type or "")
    )


def _added_by_dbt(table: _Table) -> SnapshotColumns | None:
    return snapshot_columns(table) if isinstance(table, CompiledNode) else None
