"""The on-demand features of a training set: typed, checked and inlined in its plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from featurestore.errors import EntityFrameError, NameCollision, did_you_mean
from featurestore.registry.definitions import FeatureService
from featurestore.registry.service_names import feature_names
from featurestore.sql.dialects import dialect_record
from featurestore.sql.exit_types import exit_type
from featurestore.sql.expressions import column
from featurestore.sql.on_demand import enriched_names, request_column
from featurestore.sql.plan import Computed, TrainingPlan, ViewJoin
from featurestore.values.types import DataType

__all__ = ["with_on_demand"]


def with_on_demand(plan: TrainingPlan, service: FeatureService | None) -> TrainingPlan:
    """Return the plan with the on-demand features of a service.

    Args:
        plan: The plan of the service's features, with all types known.
        service: The service; None for a request that names features.

    Raises:
        EntityFrameError: The entity rows lack a request field, or have it with another type.
        ExpressionRefused: An expression has no known meaning for its types.
        NameCollision: An on-demand feature has the name of another column.
    """
    if service is None:
        return plan
    inputs = {**_features(plan, service), **_request(plan, service)}
    if not service.on_demand:
        return plan
    # Only services with expressions pay for the import.
    from featurestore.request_time.inlining import inlined
    from featurestore.request_time.service_expressions import service_expressions

    _check_names(plan, service)
    nodes = {name: node for name, (node, _) in inputs.items()}
    nodes |= {feature.name: column(feature.name) for feature in service.on_demand}
    types = {name: data_type for name, (_, data_type) in inputs.items()}
    parsed = {each.name: each for each in service_expressions(service, types, plan.dialect)}
    computed = (
        Computed(
            feature.name,
            inlined(parsed[feature.name], nodes),
            parsed[feature.name].data_type,
            parsed[feature.name].inputs,
            feature.description,
        )
        for feature in service.on_demand
    )
    return replace(plan, on_demand=tuple(computed))


def _features(plan: TrainingPlan, service: FeatureService) -> dict[str, tuple[exp.Expr, DataType]]:
    """Return the column and the type of each feature, by every name that may mean it."""
    joins = {join.name: join for join in plan.joins}
    found: dict[str, tuple[exp.Expr, DataType]] = {}
    for name, (member, feature) in feature_names(service.members).items():
        join = joins[member.name]
        output = next(each for each in join.outputs if each.feature == feature)
        data_type = _types(join)[feature]
        if data_type is not None:
            found[name] = (column(output.name), exit_type(data_type, plan.dialect))
    return found


def _types(join: ViewJoin) -> Mapping[str, DataType | None]:
    return {feature.name: feature.data_type for feature in join.view.features}


def _request(plan: TrainingPlan, service: FeatureService) -> dict[str, tuple[exp.Expr, DataType]]:
    """Return the column of each request field in the type of the field."""
    spine = plan.spine
    found: dict[str, tuple[exp.Expr, DataType]] = {}
    for field in service.request:
        if field.name not in spine.own:
            raise EntityFrameError(
                f"The entity frame has no column '{field.name}', a request field of the service"
                f" '{service.name}'; it has {', '.join(map(repr, spine.own))}.",
                remedy=did_you_mean(field.name, spine.own)
                or f"Add the column '{field.name}' of the type {field.data_type}.",
            )
        node = request_column(field.name, spine.columns[field.name], field.data_type, plan.dialect)
        found[field.name] = (node, field.data_type)
    return found


def _check_names(plan: TrainingPlan, service: FeatureService) -> None:
    taken = {name.lower() for name in enriched_names(plan)}
    longest = dialect_record(plan.dialect).longest_name
    for feature in service.on_demand:
        if feature.name.lower() in taken:
            raise NameCollision(
                f"Two columns would be named '{feature.name}': the on-demand feature of the service"
                f" '{service.name}' and a column of the entity frame.",
                remedy="Rename or leave out the column of the entity frame.",
            )
        length = len(feature.name.encode())
        if longest is not None and length > longest:
            raise NameCollision(
                f"The on-demand feature '{feature.name}' has a name of {length} bytes; the"
                f" warehouse cuts names off after {longest}.",
                remedy="Give it a shorter name.",
            )
