"""FS008: a service that takes what it is to predict."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.linted_view import Found, LintedView
from featurestore.lint.query_blocks import Base, Origin, TraceStep, local
from featurestore.registry.definitions import FeatureService

__all__ = ["label_as_feature"]

_MOVES = (exp.Window, exp.AggFunc, exp.Query)


def label_as_feature(view: LintedView) -> Iterator[Found]:
    """Yield each feature that a service takes, and that is the service's label."""
    names = (view.view.name, view.view.name.partition(".v")[0])
    for service in view.services:
        model, _, label = service.label.lower().rpartition(".")
        for feature in _taken(service, names):
            where = f"service '{service.name}' is to predict {service.label}"
            if model in names and feature.lower() == label:
                yield Found(None, where, f"{view.view.name}:{feature}", service.path)
            elif (node := _copy(view, feature, model, label, names)) is not None:
                yield Found(node, f"{where}, of which '{feature}' is made")


def _taken(service: FeatureService, names: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(f for m in service.members if m.view in names for f in m.features))


def _copy(
    view: LintedView, feature: str, model: str, label: str, names: tuple[str, ...]
) -> exp.Expr | None:
    """Return the expression of a feature that is made of the label alone, in its own row."""
    origins = view.root.origins(feature.lower())
    sources = _straight(view, origins)
    if not sources:
        return None
    if model in names:
        wanted = _straight(view, view.root.origins(label))
        copied = bool(wanted) and sources <= wanted
    else:
        copied = all(b.table.rpartition(".")[2] == model and b.column == label for b in sources)
    steps = [origin for origin in origins if isinstance(origin, TraceStep)]
    return steps[0].expression if copied and steps else None


def _straight(view: LintedView, origins: list[Origin]) -> set[Base]:
    """Return the columns that a value is made of, nothing if other rows have a part in it."""
    steps = list(view.reach(origins))
    if any(isinstance(node, _MOVES) for step in steps for node in local(step.expression)):
        return set()
    return view.bases(origins)
