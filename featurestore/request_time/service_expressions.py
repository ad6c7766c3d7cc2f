"""The on-demand features of a service as typed expressions, in the order in which they compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from featurestore.errors import ExpressionRefused
from featurestore.registry.definitions import FeatureService, OnDemandFeature
from featurestore.registry.service_names import in_order
from featurestore.request_time.expression import RequestExpression, parse_expression
from featurestore.values.types import DataType

__all__ = ["ServiceExpressions", "service_expressions", "typed_expressions"]


@dataclass(frozen=True, slots=True)
class ServiceExpressions:
    """What is known of a service's expressions.

    Attributes:
        parsed: The expressions whose types are known, each after those that it reads.
        refused: The errors of those that are wrong. One that reads a wrong one, or a feature of
            unknown type, is neither here nor there.
    """

    parsed: tuple[RequestExpression, ...]
    refused: tuple[ExpressionRefused, ...] = ()


def service_expressions(
    service: FeatureService, features: Mapping[str, DataType], dialect: str
) -> tuple[RequestExpression, ...]:
    """Return the on-demand features of a service, each after those that it reads.

    Args:
        service: The service, whose definition has no problem.
        features: The type that a value of each feature has outside of the warehouse, by every name
            that an expression reads; see `feature_names`.
        dialect: The dialect of the project's warehouse.

    Raises:
        ExpressionRefused: An expression has no known meaning for its types, or has another type
            than the declared one.
    """
    found = typed_expressions(service, features, dialect)
    for error in found.refused:
        raise ExpressionRefused(
            f"The service '{service.name}' ({service.path}): {error.message}", remedy=error.remedy
        )
    return found.parsed


def typed_expressions(
    service: FeatureService, features: Mapping[str, DataType], dialect: str
) -> ServiceExpressions:
    """Return a service's expressions as far as the types of the features are known."""
    types = {**features, **{field.name: field.data_type for field in service.request}}
    parsed: list[RequestExpression] = []
    refused: list[ExpressionRefused] = []
    for feature in in_order(service.on_demand):
        if not types.keys() >= {*feature.inputs}:
            continue
        try:
            found = _checked(feature, types, dialect)
        except ExpressionRefused as error:
            refused.append(error)
            continue
        types[feature.name] = found.data_type
        parsed.append(found)
    return ServiceExpressions(tuple(parsed), tuple(refused))


def _checked(
    feature: OnDemandFeature, types: Mapping[str, DataType], dialect: str
) -> RequestExpression:
    found = parse_expression(feature.name, feature.text, types, dialect)
    if feature.data_type is not None and feature.data_type != found.data_type:
        raise ExpressionRefused(
            f"on_demand '{feature.name}' is {found.data_type}, but is declared as"
            f" {feature.data_type}.",
            remedy=f"Correct its data_type, or cast the expression to {feature.data_type}.",
        )
    return found
