"""One feature view as the rules see it: its definition, its SQL and the facts of its tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sqlglot import exp

from featurestore.lint.column_trace import (
    blocks_behind,
    origins_in,
    steps_behind,
    table_columns_behind,
)
from featurestore.lint.event_path import PathStep, event_path, steps_on_path
from featurestore.lint.query_blocks import (
    Block,
    BlockSource,
    Origin,
    TableColumn,
    TraceStep,
)
from featurestore.lint.time_columns import dates_in_use, is_surely_time
from featurestore.project.nodes import CompiledNode
from featurestore.registry.definitions import FeatureService, FeatureView

__all__ = ["LintedView", "TableFacts", "sounds_like_time"]

_TIME_WORDS = (
    "at|ts|dt|tstamp|timestamp|time|date|datetime|day|hour|minute|week|month|instant|moment|from|to"
    "|until|since|start|starts|started|end|ends|ended|begin|begins|asof|valid|created|updated|loaded"
)
# Generous, because a column that may be a time excuses a join or a window.
_MAY_BE_TIME = re.compile(rf"(^|_)({_TIME_WORDS})(_|$)")
_ADDITIONS = (exp.Add, exp.DateAdd, exp.TimestampAdd, exp.DatetimeAdd, exp.TsOrDsAdd)


def sounds_like_time(name: str) -> bool:
    """Return whether a column may be a time by its name.

    >>> sounds_like_time("valid_from"), sounds_like_time("session_number")
    (True, False)
    """
    return bool(_MAY_BE_TIME.search(name.lower()))


@dataclass(frozen=True, slots=True)
class TableFacts:
    """The facts that the project declares about a table.

    Attributes:
        columns: The documented columns, in lower case.
        times: The columns whose type is a date or a timestamp.
        unique: Each set of columns that a test or a constraint makes unique.
        is_history: Whether the table is a snapshot, whose rows become known one after another.
        updated_in_place: The columns of a snapshot that dbt writes into older rows.
        known_later: The timestamps of a snapshot that are earlier than the run that reads them.
    """

    columns: frozenset[str] = frozenset()
    times: frozenset[str] = frozenset()
    unique: frozenset[frozenset[str]] = frozenset()
    is_history: bool = False
    updated_in_place: frozenset[str] = frozenset()
    known_later: frozenset[str] = frozenset()


@dataclass(eq=False)
class LintedView:
    """A feature view with its SQL.

    Args:
        view: Its definition.
        node: dbt's node, with the SQL.
        root: The whole query.
        tables: The facts of the tables in the warehouse, by name in lower case.
        services: The services that take the view and declare a label.
        grains: The column sets that a test or a constraint makes unique.
        upstream: Returns the model behind a table, not yet asked for any columns; None if the table
            is not a model of this project, or is linted as a feature view itself.
    """

    view: FeatureView
    node: CompiledNode
    root: BlockSource
    tables: Mapping[str, TableFacts] = field(default_factory=dict)
    services: Sequence[FeatureService] = ()
    grains: Sequence[frozenset[str]] = ()
    upstream: Callable[[str], LintedView | None] = lambda _: None

    @cached_property
    def blocks(self) -> list[Block]:
        """Every SELECT that the result is made from, the subqueries of FROM included."""
        return list(blocks_behind(self.root))

    @cached_property
    def keys(self) -> frozenset[str]:
        """The join keys, in lower case."""
        return frozenset(key.name.lower() for key in self.view.join_keys)

    @cached_property
    def features(self) -> frozenset[str]:
        """The features, in lower case."""
        return frozenset(name.lower() for name in self.view.feature_names)

    @property
    def event(self) -> str:
        """The event timestamp, in lower case."""
        return self.view.event_timestamp.name.lower()

    def facts(self, table: str) -> TableFacts:
        """Return the facts of a table; empty for a table that the project does not know."""
        return self.tables.get(table, TableFacts())

    def outputs(self, names: Iterable[str]) -> list[Origin]:
        """Return the origins of columns of the result."""
        # Sorted: the order of a set differs from process to process, and findings must not.
        return [origin for name in sorted(names) if name for origin in self.root.origins(name)]

    @cached_property
    def _feature_origins(self) -> list[Origin]:
        return self.outputs(self.features)

    @cached_property
    def _event_origins(self) -> list[Origin]:
        return self.outputs([self.event])

    @cached_property
    def feature_steps(self) -> list[TraceStep]:
        """Every expression whose value reaches a feature."""
        return list(steps_behind(self._feature_origins))

    @cached_property
    def event_steps(self) -> list[TraceStep]:
        """Every expression whose value reaches the event timestamp."""
        return list(steps_behind(self._event_origins))

    @cached_property
    def event_paths(self) -> list[list[PathStep]]:
        """The path of the event timestamp, one per branch of a UNION."""
        return [
            list(event_path(origin))
            for origin in self._event_origins
            if isinstance(origin, TraceStep)
        ]

    def features_on(
        self, path: Sequence[PathStep], enter: Callable[[TraceStep], bool] = lambda _: True
    ) -> Iterator[tuple[PathStep, TraceStep]]:
        """Yield the expressions of features that come the same way as the event timestamp.

        Args:
            path: One of `event_paths`.
            enter: Returns whether to follow the inputs of an expression.
        """
        return steps_on_path(self._feature_origins, path, enter)

    def steps_upstream(self, origins: Iterable[Origin]) -> Iterator[tuple[LintedView, TraceStep]]:
        """Yield each expression that feeds some columns, in this view and in the models behind."""
        waiting: list[tuple[LintedView, list[Origin]]] = [(self, list(origins))]
        seen: set[tuple[LintedView, str]] = set()
        # A list instead of calls: chains of models can be longer than Python's recursion limit. A
        # column that is reached by several ways counts once.
        for view, start in waiting:
            yield from ((view, step) for step in steps_behind(start))
            for column in table_columns_behind(start):
                model = view.upstream(column.table)
                if model is not None and (model, column.column) not in seen:
                    seen.add((model, column.column))
                    waiting.append((model, model.root.origins(column.column)))

    @cached_property
    def event_tables(self) -> frozenset[str]:
        """The tables that the event timestamp comes from."""
        return frozenset(column.table for column in self.event_columns)

    @cached_property
    def event_columns(self) -> set[TableColumn]:
        """The columns of tables that the event timestamp comes from."""
        return table_columns_behind(self._event_origins)

    @cached_property
    def _key_columns(self) -> set[TableColumn]:
        return table_columns_behind(self.outputs(self.keys))

    @cached_property
    def is_shifted(self) -> bool:
        """Whether an interval is added to the event timestamp."""
        return any(
            isinstance(node, _ADDITIONS)
            for step in self.event_steps
            for node in step.block.nodes(step.expression)
        )

    def is_key(self, block: Block, column: exp.Column) -> bool:
        """Return whether a column identifies the entity."""
        if column.name.lower() in self.keys:
            return True
        return bool(table_columns_behind(origins_in(block, column)) & self._key_columns)

    def may_be_time(self, block: Block, column: exp.Column) -> bool:
        """Return whether a column may be a time, by its name, its type or its origin."""
        if sounds_like_time(column.name):
            return True
        columns = table_columns_behind(origins_in(block, column))
        return any(
            found.column in self.facts(found.table).times or sounds_like_time(found.column)
            for found in columns
        ) or bool(columns & self.event_columns)

    def is_unique(self, columns: Sequence[TableColumn]) -> bool:
        """Return whether columns of one table are unique together."""
        names = {column.column for column in columns}
        return any(unique <= names for unique in self.facts(columns[0].table).unique)

    def is_event_table(self, table: str) -> bool:
        """Return whether a table certainly holds events, each at its time."""
        return table in self.event_tables or self.facts(table).is_history or bool(self.times(table))

    def times(self, table: str) -> frozenset[str]:
        """Return the columns of a table that are certainly times."""
        facts = self.facts(table)
        return (
            facts.times
            | {column for column in facts.columns if is_surely_time(column)}
            | {used.column for used in self._dates_in_use if used.table == table}
        )

    @cached_property
    def _dates_in_use(self) -> frozenset[TableColumn]:
        return dates_in_use(self.root)

    def has_events(self, block: Block) -> bool:
        """Return whether a block reads a table that certainly holds events."""
        tables = {t for source in block.sources.values() for t in self.tables_behind(source)}
        return any(map(self.is_event_table, tables))

    def tables_behind(self, source: BlockSource) -> set[str]:
        """Return the tables that a source is made from."""
        if source.table:
            return {source.table}
        blocks = blocks_behind(source)
        return {inner.table for b in blocks for inner in b.sources.values() if inner.table}
