"""Snowflake emulated by fakesnow on DuckDB, behind HTTP: the driver that users have talks to it.

It proves more than translated statements do: the driver, its types and errors, sessions, temporary
tables and transactions. It is not Snowflake: two transactions that meet do not wait for each other,
ASOF joins and `HASH_AGG` are missing, and nothing checks rights.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlglot

from tests.engines.base import driver
from tests.support.scenarios import arrow

# The session's time zone is UTC in any case.
_IGNORED = [r"(?i)^ALTER SESSION SET "]


class SnowflakeServer:
    """A server in a thread of this process, with a port of its own and an empty database `SHOP`."""

    dialect = "snowflake"

    def __init__(self) -> None:
        uvicorn, server = driver("uvicorn"), driver("fakesnow.server")
        self._instance = server.shared_fs
        self._connect: Callable[..., Any] = self._instance.connect
        self._instance.connect = self._ignoring
        self._sessions: list[Any] = []
        _fill_gaps()
        self.connection = self._connect("SHOP", "PUBLIC")
        config = uvicorn.Config(server.app, host="127.0.0.1", port=0, log_level="critical")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            self._thread.join(0.01)
        self.port: int = self._server.servers[0].sockets[0].getsockname()[1]

    def _ignoring(self, *arguments: Any, **options: Any) -> Any:
        session = self._connect(*arguments, **{**options, "nop_regexes": _IGNORED})
        self._sessions.append(session)
        return session

    def end_sessions(self):
        """Roll back the open transactions of all sessions, as Snowflake does with vanished ones."""
        while self._sessions:
            # Without a transaction there is nothing to roll back.
            with suppress(Exception):
                self._sessions.pop()._duck_conn.execute("ROLLBACK")  # noqa: SLF001

    def create(self, name, types, rows):
        """Replace a table; its name and columns are in upper case, as Snowflake folds them."""
        duckdb = self.connection._duck_conn  # noqa: SLF001, it has no way to load Arrow
        duckdb.register("incoming", arrow(dict(types), list(rows)))
        typed = ", ".join(
            f'CAST("{column}" AS {_stored(kind)}) AS "{column.upper()}"'
            for column, kind in types.items()
        )
        duckdb.execute(
            f'CREATE OR REPLACE TABLE SHOP.PUBLIC."{name.upper()}" AS SELECT {typed} FROM incoming'
        )
        duckdb.unregister("incoming")

    def execute(self, sql):
        """Run a statement; return its rows."""
        return self.connection.cursor().execute(sql).fetchall()

    def close(self):
        """Stop the server."""
        self._server.should_exit = True
        self._thread.join()
        self._instance.connect = self._connect
        self.connection.close()


def _fill_gaps() -> None:
    """Mend what fakesnow does otherwise than Snowflake, once for this process."""
    arrow, cursor = driver("fakesnow.arrow"), driver("fakesnow.cursor").FakeSnowflakeCursor
    if hasattr(arrow, "mended"):
        return
    arrow.mended = True
    stage = driver("fakesnow.transforms.stage")
    to_struct, run = arrow.timestamp_to_sf_struct, cursor.execute

    def with_nulls(instants):
        """Return NULL for an instant that is NULL; fakesnow returns the year 1970."""
        whole = instants.combine_chunks() if isinstance(instants, pa.ChunkedArray) else instants
        struct = to_struct(whole)
        parts = [part.fill_null(0) for part in struct.flatten()]
        return pa.StructArray.from_arrays(parts, fields=list(struct.type), mask=whole.is_null())

    def execute(self, command, *arguments, **options):
        """Run on DuckDB what fakesnow cannot do in a transaction, or to a temporary table."""
        if command.startswith("MERGE INTO "):
            (merge,) = sqlglot.transpile(command, read="snowflake", write="duckdb")
            self._duck_conn.execute(merge)
            command = "SELECT 1 AS merged"
        if command.startswith("COPY INTO IDENTIFIER(?) FROM @ADBC$BIND"):
            bucket, table = Path(stage.LOCAL_BUCKET_PATH), options["binding_params"][0]
            loaded = map(stage.internal_file_name, _load(self._duck_conn, bucket, table))
            # The driver waits until each file that it sent is listed.
            command = " UNION ALL ".join(f"SELECT '{name}' AS \"file\"" for name in loaded)
            command, options = command or 'SELECT 0 AS "files"', {"server": True}
        return run(self, command, *arguments, **options)

    arrow.timestamp_to_sf_struct, cursor.execute = with_nulls, execute


def _load(duckdb: Any, bucket: Path, table: str) -> list[str]:
    """Load the files of the driver's stage into a table; return their paths."""
    files = [file for file in bucket.rglob("*") if file.is_file() and "ADBC$BIND" in str(file)]
    if files:
        listed = ", ".join(f"'{file}'" for file in files)
        duckdb.execute(f"INSERT INTO {table} BY NAME SELECT * FROM read_parquet([{listed}])")
    for file in files:
        file.unlink()
    return [str(file) for file in files]


def _stored(kind: str) -> str:
    # Snowflake's arrays are of VARIANT, which fakesnow keeps as JSON.
    return "JSON" if kind.endswith("[]") else kind
