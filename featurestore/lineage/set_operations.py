"""UNION, EXCEPT and INTERSECT."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from featurestore.lineage.flows import Flow, Relation, RowFlow, merged
from featurestore.lineage.scopes import column_of

__all__ = ["combined"]

_BY_POSITION = frozenset({"a UNION takes columns by position, and those of one side are not known"})


def combined(query: exp.SetOperation, left: Relation, right: Relation) -> Relation:
    """Return the inputs of a set operation.

    Args:
        query: The operation.
        left: Its left side.
        right: Its right side; in EXCEPT and INTERSECT it only decides which rows remain.
    """
    word = f"{query.key} {'distinct' if query.args.get('distinct') else 'all'}"
    rows = left.rows.combined_with(right.rows, word)
    if isinstance(query, exp.Union):
        relation = _stacked(left, right, rows, by_name=bool(query.args.get("by_name")))
    else:
        rows = replace(rows, sources=left.rows.sources).narrowed("of", right.columns.values())
        rows = replace(rows, indirect=rows.indirect | right.rows.sources)
        relation = replace(left, rows=rows)
    if query.args.get("distinct"):
        return replace(relation, rows=relation.rows.distinct(relation.columns))
    return relation


def _stacked(left: Relation, right: Relation, rows: RowFlow, *, by_name: bool) -> Relation:
    """Return a UNION: by position; by name if SQL says so or a side has unlisted columns."""
    doubts = left.doubts | right.doubts
    # Positions are certain only while each column of both sides is known by name.
    if not (left.unlisted or right.unlisted or by_name):
        pairs = zip(left.columns.items(), right.columns.values(), strict=False)
        columns = {name: merged("union", (one, two)) for (name, one), two in pairs}
        return Relation(columns, rows, doubts=doubts)
    listed = dict.fromkeys((*left.columns, *right.columns))
    doubt = frozenset[str]() if by_name or _are_both_unlisted(left, right) else _BY_POSITION
    columns = {
        name: replace(flow, doubts=flow.doubts | doubt)
        for name in listed
        for flow in [_either(name, left, right)]
    }
    unlisted = (*left.unlisted, *right.unlisted)
    return Relation(columns, rows, unlisted, alternatives=False, doubts=doubts)


def _are_both_unlisted(left: Relation, right: Relation) -> bool:
    """Return whether both sides have unlisted columns; then names match as well as positions."""
    return bool(left.unlisted and right.unlisted)


def _either(name: str, left: Relation, right: Relation) -> Flow:
    found = (column_of(left, name), column_of(right, name))
    return merged("union", [flow for flow in found if flow is not None])
