"""The on-demand features of a service as typed expressions, in the order in which they compute."""

from __future__ import annotations

from collections.abc import Mapping

from featurestore.errors import ExpressionRefused
from featurestore.registry.definitions import FeatureService
from featurestore.registry.service_names import in_order
from featurestore.request_time.expression import RequestExpression, parse_expression
from featurestore.values.types import DataType

__all__ = ["service_expressions"]


def service_expressions(
    service: FeatureService, features: Mapping[str, DataType], dialect: str
) -> tuple[RequestExpression, ...]:
    """Return the on-demand features of a service, each after those that it reads.

    Args:
        service: The service, whose definition has no problem.
        features: The type that a value of each feature has outside of the warehouse, by every name
            that an expression may use; see `feature_names`.
        dialect: The dialect of the project's warehouse.

    Raises:
        ExpressionRefused: An expression has no known meaning for its types, or has another type
            than the declared one.
    """
    types = {**features, **{field.name: field.data_type for field in service.request}}
    found = []
    for feature in in_order(service.on_demand):
        try:
            parsed = parse_expression(feature.name, feature.text, types, dialect)
        except ExpressionRefused as error:
            raise ExpressionRefused(
                f"{_where(service)}: {error.message}", remedy=error.remedy
            ) from None
        if feature.data_type is not None and feature.data_type != parsed.data_type:
            raise ExpressionRefused(
                f"{_where(service)}: on_demand '{feature.name}' is {parsed.data_type}, but is"
                f" declared as {feature.data_type}.",
                remedy=f"Correct its data_type, or cast the expression to {feature.data_type}.",
            )
        types[feature.name] = parsed.data_type
        found.append(parsed)
    return tuple(found)


def _where(service: FeatureService) -> str:
    return f"The service '{service.name}' ({service.path})"
