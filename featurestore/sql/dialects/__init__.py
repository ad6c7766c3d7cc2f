"""The dialects that statements are written in: one file and one record for each.

`RECORDS` lists them. The rest of the project asks here, and never names a dialect itself.
"""

from __future__ import annotations

from sqlglot import exp

from featurestore.errors import UnsupportedDialect, did_you_mean
from featurestore.sql.dialects.bigquery import BIGQUERY
from featurestore.sql.dialects.clickhouse import CLICKHOUSE
from featurestore.sql.dialects.databricks import DATABRICKS
from featurestore.sql.dialects.datafusion import DATAFUSION
from featurestore.sql.dialects.duckdb import DUCKDB
from featurestore.sql.dialects.own_names import let_own_names_give_way
from featurestore.sql.dialects.postgres import POSTGRES
from featurestore.sql.dialects.record import Dialect
from featurestore.sql.dialects.redshift import REDSHIFT
from featurestore.sql.dialects.snowflake import SNOWFLAKE
from featurestore.sql.dialects.spark import SPARK
from featurestore.sql.dialects.trino import TRINO

__all__ = ["RECORDS", "dialect_record", "grammar", "render", "spell_type"]

RECORDS: dict[str, Dialect] = {
    record.name: record
    for record in (
        BIGQUERY,
        CLICKHOUSE,
        DATABRICKS,
        DATAFUSION,
        DUCKDB,
        POSTGRES,
        REDSHIFT,
        SNOWFLAKE,
        SPARK,
        TRINO,
    )
}
"""Every known dialect by its name."""


def dialect_record(name: str) -> Dialect:
    """Return the record of a dialect.

    Raises:
        UnsupportedDialect: The dialect is unknown.

    >>> dialect_record("datafusion").grammar
    'postgres'
    """
    if name not in RECORDS:
        raise UnsupportedDialect(
            f"featurestore writes no SQL for the dialect '{name}'.",
            remedy=did_you_mean(name, RECORDS) or f"Supported: {', '.join(RECORDS)}.",
        )
    return RECORDS[name]


def grammar(dialect: str) -> str:
    """Return the dialect whose grammar sqlglot reads and writes.

    A dialect without a record is returned as it is: its models can still be parsed for lint and
    lineage if sqlglot knows it.

    >>> grammar("datafusion"), grammar("trino"), grammar("mysql")
    ('postgres', 'trino', 'mysql')
    """
    return RECORDS[dialect].grammar if dialect in RECORDS else dialect


def render(query: exp.Expr, dialect: str) -> str:
    """Return a statement as formatted text. The call changes the tree, so do not use it again.

    >>> from featurestore.sql.expressions import column
    >>> render(exp.select(column("date")), "duckdb").split()[1]
    '"date"'
    >>> render(exp.select(column("date")), "snowflake").split()[1]
    'date'
    """
    record = dialect_record(dialect)
    let_own_names_give_way(query)
    record.respell(query)
    return query.sql(record.grammar, pretty=True, copy=False)


def spell_type(text: str, dialect: str) -> str:
    """Return a type in the words of a dialect, in lower case.

    Args:
        text: The type in DuckDB's words, as `str(DataType)` returns it.
        dialect: The dialect to write it in.

    >>> spell_type("DOUBLE", "postgres")
    'double precision'
    """
    return exp.DataType.build(text, dialect=DUCKDB.grammar).sql(grammar(dialect)).lower()
