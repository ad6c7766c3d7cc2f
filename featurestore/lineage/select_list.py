"""The columns of a SELECT, with `*` written out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from featurestore.lineage.flows import Flow, Relation, UnlistedColumns, merged
from featurestore.lineage.scopes import Scope, column_of

__all__ = ["SelectedColumns", "selected_columns"]


@dataclass
class SelectedColumns:
    """The result columns of a SELECT.

    Attributes:
        columns: The inputs of each known column, in order.
        unlisted: The sources of columns with unknown names.
        alternatives: Whether an unlisted column comes from one of the sources.
    """

    columns: dict[str, Flow]
    unlisted: tuple[UnlistedColumns, ...] = ()
    alternatives: bool = True

    def add(self, name: str, flow: Flow) -> None:
        """Add a column; a second column of one name gets a number, as in warehouses."""
        free, number = name, 0
        while free in self.columns:
            number += 1
            free = f"{name}_{number}"
        self.columns[free] = flow


def selected_columns(items: Sequence[exp.Expr], scope: Scope) -> SelectedColumns:
    """Return the result columns of a SELECT.

    Args:
        items: Its expressions.
        scope: The meaning of the names in them.
    """
    found = SelectedColumns({})
    for number, item in enumerate(items):
        star = _star_of(item)
        if star is not None:
            _add_star(item, star, scope, found)
        elif any(item.find_all(exp.Columns)):
            found.unlisted = (*found.unlisted, _chosen_by_pattern(scope))
        else:
            flow = scope.evaluate(item, scope)
            for name in _names(item, number, scope):
                found.add(name, flow)
    return found


def _star_of(item: exp.Expr) -> exp.Star | None:
    if isinstance(item, exp.Column):
        item = item.this
    return item if isinstance(item, exp.Star) else None


def _names(item: exp.Expr, number: int, scope: Scope) -> list[str]:
    if isinstance(item, exp.Alias):
        return [scope.names.normalize(item.args["alias"])]
    if isinstance(item, exp.Aliases):
        return [scope.names.normalize(alias) for alias in item.aliases]
    if isinstance(item, exp.Column | exp.Dot):
        return [scope.names.normalize(item.parts[-1])]
    return [item.output_name.lower() or f"_{number}"]


def _chosen_by_pattern(scope: Scope) -> UnlistedColumns:
    flows = [flow for relation in scope.relations.values() for flow in relation.columns.values()]
    flow = merged("columns", [*flows, scope.rows.flow])
    doubt = "COLUMNS(...) chooses columns by a pattern, which is not followed"
    return UnlistedColumns(flow=replace(flow, doubts=flow.doubts | {doubt}))


def _add_star(item: exp.Expr, star: exp.Star, scope: Scope, found: SelectedColumns) -> None:
    changes = _Changes.of(star, scope)
    once: set[str] = set()
    for relation in _starred(item, scope):
        shared = scope.shared if isinstance(item, exp.Star) else {}
        for name, flow in relation.columns.items():
            if name in changes.hidden or name in once:
                continue
            once |= {name} & set(shared)
            shown = changes.replaced.get(name) or shared.get(name) or flow
            found.add(changes.names.get(name, name), shown)
        found.unlisted += _hidden(relation.unlisted, changes, once)
        found.alternatives = relation.alternatives and found.alternatives
        for old, new in changes.names.items():
            if old not in relation.columns and (lost := column_of(relation, old)):
                found.add(new, lost)
    for name, flow in (*changes.replaced.items(), *_shared(item, scope, changes)):
        if found.unlisted and name not in found.columns:
            found.add(name, flow)


def _shared(item: exp.Expr, scope: Scope, changes: _Changes) -> Iterator[tuple[str, Flow]]:
    if isinstance(item, exp.Star):
        yield from ((n, flow) for n, flow in scope.shared.items() if n not in changes.hidden)


def _starred(item: exp.Expr, scope: Scope) -> list[Relation]:
    if isinstance(item, exp.Star):
        return list(scope.relations.values())
    path = (
        [scope.names.normalize(part) for part in item.parts[:-1]]
        if isinstance(item, exp.Column)
        else []
    )
    around: Scope | None = scope
    while around is not None:
        if path and path[-1] in around.relations:
            return [around.relations[path[-1]]]
        around = around.parent
    return []


def _hidden(
    unlisted: tuple[UnlistedColumns, ...], changes: _Changes, once: set[str]
) -> tuple[UnlistedColumns, ...]:
    gone = changes.hidden | changes.names.keys() | changes.replaced.keys() | once
    return tuple(replace(one, hidden=one.hidden | gone) for one in unlisted if not one.loose)


@dataclass(frozen=True)
class _Changes:
    """The changes that `* exclude (a) replace (b + 1 as b) rename (c as d)` makes."""

    hidden: frozenset[str]
    replaced: Mapping[str, Flow]
    names: Mapping[str, str]

    @classmethod
    def of(cls, star: exp.Star, scope: Scope) -> _Changes:
        names = scope.names
        aliases = star.args.get("replace") or ()
        pairs = star.args.get("rename") or ()
        return cls(
            frozenset(
                names.normalize(_identifier(item)) for item in star.args.get("except_") or ()
            ),
            {names.normalize(a.args["alias"]): scope.evaluate(a.this, scope) for a in aliases},
            {names.normalize(_identifier(p.this)): names.normalize(p.args["alias"]) for p in pairs},
        )


def _identifier(item: exp.Expr) -> exp.Expr:
    return item.this if isinstance(item, exp.Column) else item
