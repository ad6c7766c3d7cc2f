"""The request of a training set, as a value that a card keeps and that can be repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featurestore.errors import EntityFrameError
from featurestore.registry.definitions import FeatureService, ServiceMember
from featurestore.sql.dialects import render
from featurestore.sql.expressions import column
from featurestore.training.card import Card
from featurestore.training.card_service import card_service, service_of_card
from featurestore.training.entity_frame import EntityFrame, read_entity_frame

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Request", "request_of"]


@dataclass(frozen=True, slots=True)
class Request:
    """A resolved request for a training set; see `FeatureStore.get_historical_features`.

    Attributes:
        entity_frame: The rows to enrich.
        members: The features to take of each view.
        event_timestamp: The column of the entity frame that holds the time of each row.
        full_feature_names: Whether columns are named `view__feature`.
        feature_timestamps: Whether each view's event timestamp is added.
        as_known: Whether rows that were written after the entity row's instant are left out.
        strategy: The shape of join that the caller insists on.
        personal_data: The personal data that the caller allowed and that is included.
        withheld: The personal data that a `*` left out.
        service: The service whose request fields and on-demand features the rows have; None for a
            request that names features.
    """

    entity_frame: EntityFrame
    members: Sequence[ServiceMember]
    event_timestamp: str = "event_timestamp"
    full_feature_names: bool = False
    feature_timestamps: bool = False
    as_known: bool = False
    strategy: str | None = None
    personal_data: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    service: FeatureService | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the request as plain values; `entities` is None for a data frame."""
        frame = self.entity_frame
        return {
            "entities": frame.source if frame.table is None else None,
            "is_query": frame.is_query,
            "left_out": list(frame.left_out),
            "members": [asdict(member) for member in self.members],
            "event_timestamp": self.event_timestamp,
            "full_feature_names": self.full_feature_names,
            "feature_timestamps": self.feature_timestamps,
            "as_known": self.as_known,
            "strategy": self.strategy,
            "personal_data": list(self.personal_data),
            "withheld": list(self.withheld),
            "service": card_service(self.service),
        }


def request_of(card: Card, dialect: str, rows_of: Callable[[str], pa.Table]) -> Request:
    """Return the request of a card, to repeat it.

    The entity rows of a data frame are read back from the training set itself.

    Args:
        card: The card of a training set.
        dialect: The dialect of the warehouse that will build it again.
        rows_of: Returns the result of a statement in that warehouse.

    Raises:
        EntityFrameError: The entity rows were a data frame, and the training set is gone.
    """
    content = dict(card.request)
    source, is_query = content.pop("entities"), content.pop("is_query")
    left_out = tuple(content.pop("left_out", ()))
    members = [
        ServiceMember(
            member["view"],
            tuple(member["features"]),
            member["alias"],
            {name: tuple(keys) for name, keys in member["entities"].items()},
        )
        for member in content.pop("members")
    ]
    # Cards of older versions lack these two, and the columns that were left out.
    for name in ("personal_data", "withheld"):
        content[name] = tuple(content.get(name, ()))
    service = service_of_card(content.pop("service", None), members)
    frame = (
        _entities_of(card, dialect, rows_of)
        if source is None
        else EntityFrame(source, is_query, left_out=left_out)
    )
    return Request(frame, members, service=service, **content)


def _entities_of(card: Card, dialect: str, rows_of: Callable[[str], pa.Table]) -> EntityFrame:
    # The entity columns come first; the rest are features, and timestamps where requested.
    taken = sum(len(view.features) for view in card.views)
    if card.request["feature_timestamps"]:
        taken += len(card.request["members"])
    own = [entity.name for entity in card.columns[: len(card.columns) - taken]]
    path = Path(card.output)
    # As a frame again, because a frame's keys may be texts of another type, and a query's may not.
    # The path on a card is absolute; a table's name may end in .parquet too.
    if not path.is_absolute():
        names = ", ".join(render(column(name), dialect) for name in own)
        return read_entity_frame(rows_of(f"SELECT {names} FROM {card.output}"), str, dialect)
    if not path.is_file():
        raise EntityFrameError(
            f"The entity rows were a data frame, and the training set {path} is gone.",
            remedy="Restore the file.",
        )
    from pyarrow import parquet

    return read_entity_frame(parquet.read_table(path, columns=own), str, dialect)
