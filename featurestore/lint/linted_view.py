"""One feature view as the rules see it: its definition, its SQL, what is known of its tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sqlglot import exp

from featurestore.lint.query_blocks import (
    Base,
    Block,
    BlockSource,
    Origin,
    TraceStep,
    columns_in,
    local,
    read_blocks,
)
from featurestore.project.nodes import CompiledNode
from featurestore.registry.definitions import FeatureService, FeatureView

__all__ = ["Found", "Hop", "LintedView", "TableFacts"]

_TIME_WORDS = (
    "at|ts|dt|tstamp|timestamp|time|date|datetime|day|hour|minute|week|month|instant|moment|from|to"
    "|until|since|start|starts|started|end|ends|ended|begin|begins|asof|valid|created|updated|loaded"
)
_MAYBE_TIME = re.compile(rf"(^|_)({_TIME_WORDS})(_|$)")
_ADDS = (exp.Add, exp.DateAdd, exp.TimestampAdd, exp.DatetimeAdd, exp.TsOrDsAdd)
_SURELY_TIME = re.compile(r"(_at|_ts|_timestamp|_datetime|_time)$|^(ts|timestamp|event_time)$")


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What the project knows of a table that a model reads.

    Attributes:
        columns: The documented columns, in lower case.
        times: Those whose type is a date or a timestamp.
        unique: Columns that a test or a constraint holds unique.
        is_history: Whether it is a snapshot: what each row says is known from an instant on.
    """

    columns: frozenset[str] = frozenset()
    times: frozenset[str] = frozenset()
    unique: frozenset[str] = frozenset()
    is_history: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A place where a rule fires.

    Attributes:
        node: The offending SQL; None if it is the definition.
        detail: More than the rule's own message says: names and values.
        snippet: What to show when there is no node.
        path: The file to edit when there is no node; by default the yml of the view.
        model: The model in whose SQL the node stands; by default that of the view.
    """

    node: exp.Expr | None
    detail: str = ""
    snippet: str = ""
    path: str = ""
    model: CompiledNode | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Hop:
    """A block on the way of the event timestamp, and the source it comes from there.

    The last hop is where the timestamp is computed, or read from a table; `alias` is empty if it
    is computed from several sources or from none.
    """

    block: Block
    alias: str
    expression: exp.Expr


@dataclass(eq=False)
class LintedView:
    """A feature view with its SQL.

    Args:
        view: Its definition.
        node: dbt's node, with the SQL.
        tree: The parsed SQL.
        tables: What is known of the tables in the warehouse, by name in lower case.
        services: The services that take it, and those whose label it has.
        grains: The column sets that a test or a constraint holds unique.
        upstream: Gives the model behind a table, read for no columns in particular; None if the
            table is no model of this project, or one that is linted for itself.
    """

    view: FeatureView
    node: CompiledNode
    tree: exp.Query
    tables: Mapping[str, TableFacts] = field(default_factory=dict)
    services: Sequence[FeatureService] = ()
    grains: Sequence[frozenset[str]] = ()
    upstream: Callable[[str], LintedView | None] = lambda _: None

    @cached_property
    def root(self) -> BlockSource:
        """The whole query."""
        return read_blocks(self.tree, lambda table: self.facts(table).columns)

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
        """Return what is known of a table."""
        return self.tables.get(table, TableFacts())

    def outputs(self, names: Iterable[str]) -> list[Origin]:
        """Return what columns of the result stand for."""
        return [origin for name in sorted(names) if name for origin in self.root.origins(name)]

    @cached_property
    def feature_steps(self) -> list[TraceStep]:
        """Every expression whose value reaches a feature."""
        return list(self.reach(self.outputs(self.features)))

    @cached_property
    def event_steps(self) -> list[TraceStep]:
        """Every expression whose value reaches the event timestamp."""
        return list(self.reach(self.outputs([self.event])))

    def reach(
        self, origins: Iterable[Origin], enter: Callable[[TraceStep], bool] = lambda _: True
    ) -> Iterator[TraceStep]:
        """Yield each expression that feeds some columns, once.

        Args:
            origins: Where to start.
            enter: Says whether to go on below an expression.
        """
        waiting, seen = list(origins), set()
        while waiting:
            origin = waiting.pop(0)
            if isinstance(origin, Base) or id(origin.expression) in seen:
                continue
            seen.add(id(origin.expression))
            yield origin
            if enter(origin):
                waiting += self.feeding(origin)

    def feeding(self, step: TraceStep) -> list[Origin]:
        """Return what the columns and subqueries of an expression stand for."""
        found: list[Origin] = []
        for node in with_windows(step):
            if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star):
                found += [origin for _, origin in step.block.resolve(node)]
            elif isinstance(node, exp.Query):
                for block in step.block.inner(node).blocks:
                    found += [TraceStep(block, item.unalias()) for item in block.select.expressions]
        return found

    def bases(self, origins: Iterable[Origin]) -> set[Base]:
        """Return the columns of tables that feed some columns."""
        start = list(origins)
        found = {origin for origin in start if isinstance(origin, Base)}
        for step in self.reach(start):
            found |= {o for o in self.feeding(step) if isinstance(o, Base)}
        return found

    def through(self, origins: Iterable[Origin]) -> Iterator[tuple[LintedView, TraceStep]]:
        """Yield each expression that feeds some columns, those of the models upstream as well."""
        start = list(origins)
        yield from ((self, step) for step in self.reach(start))
        for base in self.bases(start):
            if (model := self.upstream(base.table)) is not None:
                yield from model.through(model.root.origins(base.column))

    @cached_property
    def paths(self) -> list[list[Hop]]:
        """The way of the event timestamp, once per branch of a UNION."""
        return [
            list(self._path(origin, frozenset()))
            for origin in self.outputs([self.event])
            if isinstance(origin, TraceStep)
        ]

    def _path(self, step: TraceStep, seen: frozenset[int]) -> Iterator[Hop]:
        column = bare(step.expression)
        ways = step.block.resolve(column) if isinstance(column, exp.Column) else []
        if not ways or id(step.expression) in seen:
            aliases = {alias for alias, _ in columns_with_sources(step.block, step.expression)}
            yield Hop(step.block, aliases.pop() if len(aliases) == 1 else "", step.expression)
            return
        alias, origin = ways[0]
        if alias:
            yield Hop(step.block, alias, step.expression)
        if isinstance(origin, TraceStep):
            yield from self._path(origin, seen | {id(step.expression)})

    @cached_property
    def event_tables(self) -> frozenset[str]:
        """The tables that the event timestamp is from."""
        return frozenset(base.table for base in self.bases(self.outputs([self.event])))

    def companions(
        self, path: Sequence[Hop], enter: Callable[[TraceStep], bool] = lambda _: True
    ) -> Iterator[tuple[Hop, TraceStep]]:
        """Yield the expressions of features that come the same way as the event timestamp.

        Args:
            path: One of `paths`.
            enter: Says whether to go on below an expression.
        """
        first = path[0].block
        level = [
            TraceStep(first, origin.expression)
            for origin in self.outputs(self.features)
            if isinstance(origin, TraceStep) and origin.block is first
        ]
        for hop in path:
            below: list[TraceStep] = []
            for step in self._within(level, hop.block):
                yield hop, step
                if enter(step):
                    below += [
                        origin
                        for alias, origin in self._by_alias(step)
                        if alias == hop.alias and isinstance(origin, TraceStep)
                    ]
            level = below

    def _within(self, steps: list[TraceStep], block: Block) -> Iterator[TraceStep]:
        waiting, seen = list(steps), set()
        while waiting:
            step = waiting.pop(0)
            if step.block is block and id(step.expression) not in seen:
                seen.add(id(step.expression))
                yield step
                waiting += [
                    o for a, o in self._by_alias(step) if not a and isinstance(o, TraceStep)
                ]

    @staticmethod
    def _by_alias(step: TraceStep) -> list[tuple[str, Origin]]:
        columns = (n for n in with_windows(step) if isinstance(n, exp.Column))
        return [way for column in columns for way in step.block.resolve(column)]

    @cached_property
    def is_shifted(self) -> bool:
        """Whether the event timestamp has an interval added to it."""
        return any(
            isinstance(node, _ADDS) for step in self.event_steps for node in local(step.expression)
        )

    @cached_property
    def _key_bases(self) -> set[Base]:
        return self.bases(self.outputs(self.keys))

    def is_key(self, block: Block, column: exp.Column) -> bool:
        """Say whether a column identifies the entity."""
        if column.name.lower() in self.keys:
            return True
        origins = [origin for _, origin in block.resolve(column)]
        return bool(self.bases(origins) & self._key_bases)

    @cached_property
    def blocks(self) -> list[Block]:
        """Every SELECT that the result is made from, the subqueries of FROM included."""
        return list(blocks_under(self.root))

    def maybe_time(self, block: Block, column: exp.Column) -> bool:
        """Say whether a column may well be a time."""
        if _MAYBE_TIME.search(column.name.lower()):
            return True
        origins = [origin for _, origin in block.resolve(column)]
        return any(
            base.column in self.facts(base.table).times or _MAYBE_TIME.search(base.column)
            for base in self.bases(origins)
        ) or bool(self.bases(origins) & self.bases(self.outputs([self.event])))

    def is_event_table(self, table: str) -> bool:
        """Say whether a table surely holds things that happen at a time."""
        facts = self.facts(table)
        return (
            table in self.event_tables
            or bool(facts.times)
            or facts.is_history
            or any(_SURELY_TIME.search(column) for column in facts.columns)
        )

    def tables_under(self, source: BlockSource) -> set[str]:
        """Return the tables that a source is made from."""
        if source.table:
            return {source.table}
        blocks = blocks_under(source)
        return {inner.table for b in blocks for inner in b.sources.values() if inner.table}


def blocks_under(source: BlockSource) -> Iterator[Block]:
    """Yield every SELECT that a source is made from, once."""
    waiting, seen = list(source.blocks), set()
    while waiting:
        block = waiting.pop(0)
        if id(block) not in seen:
            seen.add(id(block))
            yield block
            waiting += [inner for found in block.sources.values() for inner in found.blocks]


def with_windows(step: TraceStep) -> Iterator[exp.Expr]:
    """Walk an expression, named windows written out."""
    for node in local(step.expression):
        yield node
        if isinstance(node, exp.Window) and (named := named_window(step.block, node)):
            yield from local(named)


def named_window(block: Block, window: exp.Window) -> exp.Window | None:
    """Return what the WINDOW clause says of a window that is used by name."""
    name = window.args.get("alias")
    if name is None:
        return None
    for known in block.select.args.get("windows") or ():
        if known.name.lower() == name.name.lower():
            return known if known is not window else None
    return None


def bare(expression: exp.Expr) -> exp.Expr:
    """Take away what does not change an instant: parentheses and casts to a timestamp.

    >>> from sqlglot import parse_one
    >>> bare(parse_one("cast((a.ts) as timestamp)")).sql()
    'a.ts'
    >>> bare(parse_one("cast(ts as date)")).sql()
    'CAST(ts AS DATE)'
    """
    while True:
        if isinstance(expression, exp.Paren | exp.Alias) or (
            isinstance(expression, exp.Cast) and not expression.to.is_type("date")
        ):
            expression = expression.this
        else:
            return expression


def columns_with_sources(block: Block, expression: exp.Expr) -> list[tuple[str, exp.Column]]:
    """Return the columns of an expression, each with the source that it is from."""
    found = []
    for column in columns_in(expression):
        ways = block.resolve(column)
        alias = column.table.lower() or (ways[0][0] if ways else "")
        found.append((alias, column))
    return found
