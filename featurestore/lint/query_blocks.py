"""A query as blocks: each SELECT with its sources, so that a column can be followed to its origin.

sqlglot's own lineage wants a schema and stops at `*`; here a star passes through to what stands
behind it, and a table whose columns nobody documented has any column that it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

__all__ = [
    "Base",
    "Block",
    "BlockSource",
    "Origin",
    "TraceStep",
    "columns_in",
    "local",
    "read_blocks",
]


@dataclass(frozen=True, slots=True)
class Base:
    """A column of a table in the warehouse; both names are in lower case."""

    table: str
    column: str


@dataclass(frozen=True, slots=True, eq=False)
class TraceStep:
    """An expression in a block, that a column stands for."""

    block: Block
    expression: exp.Expr


Origin = Base | TraceStep


@dataclass(slots=True, eq=False)
class BlockSource:
    """What stands in a FROM or a JOIN.

    Attributes:
        node: The expression in the FROM or JOIN.
        table: The name of a table in the warehouse; empty if it is something else.
        blocks: The SELECTs of a subquery or CTE: several of a UNION.
        columns: Names that the alias gives to the columns.
        known: The columns of the table, if anyone documented them.
        owner: The block in which a table function stands.
    """

    node: exp.Expr
    table: str = ""
    blocks: list[Block] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()
    owner: Block | None = None

    def has(self, name: str, seen: frozenset[int] = frozenset()) -> bool | None:
        """Say whether it has a column; None if nobody knows."""
        if self.columns:
            return name in self.columns
        if self.table:
            return True if name in self.known else None
        if not self.blocks or id(self.blocks) in seen:
            return None
        return self.blocks[0].gives(name, seen | {id(self.blocks)})

    def origins(self, name: str) -> list[Origin]:
        """Return what one of its columns stands for, once per branch of a UNION."""
        if self.table:
            return [Base(self.table, name)]
        if not self.blocks:
            return [TraceStep(self.owner, self.node)] if self.owner else []
        place = self._place(name)
        return [origin for block in self.blocks for origin in block.origins(name, place)]

    def names(self) -> frozenset[str]:
        """Return the columns that it surely has."""
        if self.columns:
            return frozenset(self.columns)
        return (
            self.known if self.table else frozenset().union(*(b.names() for b in self.blocks[:1]))
        )

    def _place(self, name: str) -> int | None:
        if self.columns:
            return self.columns.index(name) if name in self.columns else None
        names = [_output(item) for item in self.blocks[0].select.expressions]
        return names.index(name) if name in names and "*" not in names else None


@dataclass(slots=True, eq=False)
class Block:
    """One SELECT.

    Attributes:
        select: Its tree.
        sources: Its sources by alias, the FROM first.
        outer: The block around it, if it is a subquery that may look outside.
        scope: The CTEs that its subqueries see.
    """

    select: exp.Select
    sources: dict[str, BlockSource] = field(default_factory=dict)
    outer: Block | None = None
    scope: Mapping[str, BlockSource] = field(default_factory=dict)
    known: Callable[[str], frozenset[str]] = lambda _: frozenset()
    _inner: dict[int, BlockSource] = field(default_factory=dict)
    _written: dict[tuple[str, str], exp.Column] = field(default_factory=dict)

    def gives(self, name: str, seen: frozenset[int]) -> bool | None:
        """Say whether its result has a column; None if nobody knows."""
        stars = [item for item in self.select.expressions if _is_star(item)]
        if name in map(_output, self.select.expressions):
            return True
        answers = [s.has(name, seen) for star in stars for s in self._starred(star, name).values()]
        return True if True in answers else (None if None in answers else False)

    def names(self) -> frozenset[str]:
        """Return the columns that its result surely has."""
        items = self.select.expressions
        named = {_output(item) for item in items if not _is_star(item)}
        for star in filter(_is_star, items):
            body = star.this if isinstance(star, exp.Column) else star
            left_out = {item.name.lower() for item in body.args.get("except_") or ()}
            for source in self._starred(star, "").values():
                named |= source.names() - left_out
        return frozenset(named)

    def origins(self, name: str, place: int | None) -> list[TraceStep]:
        """Return what a column of its result stands for."""
        items = self.select.expressions
        for item in items:
            if _output(item) == name and not _is_star(item):
                return [TraceStep(self, item.unalias())]
        if place is not None and place < len(items):
            return [TraceStep(self, items[place].unalias())]
        stars = [item for item in items if _is_star(item)]
        for star in stars:
            for given in _replaced(star):
                if given.alias.lower() == name:
                    return [TraceStep(self, given.unalias())]
        return [TraceStep(self, column) for star in stars for column in self._passed(star, name)]

    def resolve(self, column: exp.Column) -> list[tuple[str, Origin]]:
        """Return what a column stands for here, with the alias of the source that it is from.

        The alias is empty for a column of the same SELECT or of a block around this one.
        """
        name, table = column.name.lower(), column.table.lower()
        if table:
            if table in self.sources:
                return [(table, o) for o in self.sources[table].origins(name)]
            return [("", o) for _, o in self.outer.resolve(column)] if self.outer else []
        answers = {alias: source.has(name) for alias, source in self.sources.items()}
        found = [alias for alias, answer in answers.items() if answer][:1]
        if not found and (own := self._own(name, column)):
            return [("", TraceStep(self, own))]
        found = found or [alias for alias, answer in answers.items() if answer is None]
        if not found and self.outer:
            return [("", o) for _, o in self.outer.resolve(column)]
        return [(alias, o) for alias in found for o in self.sources[alias].origins(name)]

    def _own(self, name: str, column: exp.Column) -> exp.Expr | None:
        """Return the item of this SELECT that a column means by its alias."""
        for item in self.select.expressions:
            if isinstance(item, exp.Alias) and item.alias.lower() == name:
                names = {c.name.lower() for c in columns_in(item) if c is not column}
                inside = any(node is column for node in item.walk())
                return None if inside or name in names else item.this
        return None

    def inner(self, query: exp.Expr) -> BlockSource:
        """Return a subquery that stands in one of this block's expressions."""
        if id(query) not in self._inner:
            self._inner[id(query)] = _read(query, self.scope, self, self.known)
        return self._inner[id(query)]

    def _starred(self, star: exp.Expr, name: str) -> dict[str, BlockSource]:
        """Return the sources that a star stands for, as far as it does not leave a name out."""
        body = star.this if isinstance(star, exp.Column) else star
        if name in {item.name.lower() for item in body.args.get("except_") or ()}:
            return {}
        if not isinstance(star, exp.Column) or not star.table:
            return self.sources
        alias = star.table.lower()
        return {alias: self.sources[alias]} if alias in self.sources else {}

    def _passed(self, star: exp.Expr, name: str) -> list[exp.Column]:
        """Write out the column that a star stands for, of each source that may have it."""
        answers = {alias: s.has(name) for alias, s in self._starred(star, name).items()}
        sure = [alias for alias, answer in answers.items() if answer]
        maybe = [alias for alias, answer in answers.items() if answer is None]
        return [
            self._written.setdefault((alias, name), exp.column(name, table=alias))
            for alias in sure[:1] or maybe
        ]


