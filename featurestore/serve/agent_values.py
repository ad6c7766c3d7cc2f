"""Values and statements for agents: current values, why a value, the SQL of a training set."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from featurestore.errors import (
    EntityFrameError,
    FeatureStoreError,
    MissingExtra,
    ProfileError,
    UnknownModel,
    WarehouseError,
    WarehouseUnavailable,
)
from featurestore.registry.definitions import FeatureRef
from featurestore.serve.agent_answers import CurrentValues, TrainingStatement, ValueReasons, at_most
from featurestore.serve.agent_lineage import known_columns
from featurestore.serve.agent_scope import AgentScope
from featurestore.serve.json_values import json_values, shown_statuses
from featurestore.store.feature_store import FeatureStore
from featurestore.values.far_instants import python_rows
from featurestore.values.parsing import moment

__all__ = ["MOST_ENTITIES", "MOST_VALUES", "current_values", "training_statement", "why_value"]

MOST_ENTITIES = 100
"""The entity rows of one answer."""
MOST_VALUES = 5_000
"""The values of one answer."""
_CHARACTERS = 100_000
"""The length of one statement."""
_TABLE = re.compile(r"""ref:\s*[\w.]+|[^\s;()'\\]+""")


def current_values(
    scope: AgentScope,
    features: Sequence[str] | None,
    service: str | None,
    entities: Sequence[Mapping[str, Any]],
    *,
    full_feature_names: bool,
) -> CurrentValues:
    """Return the newest values of some entities from the online store.

    Raises:
        FeatureStoreError: A name is unknown, the request takes personal data or too many values, or
            Redis does not answer.
    """
    scope.check(features, service)
    rows = list(entities) or [{}]
    _refuse_too_many(scope, features, service, len(rows))
    hidden = [] if service is None else scope.hidden_views_of(service)
    if hidden and full_feature_names:
        raise FeatureStoreError(
            f"The full names of the service '{service}' have views that the token may not see.",
            remedy="Ask without `full_feature_names`.",
        )
    times = scope.allows_times(features, service)
    with scope.without_hidden_names(service):
        response = scope.project.store.get_online_features(
            features,
            rows,
            feature_service=service,
            full_feature_names=full_feature_names,
            feature_timestamps=times,
        )
    stamps = response.event_timestamps if times else {}
    shown = {name.removesuffix("__event_timestamp"): stamps[name] for name in stamps}
    if hidden:
        # Their keys are the names of views.
        shown = {}
    return CurrentValues(
        values=_plain(json_values(response)),
        statuses=_plain(shown_statuses(response)),
        event_timestamps=_plain(shown),
    )


def _refuse_too_many(
    scope: AgentScope, features: Sequence[str] | None, service: str | None, rows: int
) -> None:
    members = scope.project.registry.members(features, service)
    width = sum(len(member.features) for member in members)
    if rows > MOST_ENTITIES or rows * width > MOST_VALUES:
        raise EntityFrameError(
            f"The request has {rows} entities and {width} features; one answer has at most"
            f" {MOST_ENTITIES} entities and {MOST_VALUES} values.",
            remedy="Ask in parts, or for fewer features.",
        )


def why_value(
    scope: AgentScope,
    feature: str,
    keys: Mapping[str, Any],
    at: str,
    limit: int,
    *,
    as_known: bool,
) -> ValueReasons:
    """Return the row that a value is from, and why each other row was rejected.

    Raises:
        FeatureStoreError: A name or the time is wrong, the feature or a timestamp beside it is
            personal data, or the warehouse cannot be read.
    """
    scope.visible.feature(FeatureRef.parse(feature))
    scope.check([feature], None, timestamps=True)
    # One row more than asked for, to know whether more exist.
    table = scope.project.store.why(feature, keys, moment(at), as_known=as_known, limit=limit + 1)
    rows = python_rows(table.slice(0, limit))
    if table.num_rows > limit:
        note = f"These are the {limit} rows nearest to that instant. Raise `limit` for more."
    else:
        note = "" if rows else "The view has no row of this entity, so the value is NULL."
    return ValueReasons(rows=_plain(rows), note=note)


def training_statement(
    scope: AgentScope,
    features: Sequence[str] | None,
    service: str | None,
    entity_table: str,
    options: Mapping[str, Any],
) -> TrainingStatement:
    """Return the SQL that joins features to a table as they were known at each row's instant.

    Nothing is executed. The types are those that dbt's files declare; if they do not suffice, those
    that the warehouse's catalog has.

    Raises:
        FeatureStoreError: A name is unknown, the request takes personal data, or the statement
            cannot be written.
    """
    scope.check(features, service, timestamps=bool(options.get("feature_timestamps")))
    _refuse_hidden_tables(scope, service)
    table = _table(scope, entity_table)
    sql = _written(scope, lambda store: _statement(store, table, features, service, options))
    if len(sql) > _CHARACTERS:
        note = at_most(len(sql), _CHARACTERS, "Ask for fewer features.")
        raise FeatureStoreError(f"The statement is too long for an answer. {note}")
    return TrainingStatement(sql=sql, dialect=scope.project.registry.dialect)


def _statement(
    store: FeatureStore,
    table: str,
    features: Sequence[str] | None,
    service: str | None,
    options: Mapping[str, Any],
) -> str:
    asked = None if features is None else list(features)
    job = store.get_historical_features(table, asked, feature_service=service, **options)
    return job.to_sql()


def _written(scope: AgentScope, write: Any) -> str:
    try:
        found: str = write(scope.project.declared)
    except WarehouseError as undeclared:
        try:
            found = write(scope.project.store)
        except (MissingExtra, ProfileError, WarehouseUnavailable):
            raise undeclared from None
    return found


def _refuse_hidden_tables(scope: AgentScope, service: str | None) -> None:
    if service is not None and scope.hidden_views_of(service):
        raise FeatureStoreError(
            f"The SQL of the service '{service}' reads views that the token may not see.",
            remedy="Use a token for its views, or ask for its current values.",
        )


def _table(scope: AgentScope, name: str) -> str:
    """Return an entity table that the caller may name; never a query."""
    text = name.strip()
    if not _TABLE.fullmatch(text):
        raise EntityFrameError(
            f"'{text[:60]}' is not a table.",
            remedy="Write `ref:<dbt model>`, or the name of a table; a query is not accepted.",
        )
    if scope.sees_all:
        return text
    # Its SQL names all columns of the table, so a limited caller gets only tables it may know.
    nodes = {column.node for column in known_columns(scope)}
    manifest = scope.project.store.manifest
    known = [model for model, node in manifest.model_ids.items() if node in nodes]
    model = text.removeprefix("ref:").strip()
    if model not in known:
        raise UnknownModel(model, known)
    return f"ref:{model}"


def _plain(value: Any) -> Any:
    """Return values as JSON has them: NaN is null, an instant is a text."""
    return msgspec.json.decode(msgspec.json.encode(value, enc_hook=str))
