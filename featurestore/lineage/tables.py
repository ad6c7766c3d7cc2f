"""What stands in FROM and JOIN: tables, subqueries, table functions, and how they are combined."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlglot import exp

from featurestore.lineage.flows import ColumnId, Flow, Relation, Rest, RowFlow, digest, merged
from featurestore.lineage.name_matching import Names
from featurestore.lineage.scopes import Scope, column_of

__all__ = ["join_table", "read_table", "renamed"]


def read_table(node: exp.Expr, scope: Scope) -> tuple[str, Relation]:
    """Return the name under which columns refer to a table, and what the table is made of."""
    if isinstance(node, exp.Table):
        relation = _named(node, scope)
    elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table):
        inner, relation = read_table(node.this, scope)
        return (node.alias and scope.names.of(node.args["alias"].this)) or inner, relation
    elif isinstance(node, exp.Lateral) and isinstance(node.this, exp.Query):
        relation = scope.read(node.this, scope)
    elif isinstance(node, exp.Values):
        relation = _values(node, scope)
    elif isinstance(node, exp.Query):
        relation = scope.read(_without_pivots(node), scope)
    else:
        relation = _function(node, scope)
    for pivot in node.args.get("pivots") or ():
        relation = _pivoted(pivot, relation, scope)
    alias = node.args.get("alias")
    if isinstance(alias, exp.TableAlias):
        relation = renamed(relation, alias, scope.names)
    return _alias_of(node, scope.names), relation


def _alias_of(node: exp.Expr, names: Names) -> str:
    alias = node.args.get("alias")
    if isinstance(alias, exp.TableAlias) and alias.this:
        return names.of(alias.this)
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
        return names.of(node.this)
    return ""


def _without_pivots(node: exp.Expr) -> exp.Expr:
    if not node.args.get("pivots"):
        return node
    bare = node.copy()
    bare.set("pivots", None)
    return bare


def _named(table: exp.Table, scope: Scope) -> Relation:
    path = scope.names.table(table)
    if len(path) == 1 and path[0] in scope.ctes:
        relation = scope.ctes[path[0]]
    else:
        relation = scope.bases(table) or _function(table.this, scope)
    if sample := table.args.get("sample"):
        how = Flow(digest(sample.sql(comments=False)))
        relation = replace(relation, rows=relation.rows.narrowed("sample", [how]))
    return relation


def _function(node: exp.Expr, scope: Scope) -> Relation:
    """Return the rows of a table function: each of its columns is made of all its arguments."""
    found = [scope.column(column) for column in node.find_all(exp.Column)]
    # In `read_csv(path, header = true)` the name of an option looks like a column.
    columns = [flow for flow in found if flow.all]
    text = Flow(digest("function", _without_alias(node)))
    flow = merged("function", [text, *columns])
    rows = RowFlow(flow.text, indirect=flow.all, doubts=flow.doubts)
    named = {"unnest": flow} if isinstance(node, exp.Unnest) else {}
    if isinstance(node, exp.Unnest) and isinstance(alias := node.args.get("alias"), exp.TableAlias):
        # BigQuery's `unnest(values) as value` names the column, DuckDB's the table.
        named |= {scope.names.of(alias.this): flow} if alias.this else {}
        named |= {scope.names.of(name): flow for name in alias.columns}
    return Relation(named, rows, (Rest(flow=flow, loose=bool(named)),))


def _without_alias(node: exp.Expr) -> str:
    bare = (node.this if isinstance(node, exp.Lateral) else node).copy()
    bare.set("alias", None)
    for column in list(bare.find_all(exp.Column)):
        column.replace(exp.to_identifier("_"))
    return bare.sql(comments=False)


def _values(node: exp.Values, scope: Scope) -> Relation:
    rows = [item.expressions for item in node.expressions if isinstance(item, exp.Tuple)]
    columns = {
        f"col{number}": merged("values", [scope.evaluate(value, scope) for value in values])
        for number, values in enumerate(zip(*rows, strict=False))
    }
    text = digest("values", *(flow.text for flow in columns.values()))
    return Relation(columns, RowFlow(text))


def _pivoted(pivot: exp.Expr, relation: Relation, scope: Scope) -> Relation:
    """Return a table turned on its side: new columns are made of those that the pivot names."""
    inner = Scope(scope.context, scope.ctes, relations={"": relation}, rows=relation.rows)
    used = {scope.names.of(column.this) for column in pivot.find_all(exp.Column)}
    flows = [flow for name in sorted(used) if (flow := column_of(relation, name))]
    how = Flow(digest("pivot", pivot.sql(comments=False)))
    word = "UNPIVOT" if pivot.args.get("unpivot") else "PIVOT"
    doubt = frozenset({f"the columns that {word} makes are not known by name"})
    made = merged("pivot", [how, *flows, inner.rows.flow.decides()])
    kept = {name: flow for name, flow in relation.columns.items() if name not in used}
    rest = Rest(flow=replace(made, doubts=made.doubts | doubt))
    open_ = [merged("kept", [r.flow]) for r in relation.rest if r.flow]
    rows = relation.rows.narrowed("pivot", [how, *flows, *kept.values(), *open_])
    return Relation(kept, rows, (rest,), doubts=relation.doubts)


def renamed(relation: Relation, alias: exp.TableAlias, names: Names) -> Relation:
    """Give the columns of a relation the names of `as t(a, b)`, by position."""
    given = [names.of(name) for name in alias.columns]
    if not given:
        return relation
    flows = list(relation.columns.values())
    if relation.rest:
        loose = next((rest.flow for rest in relation.rest if rest.flow), None)
        filler = loose or replace(
            relation.rows.flow,
            doubts=relation.doubts
            | {"columns are named by position, and the table's are not known"},
        )
        flows = [filler] * len(given) if loose or not flows else flows
        flows += [filler] * (len(given) - len(flows))
    columns = dict(zip(given, flows, strict=False))
    kept = list(relation.columns.items())[len(given) :] if not relation.rest else []
    return replace(relation, columns=columns | dict(kept), rest=() if columns else relation.rest)


def join_table(join: exp.Join, scope: Scope) -> None:
    """Add a joined table to what is in view, and its condition to what decides the rows."""
    alias, relation = read_table(join.this, scope)
    alias = alias or f"_{len(scope.relations)}"
    words = [str(join.args.get(word) or "").lower() for word in ("side", "kind", "method")]
    rows = scope.rows.beside(
        relation.rows, " ".join(["join", *words]).replace("outer", "").rstrip()
    )
    bases, indirect = _whose(scope.rows, relation.rows, words)
    rows = replace(rows, bases=bases, indirect=indirect)
    names = [_using_name(name, scope.names) for name in join.args.get("using") or ()]
    if "natural" in words:
        names, doubts = _common(relation, scope.relations.values())
        rows = replace(rows, doubts=rows.doubts | doubts)
    pairs = [_pair(name, relation, scope) for name in names]
    scope.relations[alias] = relation
    conditions = [join.args[word] for word in ("on", "match_condition") if join.args.get(word)]
    flows = [scope.evaluate(condition, scope) for condition in conditions]
    flows += [merged("using", pair) for pair in pairs]
    scope.rows = rows.narrowed("on", flows) if flows else rows
    for name, pair in zip(names, pairs, strict=True):
        scope.shared[name] = _shared(pair, words[0])
    if words[1] in ("semi", "anti") or words[0] in ("semi", "anti"):
        del scope.relations[alias]


def _whose(
    left: RowFlow, right: RowFlow, words: list[str]
) -> tuple[frozenset[ColumnId], frozenset[ColumnId]]:
    """Return whose rows a join has: those of both, or of the side that it keeps whole."""
    both = left.indirect | right.indirect
    if {"left", "semi", "anti"} & set(words):
        return left.bases, both | right.bases
    if "right" in words:
        return right.bases, both | left.bases
    return left.bases | right.bases, both


def _using_name(name: exp.Expr, names: Names) -> str:
    return names.of(name.this if isinstance(name, exp.Column) else name)


def _common(relation: Relation, others: Iterable[Relation]) -> tuple[list[str], frozenset[str]]:
    """Return the columns that NATURAL compares; it is not known which where columns are not."""
    known = {name for other in others for name in other.columns}
    names = [name for name in relation.columns if name in known]
    if relation.rest or any(other.rest for other in others):
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
