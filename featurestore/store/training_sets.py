"""Training sets and single values, from a caller's arguments to a checked request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featurestore.errors import EntityFrameError, PlanError
from featurestore.governance.personal_data import (
    Allowance,
    AllowPii,
    allowed_timestamps,
    granted,
    refuse_unallowed,
)
from featurestore.registry.definitions import FeatureRef, ServiceMember
from featurestore.registry.requested_features import requested
from featurestore.store.session import Session
from featurestore.values.byte_sizes import parse_bytes

if TYPE_CHECKING:
    import pyarrow as pa

    from featurestore.governance.across_models.personal_lineage import MarkOrigin
    from featurestore.training.entity_frame import EntityFrame
    from featurestore.training.request import Request
    from featurestore.training.training_job import TrainingJob
    from featurestore.training.training_options import TrainingOptions

__all__ = ["TrainingSets"]


class TrainingSets:
    """The part of a `FeatureStore` that reads history; the store documents it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def job(self, options: TrainingOptions) -> TrainingJob:
        """Return the checked job of a training set."""
        from featurestore.training.entity_frame import EntityFrame
        from featurestore.training.personal_entities import own_entities, screened_entities
        from featurestore.training.request import Request

        registry = self._session.registry
        given = None if options.entity_df is None else self._entity_frame(options)
        columns = {} if given is None else self._personal_columns(given)
        marked = {FeatureRef.parse(origin.reference) for origin in columns.values()}
        allowance = Allowance.of(registry, options.allow_pii, marked)
        asked = requested(options.features, options.feature_service)
        grant = granted(registry, *asked, allowance)
        # Without an entity frame and without steps, the instants are those of the views' rows.
        own_times = given is None and options.start is not None and options.every is None
        timed = grant.members if options.feature_timestamps or own_times else ()
        times = allowed_timestamps(registry, timed, allowance)
        if given is None:
            rows = EntityFrame(self._own_entities(grant.members, options), is_query=True)
            entities = own_entities(rows, registry, grant.members, allowance.names)
        else:
            keys = (member.key_names(registry.view(member.view)) for member in grant.members)
            needed = {options.event_timestamp, *(name for one in keys for name in one.values())}
            entities = screened_entities(given, columns, allowance.names, needed)
        request = Request(
            entity_frame=entities.frame,
            members=grant.members,
            event_timestamp=options.event_timestamp,
            full_feature_names=options.full_feature_names,
            feature_timestamps=options.feature_timestamps,
            as_known=options.as_known,
            strategy=options.strategy,
            personal_data=tuple(dict.fromkeys((*entities.personal, *times, *grant.personal))),
            withheld=tuple(dict.fromkeys((*entities.withheld, *grant.withheld))),
            service=None if asked[1] is None else registry.service(asked[1]),
        )
        return self._planned(request, _most_bytes(options.max_bytes))

    def check(self, card: Path) -> list[str]:
        """Return the differences between a card and the same request today."""
        from featurestore.training.card import Card, differences
        from featurestore.training.request import request_of

        then = Card.read(card)
        request = request_of(then, self._session.registry.dialect, self._rows_of)
        return differences(then, self._planned(request).card())

    def _rows_of(self, sql: str) -> pa.Table:
        with self._session.warehouse() as warehouse:
            return warehouse.stream(sql).read_all()

    def why(
        self,
        feature: str,
        keys: Mapping[str, Any],
        at: datetime,
        *,
        as_known: bool,
        limit: int,
        allow_pii: AllowPii,
    ) -> pa.Table:
        """Return the rows that one value could come from, each with its verdict."""
        from featurestore.training.verdicts import verdicts

        registry, reference = self._session.registry, FeatureRef.parse(feature)
        refuse_unallowed(registry, reference, allow_pii)
        view = registry.view(reference.view)
        return verdicts(
            view,
            reference.feature,
            keys,
            at,
            connect=self._session.warehouse,
            dialect=registry.dialect,
            as_known=as_known,
            limit=limit,
        )

    def _planned(self, request: Request, max_bytes: int | None = None) -> TrainingJob:
        from featurestore.training.training_job import TrainingJob

        session = self._session
        if session.declared_only:
            views = (session.registry.view(member.view) for member in request.members)
            session.declared_warehouse.require(view.relation for view in views)
        return TrainingJob(
            session.registry, session.warehouse, request, session.project, max_bytes=max_bytes
        )

    def _own_entities(self, members: Sequence[ServiceMember], options: TrainingOptions) -> str:
        """Return a query for the entities of the views themselves, at the instants asked for."""
        from featurestore.registry.warehouse_types import with_types
        from featurestore.sql.spines import Period, spine_of_views

        session, registry = self._session, self._session.registry
        period = Period.of(options.start, options.end, options.every, session.now())
        with session.warehouse() as warehouse:
            views = [with_types(registry.view(member.view), warehouse) for member in members]
        return spine_of_views(members, views, period, options.event_timestamp, registry.dialect)

    def _entity_frame(self, options: TrainingOptions) -> EntityFrame:
        from featurestore.training.entity_frame import read_entity_frame

        if (options.start, options.end, options.every) != (None, None, None):
            raise EntityFrameError(
                "`start`, `end` and `every` cannot be given with an entity frame, which has its"
                " own instants.",
                remedy="Leave out the entity frame, or the period.",
            )
        dialect = self._session.registry.dialect
        return read_entity_frame(options.entity_df, self._relation, dialect)

    def _personal_columns(self, frame: EntityFrame) -> dict[str, MarkOrigin]:
        """Return the personal columns of entity rows that the warehouse holds."""
        from featurestore.training.personal_entities import personal_columns

        session = self._session
        if frame.table is not None or not session.marks.personal:
            return {}
        with session.warehouse() as warehouse, session.personal_lineage() as lineage:
            names = warehouse.columns(frame.source, is_query=frame.is_query)
            return personal_columns(frame, names, lineage)

    def _relation(self, model: str) -> str:
        node = self._session.manifest.model(model)
        if node.relation_name is None:
            raise EntityFrameError(
                f"The model '{model}' is {node.config.materialized}, so it has no table.",
                remedy="Materialize it as table or view.",
            )
        return node.relation_name


def _most_bytes(given: int | str | None) -> int | None:
    try:
        found = parse_bytes(given) if isinstance(given, str) else given
    except ValueError as error:
        raise PlanError(f"max_bytes: {error}.") from None
    if found is not None and found < 0:
        raise PlanError(f"max_bytes must not be negative, got {found}.")
    return found
