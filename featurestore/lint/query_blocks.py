"""A query as blocks: each SELECT with its sources, so that a column can be traced to its origin.

sqlglot's own lineage needs a schema and stops at `*`. Here a star passes names through, and a table
without documented columns has every column that a query asks it for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlglot import exp

from featurestore.lint.star_items import left_out, output_name, replacements

__all__ = [
    "Block",
    "BlockSource",
    "Origin",
    "TableColumn",
    "TraceStep",
    "own_columns",
    "own_nodes",
]


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table in the warehouse; both names are in lower case."""

    table: str
    column: str


@dataclass(frozen=True, slots=True, eq=False)
class TraceStep:
    """An expression, in its block, that computes a column."""

    block: Block
    expression: exp.Expr


Origin = TableColumn | TraceStep
_Resolved = tuple[exp.Column, list[tuple[str, "Origin"]]]
_Read = TypeVar("_Read")


@dataclass(slots=True, eq=False)
class BlockSource:
    """One item of a FROM or a JOIN.

    Attributes:
        node: The expression in the FROM or JOIN.
        table: The name of a table in the warehouse; empty for any other source.
        blocks: The SELECTs of a subquery or CTE; a UNION has several.
        columns: Names that the alias gives to the columns.
        known: The documented columns of the table.
        owner: The block that calls a table function.
    """

    node: exp.Expr
    table: str = ""
    blocks: list[Block] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()
    owner: Block | None = None

    def has(self, name: str, seen: frozenset[int] = frozenset()) -> bool | None:
        """Return whether the source has a column; None if that is unknown."""
        if self.columns:
            return name in self.columns
        if self.table:
            return True if name in self.known else None
        # A recursive CTE is among its own sources: without `seen` the question would not end.
        if not self.blocks or id(self.blocks) in seen:
            return None
        # The first branch of a UNION names the columns of all.
        return self.blocks[0].gives(name, seen | {id(self.blocks)})

    def origins(self, name: str) -> list[Origin]:
        """Return the origins of one column, one per branch of a UNION."""
        if self.table:
            return [TableColumn(self.table, name)]
        if not self.blocks:
            # A table function: the call itself computes each of its columns.
            return [TraceStep(self.owner, self.node)] if self.owner else []
        position = self._position(name)
        return [origin for block in self.blocks for origin in block.origins(name, position)]

    def names(self) -> frozenset[str]:
        """Return the columns that the source certainly has."""
        if self.columns:
            return frozenset(self.columns)
        return (
            self.known if self.table else frozenset().union(*(b.names() for b in self.blocks[:1]))
        )

    def _position(self, name: str) -> int | None:
        """Return the position of a column: a UNION matches its branches by position."""
        if self.columns:
            return self.columns.index(name) if name in self.columns else None
        if len(self.blocks) == 1:
            return None  # The name alone decides.
        names = self.blocks[0].item_names()
        position = names.index(name) if name in names else None
        # A star covers an unknown number of columns, so no position behind one is certain.
        return None if position is None or "*" in names[:position] else position