def local(expression: exp.Expr) -> Iterator[exp.Expr]:
    """Walk an expression without entering the subqueries in it, which are yielded themselves."""
    yield from expression.walk(prune=lambda node: isinstance(node, exp.Query))


def columns_in(expression: exp.Expr) -> Iterator[exp.Column]:
    """Yield the columns of an expression that belong to its own block."""
    for node in local(expression):
        if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star):
            yield node


def read_blocks(query: exp.Query, known: Callable[[str], frozenset[str]]) -> BlockSource:
    """Read a query.

    Args:
        query: The tree of a model's SQL.
        known: Gives the columns of a table that are documented.
    """
    return _read(query, {}, None, known)


def _read(
    query: exp.Expr,
    scope: Mapping[str, BlockSource],
    outer: Block | None,
    known: Callable[[str], frozenset[str]],
) -> BlockSource:
    if isinstance(query, exp.Query):
        scope = _with_ctes(query, scope, outer, known)
    if isinstance(query, exp.Subquery) and isinstance(query.this, exp.Query):
        return BlockSource(query, blocks=_read(query.this, scope, outer, known).blocks)
    if isinstance(query, exp.SetOperation):
        sides = [query.this, query.expression] if isinstance(query, exp.Union) else [query.this]
        found = [_read(side, scope, outer, known) for side in sides]
        return BlockSource(query, blocks=[block for side in found for block in side.blocks])
    if not isinstance(query, exp.Select):
        return BlockSource(query)
    block = Block(query, outer=outer, scope=scope, known=known)
    for node in _from_nodes(query):
        _add_source(block, node, scope, known)
    return BlockSource(query, blocks=[block])


