"""The ledger of a sync in Snowflake: its tables, the claim to it, and how values compare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlglot import exp, parse_one

from featurestore.errors import WarehouseError
from featurestore.values.types import DataType, Kind
from featurestore.warehouse.abilities import Claim, KeepsLedger
from featurestore.warehouse.adbc import AdbcWarehouse
from featurestore.warehouse.claims import COLUMNS, TakenClaim

__all__ = ["SnowflakeLedger"]

_WATCHED = {
    # Snowflake aborts the transaction of a session that is gone after five minutes, if it is in
    # another one's way. By default that one would wait for half a day.
    "LOCK_TIMEOUT": "900",
    # By default Snowflake finishes the statement of a job that was killed.
    "ABORT_DETACHED_QUERY": "TRUE",
}
"""The settings by which a job that vanished is soon out of the way."""


class SnowflakeLedger(AdbcWarehouse, KeepsLedger):
    """The part of a connection to Snowflake that the ledger of a sync needs.

    Snowflake has no locks of a session, so a claim is a row that a later run takes over: see
    `claims`. An UPDATE of that row locks it until the transaction ends, and the other run's waits.
    A killed run leaves nothing behind: Snowflake rolls its open transaction back, and the next run
    takes its claim over. DDL ends a transaction, so published rows are written into a table of
    their own first, and one UPDATE in a transaction swaps the two.
    """

    longest_name = 255
    takes_over = True
    merges = True
    _claimed: TakenClaim | None = None

    def create_schema(self, name: str) -> None:
        """Create a schema if it does not exist.

        IF NOT EXISTS would need the right in any case.
        """
        stored = exp.to_table(name, dialect="snowflake").this
        plain = stored.name if stored.quoted else stored.name.upper()
        known = exp.Literal.string(plain).sql("snowflake")
        found = f"SELECT 1 AS n FROM INFORMATION_SCHEMA.SCHEMATA WHERE SCHEMA_NAME = {known}"
        with self._translated(f"create the schema {name}"):
            if not self._rows(found):
                self._cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {name}")

    def create_table(self, name: str, columns: str) -> None:
        """Create a table if it does not exist.

        Transient: it can be computed again, so Snowflake need not keep a week of its past.
        """
        spelled = parse_one(f"CREATE TABLE t ({columns})", dialect="duckdb").this.expressions
        listed = ", ".join(column.sql("snowflake") for column in spelled)
        with self._translated(f"write the table {name}"):
            self._cursor.execute(f"CREATE TRANSIENT TABLE IF NOT EXISTS {name} ({listed})")

    def claim(self, claim: Claim) -> None:
        """Take over the claim; another run that has it finds out in its next transaction."""
        for setting, value in _WATCHED.items():
            with suppress(WarehouseError):
                self.execute(f"ALTER SESSION SET {setting} = {value}")
        self.create_table(claim.table, COLUMNS)
        self._claimed = TakenClaim(claim, "snowflake")
        with self._translated("claim the ledger"):
            self._cursor.execute(self._claimed.taking)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the changes of a block in one transaction, if the claim is still this run's."""
        with super().transaction():
            if self._claimed is not None:
                self.execute(self._claimed.keeping)
                with self._translated("read who holds the ledger"):
                    if not self._rows(f"SELECT {self._claimed.is_own} AS own")[0][0]:
                        raise self._claimed.lost(self._rows(self._claimed.holders)[0][0])
            yield

    def compared_as(self, value: str, data_type: DataType | None) -> tuple[str, ...]:
        """Return the expressions by which two values are compared.

        Snowflake takes NaN for equal to NaN, and the angle of a zero has its sign. Texts are
        compared by their bytes in any collation; lists and objects, which the driver passes
        on as text, by their JSON.
        """
        kind = data_type.kind if data_type else Kind.OTHER
        if kind in (Kind.FLOAT32, Kind.FLOAT64):
            return value, f"IFF({value} = 0, ATAN2({value}, -1), NULL)"
        if kind in (Kind.STRING, Kind.JSON, Kind.ARRAY, Kind.OTHER):
            return (f"TO_BINARY(TO_VARCHAR({value}), 'UTF-8')",)
        return (value,)

    def key_text(self, value: str) -> str:
        """Return the key itself: Snowflake has no UUIDs, and every key of text is a VARCHAR."""
        return value
