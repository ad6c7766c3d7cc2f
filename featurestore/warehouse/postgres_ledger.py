"""The ledger of a sync in PostgreSQL: its tables, the claim to it, and how values compare."""

from __future__ import annotations

import time
from contextlib import suppress

from sqlglot import exp

from featurestore.errors import SyncLocked, WarehouseError
from featurestore.values.types import DataType, Kind
from featurestore.warehouse.abilities import Claim, KeepsLedger
from featurestore.warehouse.adbc import AdbcWarehouse

__all__ = ["PostgresLedger"]

_BYTES = {Kind.FLOAT32: "float4send", Kind.FLOAT64: "float8send"}
_WATCHED = {
    # A job whose machine vanished must not keep its claim for the two hours of TCP's default.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    # Without it, the server finishes the statement of a killed job first (PostgreSQL 14).
    "client_connection_check_interval": "1s",
}
"""The settings by which the server soon notices that the job is gone."""
_PATIENCE_SECONDS = 10
# The two halves of the key of an advisory lock are columns of their own.
_HOLDER = """
SELECT l.pid, a.usename::text, a.client_addr::text
FROM pg_catalog.pg_locks AS l
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    AND (l.classid::bigint << 32 | l.objid::bigint) = {key}
"""


class PostgresLedger(AdbcWarehouse, KeepsLedger):
    """The part of a connection to PostgreSQL that the ledger of a sync needs."""

    # PostgreSQL cuts longer names silently, so that two may become one.
    longest_name = 63

    def create_schema(self, name: str) -> None:
        """Create a schema if it does not exist."""
        with self._translated(f"create the schema {name}"):
            self._create(f"to_regnamespace({_literal(name)})", f"CREATE SCHEMA {name}")

    def create_table(self, name: str, columns: str) -> None:
        """Create a table if it does not exist."""
        with self._translated(f"write the table {name}"):
            self._create(f"to_regclass({_literal(name)})", f"CREATE TABLE {name} ({columns})")

    def _create(self, found: str, statement: str) -> None:
        """Run a statement that creates what an expression does not find.

        IF NOT EXISTS would need the right in any case, and fail where two jobs meet.
        """
        if self._finds(found):
            return
        try:
            self._cursor.execute(statement)
        except self._errors:
            # A job of another project, with the same schema, may have been faster.
            if not self._finds(found):
                raise

    def _finds(self, found: str) -> bool:
        return self._rows(f"SELECT ({found}) IS NOT NULL")[0][0] is True

    def claim(self, claim: Claim) -> None:
        """Take an advisory lock of the session, which ends with the connection in any case.

        The lock in Redis can pass to another job while this one is suspended. Without a claim, the
        first would then write over the second one's ledger.
        """
        for setting, value in _WATCHED.items():
            with suppress(WarehouseError):
                self.execute(f"SET {setting} = '{value}'")
        name = claim.ledger
        key = f"hashtextextended({_literal(name)}, 0)"
        # The session of a job that was killed a moment ago may still be about to end.
        last = time.monotonic() + _PATIENCE_SECONDS
        while not self._take(key):
            if time.monotonic() > last:
                raise self._locked(name, key)
            time.sleep(0.2)

    def _take(self, key: str) -> bool:
        with self._translated("claim the ledger"):
            return bool(self._rows(f"SELECT pg_try_advisory_lock({key})")[0][0])

    def _locked(self, name: str, key: str) -> SyncLocked:
        with self._translated("read who holds the ledger"):
            found = self._rows(_HOLDER.format(key=key))
        process, user, host = found[0] if found else ("unknown", None, None)
        who = f" of {user or 'another user'}" + (f" at {host}" if host else "")
        return SyncLocked(
            f"The {name} is in use by process {process} of the server, a session{who}.",
            remedy="Wait for it: one sync at a time can use a ledger. If that job is gone, end its"
            f" session: SELECT pg_terminate_backend({process}).",
        )

    def compared_as(self, value: str, data_type: DataType | None) -> tuple[str, ...]:
        """Return the expressions by which two values are compared.

        PostgreSQL takes NaN for equal to NaN, in arrays too. Only zeros need their bytes, and
        arrays, whose zeros are hidden.
        """
        kind = data_type.leaf.kind if data_type else Kind.OTHER
        if kind is Kind.STRING:
            return (f'{value} COLLATE "C"',)
        if kind not in _BYTES:
            return (value,)
        if data_type and data_type.element:
            return value, f"array_send({value})"
        return value, f"CASE WHEN {value} = 0 THEN {_BYTES[kind]}({value}) END"

    def key_text(self, value: str) -> str:
        """Return the key as text; `concat` keeps the padding of a `char(n)`, a cast does not."""
        return f'concat({value}) COLLATE "C"'


def _literal(text: str) -> str:
    return exp.Literal.string(text).sql("postgres")