@dataclass(slots=True, eq=False)
class Block:
    """One SELECT.

    Attributes:
        select: Its tree.
        read: Reads a subquery of one of the block's expressions.
        sources: Its sources by alias, the FROM first.
        outer: The enclosing block, if this is a subquery that may refer to it.
        by_name: Whether it is a branch of UNION BY NAME, which matches columns by their names.
    """

    select: exp.Select
    read: Callable[[exp.Expr, Block], BlockSource]
    sources: dict[str, BlockSource] = field(default_factory=dict)
    outer: Block | None = None
    by_name: bool = False
    _item_names: list[str] = field(default_factory=list)
    _subqueries: dict[int, BlockSource] = field(default_factory=dict)
    _star_columns: dict[tuple[str, str], exp.Column] = field(default_factory=dict)
    _resolved: dict[int, _Resolved] = field(default_factory=dict)
    _nodes: dict[int, tuple[exp.Expr, ...]] = field(default_factory=dict)
    _kept: dict[Callable[[Block], Any], Any] = field(default_factory=dict)
    _inputs: dict[int, tuple[exp.Expr, list[Origin]]] = field(default_factory=dict)

    def item_names(self) -> list[str]:
        """Return the names of the items in lower case, `*` for a star; read once."""
        if not self._item_names:
            self._item_names = [output_name(item) for item in self.select.expressions]
        return self._item_names

    def gives(self, name: str, seen: frozenset[int]) -> bool | None:
        """Return whether the result has a column; None if that is unknown."""
        if name in self.item_names():
            return True
        stars = self._stars()
        answers = [s.has(name, seen) for star in stars for s in self._starred(star, name).values()]
        return True if True in answers else (None if None in answers else False)

    def names(self) -> frozenset[str]:
        """Return the columns that the result certainly has."""
        named = set(self.item_names()) - {"*"}
        for star in self._stars():
            for source in self._starred(star, "").values():
                named |= source.names() - left_out(star)
        return frozenset(named)

    def origins(self, name: str, position: int | None) -> list[TraceStep]:
        """Return the expressions that give a column of the result.

        Args:
            name: The column, in lower case.
            position: Its position, if the query decides columns by position.
        """
        items, names = self.select.expressions, self.item_names()
        # A later branch of a UNION may have another column of that name: the position decides.
        if (
            position is not None
            and not self.by_name
            and position < len(items)
            and "*" not in names[: position + 1]
        ):
            return [TraceStep(self, items[position].unalias())]
        if name in names and name != "*":
            return [TraceStep(self, items[names.index(name)].unalias())]
        stars = self._stars()
        for star in stars:
            for given in replacements(star):
                if given.alias.lower() == name:
                    return [TraceStep(self, given.unalias())]
        return [TraceStep(self, column) for star in stars for column in self._expand(star, name)]

    def resolve(self, column: exp.Column) -> list[tuple[str, Origin]]:
        """Return the origins of a column used in this block, each with the alias of its source.

        The alias is empty for a column of the same SELECT and for one of an enclosing block.
        """
        # Many rules ask for one column. The column is kept with its answer, so no other object
        # gets its id.
        if id(column) not in self._resolved:
            self._resolved[id(column)] = (column, self._resolve(column))
        return self._resolved[id(column)][1]

    def nodes(self, expression: exp.Expr) -> tuple[exp.Expr, ...]:
        """Return the nodes of one of this block's expressions, as `own_nodes` yields them."""
        if id(expression) not in self._nodes:
            self._nodes[id(expression)] = tuple(own_nodes(expression))
        return self._nodes[id(expression)]

    def inputs(
        self, expression: exp.Expr, read: Callable[[Block, exp.Expr], list[Origin]]
    ) -> list[Origin]:
        """Return the inputs of one of this block's expressions, read once."""
        if id(expression) not in self._inputs:
            self._inputs[id(expression)] = (expression, read(self, expression))
        return self._inputs[id(expression)][1]

    def kept(self, read: Callable[[Block], _Read]) -> _Read:
        """Return the result of a function of this block, computed once for all views."""
        if read not in self._kept:
            self._kept[read] = read(self)
        result: _Read = self._kept[read]
        return result

    def _resolve(self, column: exp.Column) -> list[tuple[str, Origin]]:
        name, table = column.name.lower(), column.table.lower()
        if table:
            if table in self.sources:
                return [(table, o) for o in self.sources[table].origins(name)]
            return [("", o) for _, o in self.outer.resolve(column)] if self.outer else []
        answers = {alias: source.has(name) for alias, source in self.sources.items()}
        # Only USING allows a bare column of two sources, and makes both equal: the first will do.
        found = [alias for alias, answer in answers.items() if answer][:1]
        # A column that a source has wins over an alias of the SELECT, as in every warehouse.
        if not found and (item := self._aliased_item(name, column)):
            return [("", TraceStep(self, item))]
        # A table without documented columns may have any column, so the trace follows each of them.
        found = found or [alias for alias, answer in answers.items() if answer is None]
        if not found and self.outer:
            return [("", o) for _, o in self.outer.resolve(column)]
        return [(alias, o) for alias in found for o in self.sources[alias].origins(name)]

    def _aliased_item(self, name: str, column: exp.Column) -> exp.Expr | None:
        """Return the item of this SELECT whose alias a column uses."""
        for item in self.select.expressions:
            if isinstance(item, exp.Alias) and item.alias.lower() == name:
                names = {c.name.lower() for c in own_columns(item) if c is not column}
                inside = any(node is column for node in item.walk())
                # An alias does not see itself: in `sum(x) as x` the inner x is a source's column.
                return None if inside or name in names else item.this
        return None

    def subquery(self, query: exp.Expr) -> BlockSource:
        """Return a subquery of one of this block's expressions, read once."""
        if id(query) not in self._subqueries:
            self._subqueries[id(query)] = self.read(query, self)
        return self._subqueries[id(query)]

    def _stars(self) -> list[exp.Expr]:
        names = self.item_names()
        items = self.select.expressions
        return [item for item, name in zip(items, names, strict=True) if name == "*"]

    def _starred(self, star: exp.Expr, name: str) -> dict[str, BlockSource]:
        """Return the sources that a star covers; none where it excludes the name."""
        if name in left_out(star):
            return {}
        if not isinstance(star, exp.Column) or not star.table:
            return self.sources
        alias = star.table.lower()
        return {alias: self.sources[alias]} if alias in self.sources else {}

    def _expand(self, star: exp.Expr, name: str) -> list[exp.Column]:
        """Write out the column that a star passes on, once per source that may have it."""
        answers = {alias: s.has(name) for alias, s in self._starred(star, name).items()}
        sure = [alias for alias, answer in answers.items() if answer]
        maybe = [alias for alias, answer in answers.items() if answer is None]
        # Kept, because a trace recognizes an expression by its identity.
        return [
            self._star_columns.setdefault((alias, name), exp.column(name, table=alias))
            for alias in sure[:1] or maybe
        ]


def own_nodes(expression: exp.Expr) -> Iterator[exp.Expr]:
    """Walk an expression, and yield the subqueries in it without entering them."""
    yield from expression.walk(prune=lambda node: isinstance(node, exp.Query))


def own_columns(expression: exp.Expr) -> Iterator[exp.Column]:
    """Yield the columns of an expression, without those of subqueries."""
    for node in own_nodes(expression):
        if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star):
            yield node
