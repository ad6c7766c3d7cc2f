"""The columns of a SELECT, with `*` written out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from featurestore.lineage.flows import Flow, Relation, Rest, merged
from featurestore.lineage.scopes import Scope, column_of

__all__ = ["Selected", "selected"]


@dataclass
class Selected:
    """What a SELECT gives: columns in order, and where those come from that are not known."""

    columns: dict[str, Flow]
    rest: tuple[Rest, ...] = ()
    alternatives: bool = True

    def add(self, name: str, flow: Flow) -> None:
        """Add a column; a second one of a name is numbered, as warehouses do."""
        free, number = name, 0
        while free in self.columns:
            number += 1
            free = f"{name}_{number}"
        self.columns[free] = flow


def selected(items: Sequence[exp.Expr], scope: Scope) -> Selected:
    """Return what the expressions of a SELECT give."""
    found = Selected({})
    for number, item in enumerate(items):
        star = _star_of(item)
        if star is not None:
            _add_star(item, star, scope, found)
        elif any(item.find_all(exp.Columns)):
            found.rest = (*found.rest, _chosen_by_pattern(scope))
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
        return [scope.names.of(item.args["alias"])]
    if isinstance(item, exp.Aliases):
        return [scope.names.of(alias) for alias in item.aliases]
    if isinstance(item, exp.Column | exp.Dot):
        return [scope.names.of(item.parts[-1])]
    return [item.output_name.lower() or f"_{number}"]


def _chosen_by_pattern(scope: Scope) -> Rest:
    flows = [flow for relation in scope.relations.values() for flow in relation.columns.values()]
    flow = merged("columns", [*flows, scope.rows.flow])
    doubt = "COLUMNS(...) chooses columns by a pattern, which is not followed"
    return Rest(flow=replace(flow, doubts=flow.doubts | {doubt}))


def _add_star(item: exp.Expr, star: exp.Star, scope: Scope, found: Selected) -> None:
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
        found.rest += _hidden(relation.rest, changes, once)
        found.alternatives = relation.alternatives and found.alternatives
        for old, new in changes.names.items():
            if old not in relation.columns and (lost := column_of(relation, old)):
                found.add(new, lost)
    for name, flow in (*changes.replaced.items(), *_shared(item, scope, changes)):
        if found.rest and name not in found.columns:
            found.add(name, flow)


def _shared(item: exp.Expr, scope: Scope, changes: _Changes) -> Iterator[tuple[str, Flow]]:
    if isinstance(item, exp.Star):
        yield from ((n, flow) for n, flow in scope.shared.items() if n not in changes.hidden)


def _starred(item: exp.Expr, scope: Scope) -> list[Relation]:
    if isinstance(item, exp.Star):
        return list(scope.relations.values())
    path = (
        [scope.names.of(part) for part in item.parts[:-1]] if isinstance(item, exp.Column) else []
    )
    around: Scope | None = scope
    while around is not None:
        if path and path[-1] in around.relations:
            return [around.relations[path[-1]]]
        around = around.parent
    return []


def _hidden(rests: tuple[Rest, ...], changes: _Changes, once: set[str]) -> tuple[Rest, ...]:
    gone = changes.hidden | changes.names.keys() | changes.replaced.keys() | once
    return tuple(replace(rest, hidden=rest.hidden | gone) for rest in rests if not rest.loose)


@dataclass(frozen=True)
class _Changes:
    """What `* exclude (a) replace (b + 1 as b) rename (c as d)` does."""

    hidden: frozenset[str]
    replaced: Mapping[str, Flow]
    names: Mapping[str, str]

    @classmethod
    def of(cls, star: exp.Star, scope: Scope) -> _Changes:
        names = scope.names
        aliases = star.args.get("replace") or ()
        pairs = star.args.get("rename") or ()
        return cls(
            frozenset(names.of(_identifier(item)) for item in star.args.get("except_") or ()),
            {names.of(a.args["alias"]): scope.evaluate(a.this, scope) for a in aliases},
            {names.of(_identifier(p.this)): names.of(p.args["alias"]) for p in pairs},
        )


def _identifier(item: exp.Expr) -> exp.Expr:
    return item.this if isinstance(item, exp.Column) else item
