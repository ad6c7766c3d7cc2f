"""What a service computes from each request: checked request fields, then on-demand features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featurestore.errors import EntityFrameError, OnlineStoreError, did_you_mean
from featurestore.governance.personal_data import PERSONAL_VALUE
from featurestore.online.key_values import is_null
from featurestore.online.online_types import logical_type, online_type
from featurestore.online.read_plan import ViewPlan
from featurestore.online.response import Status
from featurestore.registry.definitions import FeatureService, RequestField
from featurestore.registry.service_names import feature_names
from featurestore.sql.dialects import dialect_record
from featurestore.values.key_rules import KeyRule
from featurestore.values.request_values import request_rule
from featurestore.values.types import DataType, Kind

if TYPE_CHECKING:
    from featurestore.request_time.expression import RequestExpression

__all__ = ["Answer", "RequestPlan", "plan_request"]

_BROKEN = frozenset({Status.DAMAGED, Status.ERROR})
"""The statuses of an input that make the result an ERROR: its value is not known."""
_PRESENT, _NULL, _ERROR = Status.PRESENT, Status.NULL, Status.ERROR
_REFUSED = (TypeError, ValueError, KeyError, ArithmeticError)


@dataclass(slots=True)
class Answer:
    """The columns of a response as they are built up.

    Attributes:
        values: The values by name.
        statuses: The statuses of the columns with a value that is not PRESENT.
        reasons: The reasons of the columns with a value that has one.
    """

    values: dict[str, list[Any]]
    statuses: dict[str, list[Status]]
    reasons: dict[str, list[str | None]]


@dataclass(frozen=True, slots=True)
class OnDemandStep:
    """One on-demand feature, compiled.

    Attributes:
        name: Its name.
        run: Computes its column from the columns of its inputs and their length.
        sources: The name of each input in the answer, by its name in the expression; request
            fields are not among them, for their values are all there.
        leave: Converts a value to the type that it has in the answer; None if that is its own.
    """

    name: str
    run: Callable[[Mapping[str, Sequence[Any]], int], list[Any]]
    sources: Mapping[str, str]
    leave: Callable[[Any], Any] | None

    def add(self, inputs: dict[str, Sequence[Any]], answer: Answer, count: int) -> list[Any]:
        """Add the feature to an answer; return its column before `leave`, for later features."""
        found = self.run(inputs, count)
        reasons: list[str | None] = [getattr(value, "reason", None) for value in found]
        for name, source in self.sources.items():
            for place, status in enumerate(answer.statuses.get(source, ())):
                if status in _BROKEN:
                    own = answer.reasons.get(source, [None] * count)[place]
                    reasons[place] = f"its input '{name}' is {status}" + (f": {own}" if own else "")
        if any(reasons):
            found = [None if why else x for x, why in zip(found, reasons, strict=True)]
            answer.reasons[self.name] = reasons
        if None in found:
            answer.statuses[self.name] = [
                _ERROR if why else _NULL if value is None else _PRESENT
                for value, why in zip(found, reasons, strict=True)
            ]
        answer.values[self.name] = found if self.leave is None else [*map(self.leave, found)]
        return found


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """What a service computes from each request.

    Attributes:
        fields: The request fields, each with the rule for its values.
        features: The name of each feature in the answer, by the names that expressions use.
        steps: The on-demand features in the order in which they compute.
        types: The published type of each, in the order of the declaration.
    """

    fields: tuple[tuple[RequestField, KeyRule], ...]
    features: Mapping[str, str]
    steps: tuple[OnDemandStep, ...]
    types: Mapping[str, str]

    def extend(self, columns: Mapping[str, Sequence[Any]], answer: Answer, count: int) -> None:
        """Check the request fields in the entity rows, and add the on-demand features to an answer.

        Raises:
            EntityFrameError: A value is not of the type of its field.
        """
        inputs: dict[str, Sequence[Any]] = {
            field.name: _typed(field, rule, columns.get(field.name, ()))
            for field, rule in self.fields
        }
        inputs |= {name: answer.values[source] for name, source in self.features.items()}
        for step in self.steps:
            inputs[step.name] = step.add(inputs, answer, count)
        for name in self.types:
            # In the order of the declaration, in which a training set has them too.
            answer.values[name] = answer.values.pop(name)


def _typed(field: RequestField, rule: KeyRule, values: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for place, value in enumerate(values):
        # A NaN is a value of a float field.
        if value is None or (not isinstance(value, float) and is_null(value)):
            found.append(None)
            continue
        try:
            found.append(rule(value))
        except _REFUSED:
            shown = PERSONAL_VALUE if field.pii else repr(value)
            raise EntityFrameError(
                f"The value {shown} of the request field '{field.name}' in entity row {place} is"
                f" not a valid {field.data_type}.",
                remedy=f"Pass it as {field.data_type}, the type that the service declares.",
            ) from None
    return found


def plan_request(
    service: FeatureService,
    views: Sequence[ViewPlan],
    columns: Sequence[str] | None,
    dialect: str,
) -> RequestPlan:
    """Return the plan of a service's request fields and on-demand features.

    Args:
        service: The service.
        views: The reads of its members, in their order.
        columns: The names of the entity rows' columns; None without entity rows.
        dialect: The dialect of the project's warehouse.

    Raises:
        EntityFrameError: The entity rows lack a request field.
        ExpressionRefused: An expression has no known meaning for the published types.
        OnlineStoreError: An expression reads a feature that is not published.
    """
    for field in service.request:
        if columns is not None and field.name not in columns:
            raise EntityFrameError(
                f"The entity rows have no '{field.name}', a request field of the service"
                f" '{service.name}'; they have {', '.join(columns) or 'no columns'}.",
                remedy=did_you_mean(field.name, columns)
                or f"Add '{field.name}' ({field.data_type}) to each row.",
            )
    features = _names(service, views)
    parsed = _parsed(service, features, views, dialect)
    steps = tuple(_step(each, features, dialect) for each in parsed)
    types = {each.name: _published(_outside(each.data_type, dialect)) for each in parsed}
    declared = {feature.name: types[feature.name] for feature in service.on_demand}
    fields = tuple((field, request_rule(field.data_type)) for field in service.request)
    return RequestPlan(fields, features, steps, declared)


def _names(service: FeatureService, views: Sequence[ViewPlan]) -> dict[str, str]:
    """Return the name in the answer of each feature that an expression reads."""
    used = {name for feature in service.on_demand for name in feature.inputs}
    plans = {member.name: plan for member, plan in zip(service.members, views, strict=True)}
    found = {}
    for name, (member, feature) in feature_names(service.members).items():
        if name in used:
            plan = plans[member.name]
            place = next(n for n, (wanted, _) in enumerate(plan.wanted) if wanted == feature)
            found[name] = plan.names[place]
    return found


def _parsed(
    service: FeatureService, features: Mapping[str, str], views: Sequence[ViewPlan], dialect: str
) -> tuple[RequestExpression, ...]:
    if not service.on_demand:
        return ()
    # Only services with expressions pay for the import.
    from featurestore.request_time.service_expressions import service_expressions

    kinds: dict[str, str] = {}
    for view in views:
        kinds |= view.types
    types = {name: _expression_type(kinds[source]) for name, source in features.items()}
    for name, data_type in types.items():
        if data_type.kind is Kind.NULL:
            raise OnlineStoreError(
                f"The feature '{name}' is not published, so the service '{service.name}' cannot"
                " compute with it.",
                remedy="Run `featurestore sync`.",
            )
    return service_expressions(service, types, dialect)


def _expression_type(kind: str) -> DataType:
    if kind == "null":
        return DataType(Kind.NULL)
    return DataType(Kind.ARRAY) if online_type(kind).element else logical_type(kind)


def _outside(data_type: DataType, dialect: str) -> DataType:
    """Return the type that values of a type have outside of the warehouse."""
    found = dialect_record(dialect).exits.get(data_type.variant)
    return found.data_type if found else data_type


def _step(expression: RequestExpression, features: Mapping[str, str], dialect: str) -> OnDemandStep:
    from featurestore.request_time.compiler import compile_expression

    return OnDemandStep(
        expression.name,
        compile_expression(expression),
        {name: features.get(name, name) for name in expression.inputs},
        _float if _is_rounded(expression.data_type, dialect) else None,
    )


def _is_rounded(data_type: DataType, dialect: str) -> bool:
    """Return whether a decimal leaves the warehouse as a float: PostgreSQL's has any digits."""
    return data_type.kind is Kind.DECIMAL and _outside(data_type, dialect).family == "float"


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _published(data_type: DataType) -> str:
    """Return the name of a published type.

    >>> _published(DataType(Kind.TIMESTAMP)), _published(DataType(Kind.BOOLEAN))
    ('timestamp[us]', 'bool')
    """
    if data_type.family == "timestamp":
        return f"{data_type.kind}[us]"
    return "bool" if data_type.kind is Kind.BOOLEAN else str(data_type)
