"""Reads a parsed query into blocks, CTEs and subqueries included."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from sqlglot import exp

from featurestore.lint.query_blocks import Block, BlockSource

__all__ = ["KnownColumns", "read_blocks"]

KnownColumns = Callable[[str], frozenset[str]]
"""Returns the documented columns of a table."""


@dataclass(frozen=True)
class _Reader:
    """Reads the queries at one place of a statement.

    Attributes:
        known: Returns the documented columns of a table.
        ctes: The CTEs in view.
        outer: The enclosing block.
    """

    known: KnownColumns
    ctes: Mapping[str, BlockSource]
    outer: Block | None = None

    def read(self, query: exp.Expr) -> BlockSource:
        """Read a query of any kind."""
        reader = self._with_ctes(query) if isinstance(query, exp.Query) else self
        if isinstance(query, exp.Subquery) and isinstance(query.this, exp.Query):
            return BlockSource(query, blocks=reader.read(query.this).blocks)
        if isinstance(query, exp.SetOperation):
            # EXCEPT and INTERSECT only remove rows of the left side.
            sides = [query.this, query.expression] if isinstance(query, exp.Union) else [query.this]
            blocks = [block for side in sides for block in reader.read(side).blocks]
            for block in blocks if query.args.get("by_name") else ():
                block.by_name = True
            return BlockSource(query, blocks=blocks)
        if not isinstance(query, exp.Select):
            return BlockSource(query)
        return BlockSource(query, blocks=[reader.block(query)])

    def _with_ctes(self, query: exp.Query) -> _Reader:
        found = dict(self.ctes)
        reader = replace(self, ctes=found)
        for cte in query.ctes:
            # Registered before it is read: a recursive CTE reads itself.
            found[cte.alias.lower()] = source = BlockSource(cte, columns=_column_aliases(cte))
            source.blocks.extend(reader.read(cte.this).blocks)
        return reader

    def block(self, select: exp.Select) -> Block:
        """Read one SELECT."""

        def read_subquery(query: exp.Expr, within: Block) -> BlockSource:
            return replace(self, outer=within).read(query)

        block = Block(select, read_subquery, outer=self.outer)
        for node in _from_items(select):
            alias = (node.alias_or_name or f"_{len(block.sources)}").lower()
            block.sources[alias] = self._source(node, block)
        return block

    def _source(self, node: exp.Expr, block: Block) -> BlockSource:
        names = _column_aliases(node)
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            return self._table(node, names)
        query = node if isinstance(node, exp.Subquery) else node.this
        if isinstance(node, exp.Subquery | exp.Lateral) and isinstance(query, exp.Query):
            inner = replace(self, outer=block).read(query)
            return BlockSource(node, blocks=inner.blocks, columns=names)
        return BlockSource(node, columns=names, owner=block)

    def _table(self, node: exp.Table, names: tuple[str, ...]) -> BlockSource:
        is_pivoted = bool(node.args.get("pivots"))
        # A name with a schema never means a CTE. PIVOT replaces the columns, of CTEs and tables.
        if not node.db and node.name.lower() in self.ctes and not is_pivoted:
            cte = self.ctes[node.name.lower()]
            return BlockSource(node, blocks=cte.blocks, columns=names or cte.columns)
        table = ".".join(part.name for part in node.parts).lower()
        known = frozenset[str]() if is_pivoted else self.known(table)
        return BlockSource(node, table=table, columns=names, known=known)


def read_blocks(query: exp.Query, known: KnownColumns) -> BlockSource:
    """Read a query.

    Args:
        query: The tree of a model's SQL.
        known: Returns the documented columns of a table.
    """
    return _Reader(known, {}).read(query)


def _from_items(select: exp.Select) -> Iterator[exp.Expr]:
    start = select.args.get("from_")
    if start is not None:
        yield from _with_joins(start.this)
    for join in select.args.get("joins") or ():
        yield from _with_joins(join.this)
    yield from select.args.get("laterals") or ()


def _with_joins(node: exp.Expr) -> Iterator[exp.Expr]:
    # sqlglot parses `(a join b)` as a subquery around the table a.
    if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table) and not node.alias:
        node = node.this
    yield node
    for join in node.args.get("joins") or ():
        yield from _with_joins(join.this)


def _column_aliases(node: exp.Expr) -> tuple[str, ...]:
    alias = node.args.get("alias")
    columns: Iterable[exp.Expr] = alias.columns if isinstance(alias, exp.TableAlias) else ()
    return tuple(column.name.lower() for column in columns)
