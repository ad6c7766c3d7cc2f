"""BigQuery's statements, translated and run on DuckDB, behind the driver's own protocol.

That proves their shape and what the connection makes of them, not that BigQuery runs them.
"""

from __future__ import annotations

import re
import sys
from types import ModuleType
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

__all__ = ["Driver"]

_LOOK_UP = re.compile(r"FROM (\S+)\.INFORMATION_SCHEMA\.TABLES")
_ASSERT = re.compile(r"ASSERT (.*) AS '(.*)'", re.DOTALL)
_STEP = re.compile(r";\n")
_MACROS = (
    "CREATE MACRO ieee_divide(a, b) AS CAST(a AS DOUBLE) / b",
    "CREATE MACRO to_json_string(x) AS CAST(to_json(x) AS VARCHAR)",
)


class Error(Exception):
    """An error of the driver."""

    def __init__(self, text: str, status: str = "INTERNAL") -> None:
        super().__init__(text)
        self.sqlstate = None
        self.status_code = type("Status", (), {"name": status})


class Driver(ModuleType):
    """The driver's module `adbc_driver_bigquery.dbapi`, over one database of DuckDB.

    Attributes:
        said: The statements that it was given, in order.
        fails: The errors of the next scripts, each used up by one.
    """

    Error = Error

    def __init__(self) -> None:
        super().__init__("adbc_driver_bigquery.dbapi")
        self.database = duckdb.connect()
        self.database.execute("SET TimeZone = 'UTC'")
        self.database.execute("ATTACH ':memory:' AS shop")
        for statement in ("USE shop", *_MACROS, "CREATE SCHEMA marts"):
            self.database.execute(statement)
        self.said: list[str] = []
        self.fails: list[str] = []

    def install(self, monkeypatch: Any) -> None:
        """Take the driver's place for a test."""
        monkeypatch.setitem(sys.modules, "adbc_driver_bigquery", ModuleType("adbc_driver_bigquery"))
        monkeypatch.setitem(sys.modules, self.__name__, self)

    def connect(self, **_: Any) -> Connection:
        """Return a connection."""
        return Connection(self)


class Connection:
    """A connection, which keeps no session."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver

    def cursor(self) -> Cursor:
        """Return a cursor."""
        return Cursor(self.driver)

    def adbc_get_info(self) -> dict[str, str]:
        """Return the version."""
        return {"vendor_version": "on duckdb"}

    def close(self) -> None:
        """Do nothing."""


class Cursor:
    """A cursor, whose statements are jobs of their own."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.session = driver.database.cursor()
        self.session.execute("USE shop")
        self.session.execute("SET TimeZone = 'UTC'")
        self.found: Any = None

    def execute(self, sql: str) -> None:
        """Run a statement or a script; a script that fails is rolled back."""
        self.driver.said.append(sql)
        if sql.startswith("BEGIN") and self.driver.fails:
            raise Error(self.driver.fails.pop())
        try:
            steps = _STEP.split(sql.strip().rstrip(";")) if sql.startswith("BEGIN") else [sql]
            for step in steps:
                self._run(step)
        except (duckdb.Error, Error) as error:
            if sql.startswith("BEGIN"):
                self.session.execute("ROLLBACK")
            raise _translated(error) from None

    def _run(self, sql: str) -> None:
        if found := _LOOK_UP.search(sql):
            schema = found[1].replace("`", "")
            known = self.session.execute("SELECT schema_name FROM duckdb_schemas()").fetchall()
            if (schema.split(".")[-1],) not in known:
                raise Error(f"Not found: Dataset {schema}", "NOT_FOUND")
            sql = "SELECT 1 AS n LIMIT 0"
        if found := _ASSERT.fullmatch(sql.strip()):
            holds = self.session.execute(_in_duckdb(f"SELECT {found[1]}")).fetchall()
            if holds != [(True,)]:
                raise Error(f"Query error: {found[2]} at [1:1]")
            return
        found = self.session.sql(_in_duckdb(sql))
        self.found = found.to_arrow_table() if found is not None else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows."""
        return [tuple(row.values()) for row in self.found.to_pylist()]

    def fetch_record_batch(self) -> Any:
        """Return the rows as Arrow."""
        return self.found.to_reader()

    def close(self) -> None:
        """Do nothing."""


def _translated(error: Exception) -> Error:
    if isinstance(error, Error):
        return error
    missing = "does not exist" in str(error)
    return Error(str(error), "NOT_FOUND" if missing else "INVALID_ARGUMENT")


def _in_duckdb(sql: str) -> str:
    if sql in ("BEGIN TRANSACTION", "COMMIT TRANSACTION"):
        return sql
    tree = sqlglot.parse_one(sql, dialect="bigquery")
    if isinstance(tree, exp.Create):
        tree.set("properties", None)
    return tree.transform(_node).sql("duckdb")


def _node(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Cast) and node.to.is_type("binary", "varbinary"):
        return exp.Anonymous(this="ENCODE", expressions=[node.this])
    return node
