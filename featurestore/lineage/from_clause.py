"""The items of FROM and JOIN: tables, subqueries, VALUES, table functions and pivots."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from featurestore.lineage.flows import Flow, Relation, RowFlow, UnlistedColumns, digest_of, merged
from featurestore.lineage.name_rules import NameRules
from featurestore.lineage.scopes import Scope, column_of
from featurestore.sql.dialects import RECORDS

__all__ = ["read_table", "renamed"]


def read_table(node: exp.Expr, scope: Scope) -> tuple[str, Relation]:
    """Return the name by which columns refer to a table, and the table's inputs."""
    if isinstance(node, exp.Table):
        relation = _named(node, scope)
    elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table):
        inner, relation = read_table(node.this, scope)
        return (node.alias and scope.names.normalize(node.args["alias"].this)) or inner, relation
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


def _alias_of(node: exp.Expr, names: NameRules) -> str:
    alias = node.args.get("alias")
    if isinstance(alias, exp.TableAlias) and alias.this:
        return names.normalize(alias.this)
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
        return names.normalize(node.this)
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
        by_text = _read_by_text(table.this, scope)
        relation = by_text or scope.find_table(table) or _function(table.this, scope)
    if sample := table.args.get("sample"):
        how = Flow(digest_of(sample.sql(comments=False)))
        relation = replace(relation, rows=relation.rows.narrowed("sample", [how]))
    return relation


def _read_by_text(call: exp.Expr, scope: Scope) -> Relation | None:
    """Return what `query_table('t')` or `query('select ...')` reads; None for the rest."""
    texts = call.expressions if isinstance(call, exp.Anonymous) else []
    if len(texts) != 1 or not texts[0].is_string or not _reads_texts(scope.names.dialect):
        return None
    name, text = call.name.lower(), texts[0].name
    try:
        if name == "query_table":
            return _named(exp.to_table(text, dialect=scope.names.dialect), scope)
        tree = parse_one(text, dialect=scope.names.dialect) if name == "query" else None
    except SqlglotError:
        return None
    return scope.read(tree, scope) if isinstance(tree, exp.Query) else None


def _reads_texts(dialect: str) -> bool:
    record = RECORDS.get(dialect)
    return record is not None and record.reads_texts


def _function(node: exp.Expr, scope: Scope) -> Relation:
    """Return a table function: each of its columns depends on all arguments."""
    found = [scope.column(column) for column in node.find_all(exp.Column)]
    # The name of an option looks like a column, as in `read_csv(path, header = true)`.
    columns = [flow for flow in found if flow.all]
    text = Flow(digest_of("function", _without_alias(node)))
    flow = merged("function", [text, *columns])
    rows = RowFlow(flow.digest, indirect=flow.all, doubts=flow.doubts)
    named = {"unnest": flow} if isinstance(node, exp.Unnest) else {}
    if isinstance(node, exp.Unnest) and isinstance(alias := node.args.get("alias"), exp.TableAlias):
        # BigQuery's `unnest(values) as value` names the column, DuckDB's the table.
        named |= {scope.names.normalize(alias.this): flow} if alias.this else {}
        named |= {scope.names.normalize(name): flow for name in alias.columns}
    return Relation(named, rows, (UnlistedColumns(flow=flow, loose=bool(named)),))


def _without_alias(node: exp.Expr) -> str:
    bare = (node.this if isinstance(node, exp.Lateral) else node).copy()
    bare.set("alias", None)
    for column in list(bare.find_all(exp.Column)):
        column.replace(exp.to_identifier("_"))
    return bare.sql(comments=False)


def _values(node: exp.Values, scope: Scope) -> Relation:
    rows = [item.expressions for item in node.expressions if isinstance(item, exp.Tuple)]
    columns = {
        # DuckDB's own names; elsewhere the alias of VALUES names the columns.
        f"col{number}": merged("values", [scope.evaluate(value, scope) for value in values])
        for number, values in enumerate(zip(*rows, strict=False))
    }
    text = digest_of("values", *(flow.digest for flow in columns.values()))
    return Relation(columns, RowFlow(text))


def _pivoted(pivot: exp.Expr, relation: Relation, scope: Scope) -> Relation:
    """Return a pivoted table: its new columns depend on the columns that the pivot names."""
    inner = Scope(scope.context, scope.ctes, relations={"": relation}, rows=relation.rows)
    used = {scope.names.normalize(column.this) for column in pivot.find_all(exp.Column)}
    flows = [flow for name in sorted(used) if (flow := column_of(relation, name))]
    how = Flow(digest_of("pivot", pivot.sql(comments=False)))
    word = "UNPIVOT" if pivot.args.get("unpivot") else "PIVOT"
    doubt = frozenset({f"the columns that {word} makes are not known by name"})
    made = merged("pivot", [how, *flows, inner.rows.flow.as_deciding()])
    kept = {name: flow for name, flow in relation.columns.items() if name not in used}
    new = UnlistedColumns(flow=replace(made, doubts=made.doubts | doubt))
    others = [merged("kept", [one.flow]) for one in relation.unlisted if one.flow]
    rows = relation.rows.narrowed("pivot", [how, *flows, *kept.values(), *others])
    return Relation(kept, rows, (new,), doubts=relation.doubts)


def renamed(relation: Relation, alias: exp.TableAlias, names: NameRules) -> Relation:
    """Give the columns of a relation the names of `as t(a, b)`, by position."""
    given = [names.normalize(name) for name in alias.columns]
    if not given:
        return relation
    flows = list(relation.columns.values())
    if relation.unlisted:
        loose = next((one.flow for one in relation.unlisted if one.flow), None)
        filler = loose or replace(
            relation.rows.flow,
            doubts=relation.doubts
            | {"columns are named by position, and the table's are not known"},
        )
        flows = [filler] * len(given) if loose or not flows else flows
        flows += [filler] * (len(given) - len(flows))
    columns = dict(zip(given, flows, strict=False))
    kept = list(relation.columns.items())[len(given) :] if not relation.unlisted else []
    return replace(
        relation, columns=columns | dict(kept), unlisted=() if columns else relation.unlisted
    )
