"""Runs statements on the ledger's tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlglot import exp

from featurestore.errors import RelationNotBuilt, WarehouseError
from featurestore.sql.dialects import render
from featurestore.values.far_instants import python_rows
from featurestore.warehouse.abilities import Claim, KeepsLedger
from sync.warehouse.publication import quoted
from sync.warehouse.source_rows import SourceRows

__all__ = ["LedgerTables"]

_CLAIMS = "_featurestore_claims"


class LedgerTables:
    """The schema of a database in which one project's ledger is.

    Args:
        database: The database: the warehouse's, or a file beside the job.
        schema: The schema of the tables.
        project: The dbt project.
        source: Makes the rows of the warehouse readable there.
    """

    def __init__(
        self, database: KeepsLedger, schema: str, project: str, source: SourceRows
    ) -> None:
        self.database = database
        self.source = source
        self.project = project
        self._schema = schema

    def claim(self) -> None:
        """Create the schema, and keep other processes from writing this ledger."""
        longest = self.database.longest_name
        if longest and len(self._schema.encode()) > longest:
            raise WarehouseError(
                f"The name of the schema {self._schema}, for the ledger, is too long: a name in"
                f" {self.database.version} has at most {longest} bytes.",
                remedy="Correct `state_schema` in dbt_project.yml.",
            )
        self.database.create_schema(self._within)
        name = f"ledger of project '{self.project}' in the schema {self._schema}"
        self.database.claim(Claim(name, self.project, self.named(_CLAIMS)))

    def named(self, table: str) -> str:
        """Return a table's name as it is written in a statement."""
        return f"{self._within}.{quoted(table, self.database.dialect)}"

    @property
    def _within(self) -> str:
        parts = (self.database.catalog, self._schema)
        return ".".join(quoted(part, self.database.dialect) for part in parts if part)

    def text(self, value: str) -> str:
        """Return a text as it is written in a statement."""
        return render(exp.Literal.string(value), self.database.dialect)

    def of_view(self, view: str) -> str:
        """Return the condition for the rows of one view of this project."""
        return f"project = {self.text(self.project)} AND view = {self.text(view)}"

    def exists(self, table: str) -> bool:
        """Return whether a table exists; not in a transaction, which the answer may end."""
        # A dry run and `status` create no tables, so a missing table is an answer, not an error.
        try:
            return bool(self.database.columns(table))
        except RelationNotBuilt:
            return False

    def execute(self, sql: str) -> None:
        """Run a statement."""
        self.database.execute(sql)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query; see `python_rows`."""
        return python_rows(self.database.stream(sql).read_all())

    def count(self, table: str) -> int:
        """Return the number of rows of a table."""
        # Snowflake's driver passes on a count as a decimal.
        return int(self.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"])

    def create_temporary(self, table: str, query: str) -> str:
        """Keep a query's rows for the length of the session; return the table's name for FROM."""
        return self.database.stage(table, query)

    def keep(self, table: str, query: str) -> str:
        """Keep the rows of a query of the warehouse for the session; return the table's name."""
        with self.source.reading(query) as rows:
            return self.create_temporary(table, rows)

    def settle(self) -> None:
        """Make what was written durable; a database has done so when a statement returns."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the changes of a block in one transaction; a block reads nothing."""
        with self.database.transaction():
            yield
        self.settle()
