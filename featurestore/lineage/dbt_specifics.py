"""Parts of compiled SQL that dbt adds, or that describe a run and not the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlglot import exp

from featurestore.lineage.flows import Flow, Relation, digest_of

__all__ = [
    "EPHEMERAL_PREFIX",
    "with_snapshot_columns",
    "without_ephemeral_ctes",
    "without_incremental_filter",
]

EPHEMERAL_PREFIX = "__dbt__cte__"
"""The prefix of the CTE that dbt writes for an ephemeral model."""

_SNAPSHOT_COLUMNS = ("dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to")


def without_incremental_filter(tree: exp.Expr, is_own: Callable[[exp.Table], bool]) -> exp.Expr:
    """Drop the conditions that ask a model's own table which rows are new.

    dbt compiles them only where the table exists, and leaves them out in the empty schema of a pull
    request. They decide what a run adds, not what a row is, so both must give the same lineage.

    Args:
        tree: The compiled SQL, which is changed.
        is_own: Returns whether a table is the model's own.

    >>> from sqlglot import parse_one
    >>> sql = "select a from t where b and c > (select max(c) from this)"
    >>> without_incremental_filter(parse_one(sql), lambda table: table.name == "this").sql()
    'SELECT a FROM t WHERE b'
    """
    own = {cte.alias for cte in tree.find_all(exp.CTE) if _reads_only_own(cte.this, is_own)}

    def asks(condition: exp.Expr) -> bool:
        tables = condition.find_all(exp.Table)
        return any(is_own(t) or (t.name in own and not t.db) for t in tables)

    for where in list(tree.find_all(exp.Where)):
        parts = list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]
        kept = [part for part in parts if not asks(part)]
        if not kept:
            where.pop()
        elif len(kept) < len(parts):
            where.set("this", exp.and_(*kept, copy=False))
    return tree


def _reads_only_own(query: exp.Expr, is_own: Callable[[exp.Table], bool]) -> bool:
    tables = list(query.find_all(exp.Table))
    return bool(tables) and all(map(is_own, tables))


def without_ephemeral_ctes(tree: exp.Expr, ctes: Mapping[str, Relation]) -> exp.Expr:
    """Drop the CTEs that dbt inserts for ephemeral models, which are nodes of their own."""
    found = tree.args.get("with_")
    if found is None or not ctes:
        return tree
    kept = [cte for cte in found.expressions if cte.alias not in ctes]
    if kept:
        found.set("expressions", kept)
    else:
        tree.set("with_", None)
    return tree


def with_snapshot_columns(relation: Relation) -> Relation:
    """Add the columns by which dbt distinguishes the versions of a row."""
    doubt = frozenset({"written by dbt's snapshot"})
    rows = relation.rows.flow
    own = {
        name: Flow(digest_of(name, rows.digest), indirect=rows.all, doubts=doubt)
        for name in _SNAPSHOT_COLUMNS
    }
    return replace(relation, columns={**own, **relation.columns})
