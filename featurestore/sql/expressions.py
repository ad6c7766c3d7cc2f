"""The small SQL expressions that all statements share, as sqlglot nodes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from sqlglot import exp

from featurestore.sql.dialects import grammar
from featurestore.sql.dialects.keywords import keywords
from featurestore.sql.dialects.own_names import OwnName

__all__ = [
    "EVENT",
    "INSTANT",
    "KEY",
    "KNOWN",
    "RANK",
    "UNTIL",
    "VALUES",
    "Named",
    "as_name",
    "both",
    "column",
    "cte",
    "equal_keys",
    "named",
    "not_null",
    "nulls_last",
    "ranked",
    "relation",
    "relation_parts",
    "with_ctes",
]

INSTANT = OwnName("_instant")
"""The instant that an entity row asks for, in UTC."""
EVENT = OwnName("_event_timestamp")
"""The event timestamp of a row of a view."""
KEY = OwnName("_key")
"""The number of a requested key and instant."""
KNOWN = OwnName("_known")
"""The instant from which a row of a view is known."""
RANK = OwnName("_rank")
"""The rank that `ranked` gives."""
UNTIL = OwnName("_until")
"""The instant from which a better row of a view is known."""
VALUES = OwnName("_values")
"""The values of a row of a view, as one struct."""
Named = tuple[str, exp.Select]
"""A common table expression: its name and its query."""

_SIMPLE = re.compile(r"[a-z_][a-z0-9_]*")


def as_name(name: str) -> exp.Identifier:
    """Return an identifier, quoted only if the name needs it.

    `meta["is_word"]` says whether the name is a plain lower-case word, for `Dialect.respell`, and
    `meta["own"]` that it is an `OwnName`.

    >>> as_name("tailnum").sql(), as_name("Order No").sql(), as_name("select").sql()
    ('tailnum', '"Order No"', '"select"')
    """
    simple = _SIMPLE.fullmatch(name) is not None
    identifier = exp.to_identifier(str(name), quoted=not simple or name in keywords())
    identifier.meta["is_word"] = simple
    if isinstance(name, OwnName):
        identifier.meta["own"] = True
    return identifier


def column(name: str, table: str | None = None) -> exp.Column:
    """Return a column, qualified by a table if one is given.

    >>> column("seats", "plane").sql()
    'plane.seats'
    """
    return exp.Column(this=as_name(name), table=as_name(table) if table else None)


def named(node: exp.Expr, name: str) -> exp.Expr:
    """Return an expression with an alias. The node is not copied.

    >>> named(column("seats", "plane"), "plane__seats").sql()
    'plane.seats AS plane__seats'
    """
    return exp.alias_(node, as_name(name), copy=False)


def relation(text: str, dialect: str, alias: str | None = None) -> exp.Table:
    """Return a table, from the quoted name in dbt's manifest.

    >>> relation('"dev"."main"."plane_features"', "duckdb", "history").sql("duckdb")
    '"dev"."main"."plane_features" AS history'
    """
    table = exp.to_table(text, dialect=grammar(dialect))
    if alias:
        table.set("alias", exp.TableAlias(this=as_name(alias)))
    return table


def relation_parts(text: str, dialect: str) -> tuple[str, ...]:
    """Return the parts of a relation's name in lower case: table, then schema, then database.

    >>> relation_parts('"dev"."main"."Planes"', "duckdb"), relation_parts("planes", "duckdb")
    (('planes', 'main', 'dev'), ('planes',))
    """
    table = exp.to_table(text, dialect=grammar(dialect))
    return tuple(part.lower() for part in (table.name, table.db, table.catalog) if part)


def cte(name: str, alias: str | None = None) -> exp.Table:
    """Return a reference to a common table expression.

    >>> cte("plane_features_asked", "asked").sql()
    'plane_features_asked AS asked'
    """
    return exp.Table(
        this=as_name(name), alias=exp.TableAlias(this=as_name(alias)) if alias else None
    )


def both(conditions: Iterable[exp.Expr]) -> exp.Expr:
    """Join conditions with AND; `TRUE` without conditions."""
    listed = list(conditions)
    return exp.and_(*listed, copy=False) if listed else exp.true()


def not_null(names: Sequence[str], table: str | None = None) -> list[exp.Expr]:
    """Return a condition `IS NOT NULL` for each column."""
    return [column(name, table).is_(exp.null()).not_() for name in names]


def nulls_last(node: exp.Expr, *, desc: bool = False) -> exp.Ordered:
    """Return a term of an order in which NULL comes last.

    `meta["nulls_last"]` marks it for `Dialect.respell`: sqlglot leaves the words out where they are
    the dialect's default, though a setting of the session may change that default.
    """
    term = exp.Ordered(this=node, desc=desc or None, nulls_first=False)
    term.meta["nulls_last"] = True
    return term


def equal_keys(names: Sequence[str], left: str, right: str) -> list[exp.Expr]:
    """Return an equality for each key, between columns of the same name."""
    return [exp.EQ(this=column(name, left), expression=column(name, right)) for name in names]


def ranked(partition: Sequence[exp.Expr], order: Sequence[exp.Expr]) -> exp.Expr:
    """Return `ROW_NUMBER()` over a partition in an order, as `_rank`."""
    window = exp.Window(
        this=exp.RowNumber(),
        partition_by=list(partition),
        order=exp.Order(expressions=list(order)),
    )
    return named(window, RANK)


def with_ctes(
    query: exp.Select, ctes: Iterable[Named], kept: Mapping[str, bool] | None = None
) -> exp.Select:
    """Add common table expressions to a query.

    Args:
        query: The query that reads them.
        ctes: The common table expressions.
        kept: True for the names whose rows the engine must compute once and keep, False for those
            it must compute for each reader. The engine decides about all others.
    """
    for name, body in ctes:
        materialized = (kept or {}).get(name)
        query = query.with_(as_name(name), as_=body, materialized=materialized, copy=False)
    return query
