"""Read the constraints and indexes of DuckDB's tables that make rows unique."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from featurestore.warehouse.abilities import Index

if TYPE_CHECKING:
    import duckdb

__all__ = ["unique_indexes"]

# A column with a collation may take two texts for one key that its index tells apart.
_UNIQUE = """
WITH named AS (
    SELECT table_oid FROM duckdb_tables()
    WHERE database_name = ? AND schema_name = ? AND table_name = ? AND sql NOT ILIKE '%collate%'
)
SELECT constraint_column_names, NULL FROM duckdb_constraints() AS c JOIN named USING (table_oid)
WHERE constraint_type IN ('PRIMARY KEY', 'UNIQUE') AND c.database_name = ?
UNION ALL
SELECT NULL, i.sql FROM duckdb_indexes() AS i JOIN named USING (table_oid)
WHERE i.is_unique AND i.database_name = ?
"""


def unique_indexes(connection: duckdb.DuckDBPyConnection, relation: str) -> Iterator[Index]:
    """Yield what keeps the rows of a table unique; nothing for a name without its schema.

    DuckDB finds no rows by such an index in a join, so other indexes do not matter.

    Args:
        connection: The connection to ask.
        relation: The table, with its database and its schema.
    """
    table = exp.to_table(relation, dialect="duckdb")
    if not (table.catalog and table.db):
        return
    names = [table.catalog, table.db, table.name, table.catalog, table.catalog]
    for columns, definition in connection.execute(_UNIQUE, names).fetchall():
        found = tuple(columns) if columns else _columns(definition)
        if found:
            yield Index(found, unique=True)


def _columns(definition: str) -> tuple[str, ...]:
    """Return the columns of a CREATE INDEX; none if it is of expressions."""
    try:
        created = parse_one(definition, dialect="duckdb")
    except SqlglotError:
        return ()
    parameters = created.find(exp.IndexParameters)
    nodes = [term.this for term in parameters.args.get("columns") or ()] if parameters else []
    if not all(isinstance(node, exp.Column) for node in nodes):
        return ()
    return tuple(node.name for node in nodes)
