"""How a connection without a statement of its own for it learns the columns of a relation."""

from __future__ import annotations

__all__ = ["description_of"]


def description_of(source: str, *, is_query: bool) -> tuple[str, str]:
    """Return what describing a relation or a query is called, and the statement that does it.

    The condition is never true, so the engine only plans the query and returns its schema.

    >>> description_of("planes", is_query=False)
    ('describe planes', 'SELECT * FROM planes WHERE 1 = 0')
    """
    doing = "describe the entity frame's SQL" if is_query else f"describe {source}"
    described = f"(\n{source}\n) AS described" if is_query else source
    return doing, f"SELECT * FROM {described} WHERE 1 = 0"
