"""What a column, or the rows of a relation, are made of: the values that tracing passes around.

Each value also has a `text`: a digest of what it computes, in which names of the query's own (CTEs,
aliases) do not occur. Two queries that differ in form only have the same texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b

__all__ = ["ROWS", "ColumnId", "Flow", "Relation", "Rest", "RowFlow", "digest", "merged"]

ROWS = "*"
"""The column that stands for the rows themselves: what `count(*)` depends on."""


@dataclass(frozen=True, slots=True, order=True)
class ColumnId:
    """A column of a model, seed, snapshot or source.

    Attributes:
        node: dbt's unique id; of a relation that dbt does not know, its name as the SQL writes it.
        column: The column's name; `*` for the rows themselves.
    """

    node: str
    column: str

    def __str__(self) -> str:
        return f"{self.node}.{self.column}"


_NONE: frozenset[ColumnId] = frozenset()


@dataclass(frozen=True, slots=True)
class Flow:
    """What one value is made of.

    Attributes:
        text: What it computes, see above.
        direct: The columns whose values it is computed from.
        indirect: Those that decide which values: of windows, filters and conditions within it.
        doubts: Why something may be missing.
    """

    text: str
    direct: frozenset[ColumnId] = _NONE
    indirect: frozenset[ColumnId] = _NONE
    doubts: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[ColumnId]:
        """Every column that has a part in it."""
        return self.direct | self.indirect

    def decides(self) -> Flow:
        """Return the same, as something that only decides."""
        return replace(self, direct=_NONE, indirect=self.all)


@dataclass(frozen=True, slots=True)
class RowFlow:
    """What decides which rows a relation has.

    Attributes:
        bases: The relations whose rows they are, each as its column `*`.
        indirect: The columns of filters, join conditions and groups.
    """

    text: str
    bases: frozenset[ColumnId] = _NONE
    indirect: frozenset[ColumnId] = _NONE
    doubts: frozenset[str] = frozenset()

    def narrowed(self, what: str, flows: Iterable[Flow] = ()) -> RowFlow:
        """Return the rows that some expressions leave, such as the condition of a filter."""
        listed = tuple(flows)
        return RowFlow(
            digest(what, self.text, *(flow.text for flow in listed)),
            self.bases,
            self.indirect.union(*(flow.all for flow in listed)),
            self.doubts.union(*(flow.doubts for flow in listed)),
        )

    def made_distinct(self, columns: Mapping[str, Flow]) -> RowFlow:
        """Return the rows without repetitions.

        The text counts the columns and does not name them: a column that computes something else
        is no change of those beside it.
        """
        rows = self.narrowed("distinct", columns.values())
        return replace(rows, text=digest("distinct", self.text, str(len(columns))))

    def beside(self, other: RowFlow, what: str) -> RowFlow:
        """Return the rows of two relations that are joined or united."""
        return RowFlow(
            digest(what, self.text, other.text),
            self.bases | other.bases,
            self.indirect | other.indirect,
            self.doubts | other.doubts,
        )

    @property
    def flow(self) -> Flow:
        """The rows as a value, as `count(*)` takes them."""
        return Flow(self.text, self.bases, self.indirect, self.doubts)


@dataclass(frozen=True, slots=True)
class Rest:
    """The columns of a relation that are not known by name.

    Attributes:
        node: They are the columns of this node, under their own names.
        text: What stands for the node in their texts.
        flow: Each of them is made of this, whatever its name.
        hidden: Names that are not among them.
        loose: They are found only under the relation's own name, as fields of a value are.
    """

    node: str = ""
    text: str = ""
    flow: Flow | None = None
    hidden: frozenset[str] = frozenset()
    loose: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, a query or a part of one.

    Attributes:
        columns: What each known column is made of, in order.
        rest: Where columns come from that are not known; empty when all are known.
        alternatives: Whether a column of `rest` is from one of them; in a union it is from all.
        doubts: Why nothing is known of it.
    """

    columns: Mapping[str, Flow]
    rows: RowFlow
    rest: tuple[Rest, ...] = ()
    alternatives: bool = True
    doubts: frozenset[str] = field(default=frozenset())


def digest(*parts: str) -> str:
    """Hash texts to a short one.

    >>> digest("a", "b") == digest("a", "b"), digest("ab") == digest("a", "b")
    (True, False)
    """
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def merged(what: str, flows: Iterable[Flow]) -> Flow:
    """Return what a value is made of that is computed from others."""
    listed = tuple(flows)
    return Flow(
        digest(what, *(flow.text for flow in listed)),
        _NONE.union(*(flow.direct for flow in listed)),
        _NONE.union(*(flow.indirect for flow in listed)),
        frozenset[str]().union(*(flow.doubts for flow in listed)),
    )
