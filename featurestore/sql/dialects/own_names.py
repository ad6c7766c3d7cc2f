"""The names that statements add to a table's own, which give way to every other name."""

from __future__ import annotations

from sqlglot import exp

__all__ = ["OwnName", "let_own_names_give_way"]


class OwnName(str):
    """The name of a column that a statement adds; it never equals the name of another column.

    `as_name` marks its identifiers with `meta["own"]`, and `render` finds each an unused name.

    >>> OwnName("_key") == "_key", OwnName("_key") == OwnName("_key")
    (False, True)
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OwnName) and str(self) == str(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((OwnName, str(self)))

    def __str__(self) -> str:
        return "".join(self)


def let_own_names_give_way(tree: exp.Expr) -> None:
    """Lengthen each own name that a table, a column or the caller's SQL has too, in place.

    Capital letters make no difference to most warehouses.
    """
    names = list(tree.find_all(exp.Identifier))
    taken = {name.name.lower() for name in names if not name.meta.get("own")}
    for name in names:
        if name.meta.get("own"):
            while name.name.lower() in taken:
                name.set("this", f"_{name.name}")
