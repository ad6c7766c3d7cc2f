"""The inputs of a column, or of the rows of a relation: the values that tracing passes around.

Each value also has a `digest` of its computation, without the query's own names (CTEs, aliases).
Two queries that differ only in form have the same digests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b

__all__ = [
    "ROWS",
    "ColumnId",
    "Flow",
    "Relation",
    "RowFlow",
    "UnlistedColumns",
    "digest_of",
    "merged",
]

ROWS = "*"
"""The column name that represents the rows themselves: `count(*)` depends on it."""


@dataclass(frozen=True, slots=True, order=True)
class ColumnId:
    """A column of a model, seed, snapshot or source.

    Attributes:
        node: dbt's unique id; the name in the SQL if dbt does not know the relation.
        column: The column's name; `*` for the rows themselves.
    """

    node: str
    column: str

    def __str__(self) -> str:
        return f"{self.node}.{self.column}"


_NONE: frozenset[ColumnId] = frozenset()


@dataclass(frozen=True, slots=True)
class Flow:
    """The inputs of one value.

    Attributes:
        digest: A digest of its computation.
        direct: The columns whose values it is computed from.
        indirect: The columns that only decide which values those are, as in a window or a filter.
        doubts: Reasons why inputs may be missing.
        counted: The direct columns whose values it does not show: it counts them, or asks whether
            they are NULL.
    """

    digest: str
    direct: frozenset[ColumnId] = _NONE
    indirect: frozenset[ColumnId] = _NONE
    doubts: frozenset[str] = frozenset()
    counted: frozenset[ColumnId] = _NONE

    @property
    def all(self) -> frozenset[ColumnId]:
        """Every input, direct or indirect."""
        return self.direct | self.indirect

    def as_deciding(self) -> Flow:
        """Return the same inputs, all of them indirect."""
        return replace(self, direct=_NONE, indirect=self.all, counted=_NONE)

    def as_counted(self) -> Flow:
        """Return the same inputs, if the value shows only their number or their presence."""
        return replace(self, counted=self.direct)


@dataclass(frozen=True, slots=True)
class RowFlow:
    """The inputs that decide which rows a relation has.

    Attributes:
        digest: A digest of how the rows are chosen.
        sources: The relations that the rows come from, each as its column `*`.
        indirect: The columns of filters, join conditions and groups.
        doubts: Reasons why inputs may be missing.
    """

    digest: str
    sources: frozenset[ColumnId] = _NONE
    indirect: frozenset[ColumnId] = _NONE
    doubts: frozenset[str] = frozenset()

    def narrowed(self, what: str, flows: Iterable[Flow] = ()) -> RowFlow:
        """Return the rows that some expressions keep, such as the condition of a filter."""
        listed = tuple(flows)
        return RowFlow(
            digest_of(what, self.digest, *(flow.digest for flow in listed)),
            self.sources,
            self.indirect.union(*(flow.all for flow in listed)),
            self.doubts.union(*(flow.doubts for flow in listed)),
        )

    def distinct(self, columns: Mapping[str, Flow]) -> RowFlow:
        """Return the rows without duplicates.

        The digest counts the columns instead of including theirs: when one column changes, the
        others have not.
        """
        rows = self.narrowed("distinct", columns.values())
        return replace(rows, digest=digest_of("distinct", self.digest, str(len(columns))))

    def combined_with(self, other: RowFlow, what: str) -> RowFlow:
        """Return the rows of two relations after a join or a union."""
        return RowFlow(
            digest_of(what, self.digest, other.digest),
            self.sources | other.sources,
            self.indirect | other.indirect,
            self.doubts | other.doubts,
        )

    @property
    def flow(self) -> Flow:
        """The rows as a value, such as the input of `count(*)`."""
        return Flow(self.digest, self.sources, self.indirect, self.doubts)


@dataclass(frozen=True, slots=True)
class UnlistedColumns:
    """Columns of a relation whose names are not known.

    They are either the columns of one node, or all have the same inputs.

    Attributes:
        node: The node whose columns they are, under their own names.
        digest: The digest of the node, part of the columns' digests.
        flow: The inputs of every column, if they are not columns of a node.
        hidden: Names that are not among them.
        loose: Whether only `relation.name` finds them, as for the fields of a value.
    """

    node: str = ""
    digest: str = ""
    flow: Flow | None = None
    hidden: frozenset[str] = frozenset()
    loose: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, a query or a part of one.

    Attributes:
        columns: The inputs of each known column, in order.
        rows: The inputs of its rows.
        unlisted: The sources of columns with unknown names; empty if every column is known.
        alternatives: Whether an unlisted column comes from one of the sources; in a union it comes
            from all of them.
        doubts: Reasons why nothing is known about the relation.
    """

    columns: Mapping[str, Flow]
    rows: RowFlow
    unlisted: tuple[UnlistedColumns, ...] = ()
    alternatives: bool = True
    doubts: frozenset[str] = field(default=frozenset())


def digest_of(*parts: str) -> str:
    """Return a digest of some texts.

    The order and the boundaries of the texts count.

    >>> digest_of("a", "b") == digest_of("a", "b"), digest_of("ab") == digest_of("a", "b")
    (True, False)
    """
    # 128 bits: two computations of one project do not share a digest by chance.
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def merged(what: str, flows: Iterable[Flow]) -> Flow:
    """Return the inputs of a value that is computed from others."""
    listed = tuple(flows)
    direct = _NONE.union(*(flow.direct for flow in listed))
    return Flow(
        digest_of(what, *(flow.digest for flow in listed)),
        direct,
        _NONE.union(*(flow.indirect for flow in listed)),
        frozenset[str]().union(*(flow.doubts for flow in listed)),
        # A column that is counted at one place and shown at another is shown.
        direct.difference(*(flow.direct - flow.counted for flow in listed)),
    )
