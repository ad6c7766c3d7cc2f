"""DuckDB; and Snowflake's statements on it, what DuckDB spells otherwise rewritten."""

from __future__ import annotations

from typing import ClassVar

import duckdb
from sqlglot import exp, parse_one

from tests.engines.base import ZONE
from tests.engines.proofs import TRANSLATED
from tests.support.scenarios import ARROW, arrow

_NUMBER = exp.DataType.build("decimal(38, 0)", dialect="snowflake")


class DuckDB:
    """A session of DuckDB."""

    dialect = "duckdb"
    types: ClassVar = {name: name for name in ARROW}

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute(f"SET TimeZone = '{ZONE}'")

    def create(self, name, types, rows):
        """Create a table."""
        self.connection.register("incoming", arrow(types, list(rows)))
        typed = ", ".join(f'CAST("{column}" AS {types[column]}) AS "{column}"' for column in types)
        self.connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT {typed} FROM incoming")
        return f'"memory"."main"."{name}"'

    def rows(self, sql):
        """Run a query."""
        return self.connection.sql(sql).to_arrow_table().to_pylist()

    def close(self):
        """Close the database."""
        self.connection.close()


class SnowflakeOnDuckDB(DuckDB):
    """Snowflake's statements, translated: that their shape is right, not that Snowflake runs it."""

    dialect = "snowflake"
    proves = TRANSLATED
    # Snowflake's lists are sorted by their JSON: full ties that only a list decides differ.
    types: ClassVar = {
        **{name: name for name in ARROW if name != "bigint[]"},
        "timestamp": "timestamp_ntz",
        "timestamp_s": "timestamp_ntz(0)",
        "timestamp_ns": "timestamp_ntz(9)",
        "timestamptz": "timestamp_tz",
    }

    def rows(self, sql):
        """Run a query after translation."""
        query = parse_one(sql, dialect="snowflake")
        for join in query.find_all(exp.Join):
            if condition := join.args.get("match_condition"):
                join.set("match_condition", None)
                join.set("side", "LEFT")
                join.set("on", exp.and_(join.args.get("on"), condition))
        return super().rows(query.transform(_in_duckdb).sql("duckdb"))


def _in_duckdb(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.ConvertTimezone):
        return exp.AtTimeZone(this=node.args["timestamp"], zone=node.args["target_tz"])
    if isinstance(node, exp.Literal) and node.is_string and node.this.startswith("9999-"):
        # Snowflake's nanoseconds reach that year, DuckDB's do not.
        return exp.Literal.string("infinity")
    if isinstance(node, exp.Cast) and node.this.is_string and node.to == _NUMBER:
        # Snowflake's integers are NUMBER(38, 0); the tables here have DuckDB's own.
        return exp.cast(node.this, "bigint")
    return node