def _with_ctes(
    query: exp.Query,
    scope: Mapping[str, BlockSource],
    outer: Block | None,
    known: Callable[[str], frozenset[str]],
) -> Mapping[str, BlockSource]:
    found = dict(scope)
    for cte in query.ctes:
        # Known by name before it is read: a recursive one reads itself.
        found[cte.alias.lower()] = source = BlockSource(cte, columns=_named(cte))
        source.blocks.extend(_read(cte.this, found, outer, known).blocks)
    return found


def _from_nodes(select: exp.Select) -> Iterator[exp.Expr]:
    start = select.args.get("from_")
    if start is not None:
        yield from _with_joins(start.this)
    for join in select.args.get("joins") or ():
        yield from _with_joins(join.this)
    yield from select.args.get("laterals") or ()


def _with_joins(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table) and not node.alias:
        node = node.this
    yield node
    for join in node.args.get("joins") or ():
        yield from _with_joins(join.this)


def _add_source(
    block: Block,
    node: exp.Expr,
    scope: Mapping[str, BlockSource],
    known: Callable[[str], frozenset[str]],
) -> None:
    alias = (node.alias_or_name or f"_{len(block.sources)}").lower()
    names = _named(node)
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
        if not node.db and node.name.lower() in scope and not node.args.get("pivots"):
            cte = scope[node.name.lower()]
            source = BlockSource(node, blocks=cte.blocks, columns=names or cte.columns)
        else:
            table = ".".join(part.name for part in node.parts).lower()
            columns = frozenset() if node.args.get("pivots") else known(table)
            source = BlockSource(node, table=table, columns=names, known=columns)
    elif isinstance(node, (exp.Subquery, exp.Lateral)) and isinstance(_query(node), exp.Query):
        inner = _read(_query(node), scope, block, known)
        source = BlockSource(node, blocks=inner.blocks, columns=names)
    else:
        source = BlockSource(node, columns=names, owner=block)
    block.sources[alias] = source


def _query(node: exp.Expr) -> exp.Expr:
    return node if isinstance(node, exp.Subquery) else node.this


def _named(node: exp.Expr) -> tuple[str, ...]:
    alias = node.args.get("alias")
    columns: Iterable[exp.Expr] = alias.columns if isinstance(alias, exp.TableAlias) else ()
    return tuple(column.name.lower() for column in columns)


def _is_star(item: exp.Expr) -> bool:
    return isinstance(item, exp.Star) or (
        isinstance(item, exp.Column) and isinstance(item.this, exp.Star)
    )


def _replaced(star: exp.Expr) -> list[exp.Alias]:
    body = star.this if isinstance(star, exp.Column) else star
    given = [*(body.args.get("replace") or ()), *(body.args.get("rename") or ())]
    return [item for item in given if isinstance(item, exp.Alias)]


def _output(item: exp.Expr) -> str:
    return "*" if _is_star(item) else item.alias_or_name.lower()
