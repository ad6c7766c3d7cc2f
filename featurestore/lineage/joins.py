"""Joins: the rows of two relations, and the columns that USING merges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlglot import exp

from featurestore.lineage.flows import ColumnId, Flow, Relation, RowFlow, merged
from featurestore.lineage.from_clause import read_table
from featurestore.lineage.name_rules import NameRules
from featurestore.lineage.scopes import Scope, column_of

__all__ = ["join_table"]


def join_table(join: exp.Join, scope: Scope) -> None:
    """Add a joined table to a scope, and its condition to the inputs of the scope's rows."""
    alias, relation = read_table(join.this, scope)
    alias = alias or f"_{len(scope.relations)}"
    words = [str(join.args.get(word) or "").lower() for word in ("side", "kind", "method")]
    # LEFT OUTER JOIN and LEFT JOIN mean the same, so they share a digest.
    rows = scope.rows.combined_with(
        relation.rows, " ".join(["join", *words]).replace("outer", "").rstrip()
    )
    sources, indirect = _inputs_of_rows(scope.rows, relation.rows, words)
    rows = replace(rows, sources=sources, indirect=indirect)
    names = [_using_name(name, scope.names) for name in join.args.get("using") or ()]
    if "natural" in words:
        names, doubts = _common(relation, scope.relations.values())
        # NATURAL compares every column that both sides have, so an unknown column may be one more.
        rows = replace(rows, doubts=rows.doubts | doubts)
    # Before the table is in view: the left side of USING must not find the table itself.
    pairs = [_pair(name, relation, scope) for name in names]
    scope.relations[alias] = relation
    conditions = [join.args[word] for word in ("on", "match_condition") if join.args.get(word)]
    flows = [scope.evaluate(condition, scope) for condition in conditions]
    flows += [merged("using", pair) for pair in pairs]
    scope.rows = rows.narrowed("on", flows) if flows else rows
    for name, pair in zip(names, pairs, strict=True):
        scope.shared[name] = _shared(pair, words[0])
    # These joins only choose rows of the left side: their columns are out of reach afterwards.
    if words[1] in ("semi", "anti") or words[0] in ("semi", "anti"):
        del scope.relations[alias]


def _inputs_of_rows(
    left: RowFlow, right: RowFlow, words: list[str]
) -> tuple[frozenset[ColumnId], frozenset[ColumnId]]:
    """Return the sources of a join's rows, and the columns that decide which rows those are.

    A LEFT or RIGHT join has the rows of the side that it keeps; the other side only decides.
    """
    both = left.indirect | right.indirect
    if {"left", "semi", "anti"} & set(words):
        return left.sources, both | right.sources
    if "right" in words:
        return right.sources, both | left.sources
    return left.sources | right.sources, both


def _using_name(name: exp.Expr, names: NameRules) -> str:
    return names.normalize(name.this if isinstance(name, exp.Column) else name)


def _common(relation: Relation, others: Iterable[Relation]) -> tuple[list[str], frozenset[str]]:
    """Return the columns that NATURAL compares, with a doubt if some names are not known."""
    known = {name for other in others for name in other.columns}
    names = [name for name in relation.columns if name in known]
    if relation.unlisted or any(other.unlisted for other in others):
        return names, frozenset({"a NATURAL join compares columns that are not known by name"})
    return names, frozenset()


def _pair(name: str, relation: Relation, scope: Scope) -> list[Flow]:
    left = scope.column(exp.column(exp.to_identifier(name.strip('"'), quoted=name[:1] == '"')))
    right = column_of(relation, name)
    return [left, *([right] if right is not None else [])]


def _shared(pair: list[Flow], side: str) -> Flow:
    if side == "full":
        return merged("coalesce", pair)
    return pair[-1] if side == "right" else pair[0]
