"""The dialects that statements are written for, and how a statement becomes text in one of them."""

from __future__ import annotations

from sqlglot import exp

from featurestore.errors import UnsupportedDialect, did_you_mean

__all__ = ["NAMES", "ensure_known", "grammar", "render"]

NAMES = (
    "bigquery",
    "clickhouse",
    "databricks",
    "datafusion",
    "duckdb",
    "postgres",
    "redshift",
    "snowflake",
    "spark",
    "trino",
)
"""Every dialect that is known, by sqlglot's name where it has one."""

# DataFusion's parser follows PostgreSQL, down to the place of NULL in an order.
_GRAMMARS = {"datafusion": "postgres"}

# Snowflake writes unquoted names in upper case: a lower-case name in quotes is another name there.
# So a word is quoted only where Snowflake itself reserves it.
_RESERVED_BY_SNOWFLAKE = """
    account all alter and any as asof between by case cast check column connect connection
    constraint create cross current current_date current_time current_timestamp current_user
    database delete distinct drop else exists false following for from full grant group
    gscluster having ilike in increment inner insert intersect into is issue join lateral left
    like localtime localtimestamp match_condition minus natural not null of on or order
    organization qualify regexp revoke right rlike row rows sample schema select set some start
    table tablesample then to trigger true try_cast union unique update using values view when
    whenever where with
"""


def ensure_known(dialect: str) -> None:
    """Refuse a dialect that nobody has tried.

    Raises:
        UnsupportedDialect: The dialect is unknown.
    """
    if dialect not in NAMES:
        raise UnsupportedDialect(
            f"No point-in-time join is known for the dialect '{dialect}'.",
            remedy=did_you_mean(dialect, NAMES) or f"Supported: {', '.join(NAMES)}.",
        )


def grammar(dialect: str) -> str:
    """Return the dialect by whose rules sqlglot reads and writes.

    >>> grammar("datafusion"), grammar("trino")
    ('postgres', 'trino')
    """
    return _GRAMMARS.get(dialect, dialect)


def render(query: exp.Expr, dialect: str) -> str:
    """Write a statement as formatted text; the tree is used up.

    >>> from featurestore.sql.expressions import column
    >>> render(exp.select(column("date")), "duckdb").split()[1]
    '"date"'
    >>> render(exp.select(column("date")), "snowflake").split()[1]
    'date'
    """
    if dialect == "snowflake":
        _fold_names(query)
    if dialect == "clickhouse":
        _name_columns(query)
    return query.sql(grammar(dialect), pretty=True, copy=False)


def _fold_names(query: exp.Expr) -> None:
    reserved = _RESERVED_BY_SNOWFLAKE.split()
    for identifier in query.find_all(exp.Identifier):
        if identifier.meta.get("is_word") and identifier.name not in reserved:
            identifier.set("quoted", False)


def _name_columns(query: exp.Expr) -> None:
    # A column that two tables have is called `history.tailnum` by ClickHouse, dot and all.
    for select in query.find_all(exp.Select):
        for node in select.selects:
            # Only the statement's own columns: a query of the caller stays as it is.
            if isinstance(node, exp.Column) and node.table and "is_word" in node.this.meta:
                node.replace(exp.alias_(node.copy(), node.this.copy()))
