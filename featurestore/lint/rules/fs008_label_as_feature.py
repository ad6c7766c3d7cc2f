"""FS008: a service that takes its own label as a feature."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.column_trace import steps_behind, table_columns_behind
from featurestore.lint.linted_view import LintedView
from featurestore.lint.query_blocks import Origin, TableColumn, TraceStep
from featurestore.lint.rule import Finding, Rule
from featurestore.registry.definitions import FeatureService

__all__ = ["RULE"]

_TAKES_OTHER_ROWS = (exp.Window, exp.AggFunc, exp.Query)


def _labels_as_features(view: LintedView) -> Iterator[Finding]:
    names = (view.view.name, view.view.name.partition(".v")[0])
    for service in view.services:
        model, _, label = service.label.lower().rpartition(".")
        for feature in _taken(service, names):
            where = f"service '{service.name}' predicts {service.label}"
            if model in names and feature.lower() == label:
                yield Finding(None, where, f"{view.view.name}:{feature}", service.path)
            elif (node := _copy_of_label(view, feature, model, label, names)) is not None:
                yield Finding(node, f"{where}, and '{feature}' is computed from it")


def _taken(service: FeatureService, names: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(f for m in service.members if m.view in names for f in m.features))


def _copy_of_label(
    view: LintedView, feature: str, model: str, label: str, names: tuple[str, ...]
) -> exp.Expr | None:
    """Return the expression of a feature that is computed from the label of its own row alone."""
    origins = view.root.origins(feature.lower())
    inputs = _same_row_inputs(origins)
    if not inputs:
        return None
    if model in names:
        of_label = _same_row_inputs(view.root.origins(label))
        copied = bool(of_label) and inputs <= of_label
    else:
        copied = all(i.table.rpartition(".")[2] == model and i.column == label for i in inputs)
    steps = [origin for origin in origins if isinstance(origin, TraceStep)]
    return steps[0].expression if copied and steps else None


def _same_row_inputs(origins: list[Origin]) -> set[TableColumn]:
    """Return the columns that feed a value; empty if rows other than its own do."""
    nodes = (node for step in steps_behind(origins) for node in step.block.nodes(step.expression))
    if any(isinstance(node, _TAKES_OTHER_ROWS) for node in nodes):
        return set()
    return table_columns_behind(origins)


RULE = Rule(
    code="FS008",
    name="label-as-feature",
    severity="error",
    message="the label of a service is one of its features",
    remedy="Take it out of the service's features.",
    description="""
A model that is shown its answer learns nothing else.
The rule fires if a service takes its own label, or a column that is computed from the label alone
in the label's own row.
""",
    bad="""
-- label: order_features.is_returned
select customer_id, ordered_at, amount, status = 'returned' as is_returned
from orders
""",
    good="""
-- label: return_labels.is_returned
select customer_id, ordered_at, amount
from orders
""",
    check=_labels_as_features,
)
