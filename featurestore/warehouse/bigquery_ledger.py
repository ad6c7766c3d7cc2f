"""The ledger of a sync in BigQuery: its tables, the claim to it, and how values compare."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator

from sqlglot import exp, parse_one

from featurestore.errors import RelationNotBuilt, WarehouseError
from featurestore.values.types import DataType, Kind
from featurestore.warehouse.abilities import Claim, KeepsLedger
from featurestore.warehouse.adbc import AdbcWarehouse
from featurestore.warehouse.claims import COLUMNS, TakenClaim

__all__ = ["BigQueryLedger"]

_FLOATS = (Kind.FLOAT32, Kind.FLOAT64)
_AS_JSON = (Kind.STRING, Kind.JSON, Kind.ARRAY, Kind.OTHER)
_NOT_OWN = "featurestore: another sync has taken over the ledger"
_MET = ("aborted due to concurrent update", "Could not serialize access")
"""How BigQuery says that another job has changed the same table meanwhile."""
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""The seconds between two tries of a transaction that met another one."""


class BigQueryLedger(AdbcWarehouse, KeepsLedger):
    """The part of a connection to BigQuery that the ledger of a sync needs.

    The driver keeps no session, so a transaction is one script: BigQuery rolls it back by itself if
    a statement of it fails, or if the job is cancelled. Nothing waits for a lock: of two scripts
    that change one table, BigQuery aborts one, which changed nothing and is tried again. A claim is
    a row that a later run takes over: see `claims`. Each script updates that row and asserts that
    it is still its own, so a script of the run that lost the claim fails as a whole. DDL cannot be
    in a transaction, so published rows are written into a table of their own first, and one UPDATE
    in a script swaps the two. Without a session, temporary tables are missing too: tables that
    would be temporary have random names and expire after a day.
    """

    takes_over = True
    merges = True

    def __init__(self, *arguments: object, project: str, dataset: str, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self.catalog = project
        self._dataset = dataset
        self._staged: list[str] = []
        self._claimed: TakenClaim | None = None
        self._script: list[str] | None = None

    def create_schema(self, name: str) -> None:
        """Create a dataset if it does not exist, where the statements run.

        IF NOT EXISTS would need the right in any case.
        """
        try:
            with self._translated(f"look up the dataset {name}"):
                self._rows(f"SELECT 1 AS n FROM {name}.INFORMATION_SCHEMA.TABLES LIMIT 0")
        except RelationNotBuilt:
            with self._translated(f"create the schema {name}"):
                self._cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {name}")

    def create_table(self, name: str, columns: str) -> None:
        """Create a table if it does not exist."""
        spelled = parse_one(f"CREATE TABLE t ({columns})", dialect="duckdb").this.expressions
        listed = ", ".join(column.sql("bigquery") for column in spelled)
        with self._translated(f"write the table {name}"):
            self._cursor.execute(f"CREATE TABLE IF NOT EXISTS {name} ({listed})")

    def claim(self, claim: Claim) -> None:
        """Take over the claim; another run that has it finds out in its next transaction."""
        self.create_table(claim.table, COLUMNS)
        self._claimed = TakenClaim(claim, "bigquery")
        self._tried("claim the ledger", self._claimed.taking)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Collect the changes of a block, and run them as one script at its end."""
        self._script = []
        try:
            yield
            changes = self._script
        finally:
            self._script = None
        if not changes:
            return
        try:
            self._tried("change the rows of a table", self._in_one(changes))
        except WarehouseError as error:
            if _NOT_OWN not in str(error) or self._claimed is None:
                raise
            raise self._claimed.lost(self._rows(self._claimed.holders)[0][0]) from None

    def _in_one(self, changes: list[str]) -> str:
        """Return the script of a transaction, which fails unless the claim is this run's."""
        own = []
        if self._claimed is not None:
            message = exp.Literal.string(_NOT_OWN).sql("bigquery")
            own = [self._claimed.keeping, f"ASSERT {self._claimed.is_own} AS {message}"]
        steps = ["BEGIN TRANSACTION", *own, *changes, "COMMIT TRANSACTION"]
        return "".join(f"{step};\n" for step in steps)

    def _tried(self, doing: str, sql: str) -> None:
        """Run a statement, again after a pause if it met another job's; then it changed nothing."""
        for pause in (*_PAUSES, None):
            try:
                with self._translated(doing):
                    self._cursor.execute(sql)
            except WarehouseError as error:
                if pause is None or not any(words in str(error) for words in _MET):
                    raise
                time.sleep(pause)
            else:
                return

    def execute(self, sql: str) -> None:
        """Run a statement, or add it to the transaction that is open."""
        if self._script is not None:
            self._script.append(sql)
            return
        super().execute(sql)

    def stage(self, name: str, sql: str) -> str:
        """Store a query's rows in a table that the connection drops when it closes."""
        return self._kept(name, f"AS\n{sql}")

    def _kept(self, name: str, definition: str) -> str:
        """Create a table for the length of the connection; return its name.

        BigQuery itself drops the table after a day, in case the process dies before.
        """
        table = f"{self._dataset}.`{name}_{uuid.uuid4().hex}`"
        columns, _, query = definition.partition("AS\n")
        expires = "TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)"
        query = f" AS\n{query}" if query else ""
        self.execute(
            f"CREATE TABLE {table} {columns}OPTIONS (expiration_timestamp = {expires}){query}"
        )
        self._staged.append(table)
        return table

    def close(self) -> None:
        """Drop the staged tables, and close the connection."""
        with contextlib.suppress(WarehouseError):
            while self._staged:
                self.execute(f"DROP TABLE IF EXISTS {self._staged.pop()}")
        super().close()

    def compared_as(self, value: str, data_type: DataType | None) -> tuple[str, ...]:
        """Return the expressions by which two values are compared.

        BigQuery takes NaN for equal to NaN, and a zero divides into an infinity of its sign. Texts
        are compared by the bytes of their JSON in any collation; lists, objects and JSON,
        which have no equality, too.
        """
        kind = data_type.kind if data_type else Kind.OTHER
        if kind in _FLOATS:
            return value, f"CASE WHEN {value} = 0 THEN IEEE_DIVIDE(1, {value}) END"
        if kind not in _AS_JSON:
            return (value,)
        as_json = f"CAST(TO_JSON_STRING({value}) AS BYTES)"
        if data_type and data_type.element and data_type.element.kind in _FLOATS:
            signs = (
                f"ARRAY(SELECT IEEE_DIVIDE(1, e) FROM UNNEST({value}) AS e WITH OFFSET AS place"
                " ORDER BY place)"
            )
            return as_json, f"CAST(TO_JSON_STRING({signs}) AS BYTES)"
        return (as_json,)

    def key_text(self, value: str) -> str:
        """Return the key itself: BigQuery has no UUIDs, and every key of text is a STRING."""
        return value
