"""The tools for agents: each has a typed input, a structured output, and changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from featurestore.errors import FeatureStoreError
from featurestore.serve.agent_answers import (
    CatalogMatches,
    CurrentValues,
    DefinitionAnswer,
    DependentsAnswer,
    ServiceUses,
    TrainingStatement,
    UpstreamAnswer,
    ValueReasons,
    clipped,
)
from featurestore.serve.agent_catalog import search_catalog, shown_definition, uses_of
from featurestore.serve.agent_lineage import dependents_answer, upstream_answer
from featurestore.serve.agent_project import AgentProject
from featurestore.serve.agent_scope import AgentScope
from featurestore.serve.agent_values import current_values, training_statement, why_value
from featurestore.serve.callers import CALLER
from featurestore.serve.grants import EVERYTHING, Grant

__all__ = ["AgentTools"]

_LOG = logging.getLogger(__name__)
_ERROR_LENGTH = 4_000

_Limit = Annotated[int, Field(ge=1, le=100, description="The greatest number of results.")]
_LongLimit = Annotated[int, Field(ge=1, le=500, description="The greatest number of results.")]
_Words = Annotated[str, Field(max_length=200, description="Words; empty for all definitions.")]
_Kind = Literal["any", "view", "feature", "on-demand feature", "service"]
_Name = Annotated[
    str, Field(description="A view, `view:feature`, a service, `service:feature` or an entity.")
]
_Used = Annotated[str, Field(description="A view or `view:feature`.")]
_Traced = Annotated[str, Field(description="`view:feature`, a view, or a service's own feature.")]
_Column = Annotated[
    str, Field(description="`view:feature`, `model.column` or `source.table.column`.")
]
_Indirect = Annotated[bool, Field(description="Also follow filters, joins, groups and windows.")]
_References = Annotated[
    list[str] | None, Field(description="`view:feature` or `view:*`; instead of `service`.")
]
_Service = Annotated[str | None, Field(description="A feature service; instead of `features`.")]
_Entities = Annotated[
    list[dict[str, Any]],
    Field(description="One object of join keys and request fields per entity, at most 100."),
]
_Keys = Annotated[dict[str, Any], Field(description="The join keys of one entity, by name.")]
_Moment = Annotated[str, Field(description="The instant, such as 2013-12-01T12:00; in UTC.")]
_Table = Annotated[
    str,
    Field(description="`ref:<dbt model>` or a table: one row per example; never a query."),
]
_AsKnown = Annotated[
    bool, Field(description="Leave out rows written after the instant, so no backfill leaks.")
]
_FullNames = Annotated[bool, Field(description="Name the columns `view__feature`.")]


class AgentTools:
    """The tools of one project.

    The docstring of a tool is its description: it tells an agent when to use it.

    Args:
        project: The project.
    """

    def __init__(self, project: AgentProject) -> None:
        self._project = project

    def all(self) -> tuple[Callable[..., Any], ...]:
        """Return the tools."""
        return (
            self.search_features,
            self.show_definition,
            self.who_uses,
            self.trace_upstream,
            self.find_dependents,
            self.write_training_sql,
            self.read_current_values,
            self.explain_value,
        )

    @contextmanager
    def _asked(self, context: Context) -> Iterator[AgentScope]:
        """Return what the caller may see; turn errors into those that an agent can read."""
        try:
            with self._project.current() as project:
                yield AgentScope(project, _grant_of(context))
        except FeatureStoreError as error:
            raise ToolError(clipped(str(error), _ERROR_LENGTH)) from None
        except Exception:  # noqa: BLE001, an agent must not see the text of a bug
            _LOG.exception("A tool failed.")
            raise ToolError("The server failed. Its log has the reason.") from None

    def search_features(
        self, context: Context, words: _Words = "", kind: _Kind = "any", limit: _Limit = 20
    ) -> CatalogMatches:
        """Find feature views, features and feature services by words of their documentation.

        Start here, before you write SQL of your own: the feature that you need may exist. The words
        are searched in names, descriptions, tags, owners and entities.
        """
        with self._asked(context) as scope:
            return search_catalog(scope, words, kind, limit)

    def show_definition(
        self, name: _Name, context: Context, limit: _LongLimit = 100
    ) -> DefinitionAnswer:
        """Show one feature view, feature, service or entity: types, join keys, ttl, owner, uses.

        Use it after a search, and before you ask for values: it says which keys an entity needs.
        """
        with self._asked(context) as scope:
            return shown_definition(scope, name, limit)

    def who_uses(self, name: _Used, context: Context, limit: _Limit = 50) -> ServiceUses:
        """List the feature services, which are machine learning models, that use a view or feature.

        Use it to learn whom to ask before a feature changes.
        """
        with self._asked(context) as scope:
            return uses_of(scope, name, limit)

    def trace_upstream(
        self, name: _Traced, context: Context, indirect: _Indirect = False, limit: _LongLimit = 100
    ) -> UpstreamAnswer:
        """Trace a feature back to the raw columns from which it is computed.

        Use it to learn where a feature comes from, or to find the cause of wrong values.
        """
        with self._asked(context) as scope:
            return upstream_answer(scope, name, limit, indirect=indirect)

    def find_dependents(
        self,
        column: _Column,
        context: Context,
        indirect: _Indirect = False,
        limit: _LongLimit = 100,
    ) -> DependentsAnswer:
        """Find the features, keys, labels and services that depend on a column.

        Use it before a column of a source or a model changes or is removed.
        """
        with self._asked(context) as scope:
            return dependents_answer(scope, column, limit, indirect=indirect)

    def write_training_sql(
        self,
        entity_table: _Table,
        context: Context,
        *,
        features: _References = None,
        service: _Service = None,
        event_timestamp: Annotated[
            str, Field(description="The table's column with the instant of each row.")
        ] = "event_timestamp",
        as_known: _AsKnown = False,
        full_feature_names: _FullNames = False,
    ) -> TrainingStatement:
        """Write the SQL that adds features to a table, each as it was known at the row's instant.

        Use it for any question about features over time, and for training sets: a join of your own
        would take values from the future. The statement is returned and not executed. The table
        needs the join keys and an event timestamp.
        """
        options = {
            "event_timestamp": event_timestamp,
            "as_known": as_known,
            "full_feature_names": full_feature_names,
        }
        with self._asked(context) as scope:
            return training_statement(scope, features, service, entity_table, options)

    def read_current_values(
        self,
        entities: _Entities,
        context: Context,
        features: _References = None,
        service: _Service = None,
        full_feature_names: _FullNames = False,
    ) -> CurrentValues:
        """Read the newest values of features for some entities from the online store.

        Use it to see what a model gets now. Statuses say why a value is null: NULL, NOT_FOUND,
        EXPIRED, ERROR or DAMAGED. Features with personal data are refused.
        """
        with self._asked(context) as scope:
            return current_values(
                scope, features, service, entities, full_feature_names=full_feature_names
            )

    def explain_value(
        self,
        feature: Annotated[str, Field(description="`view:feature`.")],
        keys: _Keys,
        at: _Moment,
        context: Context,
        *,
        as_known: _AsKnown = False,
        limit: _Limit = 20,
    ) -> ValueReasons:
        """Explain one value at an instant: the row it is from, and why each other row was rejected.

        Use it when a value looks wrong, late or missing. It reads the warehouse. Features with
        personal data are refused.
        """
        with self._asked(context) as scope:
            return why_value(scope, feature, keys, at, limit, as_known=as_known)


def _grant_of(context: Context) -> Grant:
    """Return the rights of the caller: by HTTP those of its token, on stdio those of the user."""
    request: Any = context.request_context.request
    if request is None:
        return EVERYTHING
    grant: Grant = request.scope[CALLER].grant
    return grant
