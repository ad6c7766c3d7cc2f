"""The card of a training set: what it was made from and what is in it, so that it can be checked.

A card is a small JSON file beside the training set. The hashes in it are sums over all rows, so the
order of rows makes no difference, and each view has one of its own: when the same request gives
other rows later, the card says which view changed, and whether its definition did.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featurestore.errors import FeatureStoreError
from featurestore.registry.definitions import FeatureView
from featurestore.sql.dialects import render
from featurestore.sql.expressions import column
from featurestore.sql.plan import TrainingPlan
from featurestore.values.atomic_file import atomic_write
from featurestore.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    from featurestore.training.request import Request

__all__ = [
    "Card",
    "ColumnCard",
    "ViewCard",
    "differences",
    "measure_training_set",
    "with_timestamps",
]

_TIMESTAMP = "_at_"


@dataclass(frozen=True, slots=True)
class ColumnCard:
    """One column of a training set: its name, its type, and the share of rows where it is NULL."""

    name: str
    type: str
    null_rate: float


@dataclass(frozen=True, slots=True)
class ViewCard:
    """What a training set has of one view.

    Attributes:
        view: The view's name or alias in the request.
        of: The feature view.
        features: The features taken.
        match_rate: The share of rows for which the view had a row.
        definition: A hash of how the view is declared.
        content: A hash of the values taken.
    """

    view: str
    of: str
    features: tuple[str, ...]
    match_rate: float
    definition: str
    content: str


@dataclass(frozen=True, slots=True)
class Card:
    """What a training set was made from, and what is in it.

    Attributes:
        request: The request, as it can be made again.
        output: The file or table with the rows.
        sql: The statement.
        manifest: The SHA-256 of dbt's manifest.
        engine: The warehouse that computed the hashes; they compare within one version of it.
        rows: The number of rows.
        entities: A hash of the entity columns.
        first: The earliest event timestamp.
        last: The latest.
        columns: Every column.
        views: What was taken of each view.
    """

    created_at: str
    featurestore: str
    request: Mapping[str, Any]
    output: str
    sql: str
    manifest: str
    engine: str
    rows: int
    entities: str
    first: str
    last: str
    columns: tuple[ColumnCard, ...]
    views: tuple[ViewCard, ...]

    def write(self, path: Path) -> None:
        """Write the card as JSON, whole or not at all."""
        with atomic_write(path) as part:
            part.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Card:
        """Read a card.

        Raises:
            FeatureStoreError: The file is missing or is no card.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            views = [{**view, "features": tuple(view["features"])} for view in content["views"]]
            content["columns"] = tuple(ColumnCard(**column) for column in content["columns"])
            content["views"] = tuple(ViewCard(**view) for view in views)
            return cls(**content)
        except FileNotFoundError:
            raise FeatureStoreError(f"There is no card {path}.") from None
        except OSError as error:
            raise FeatureStoreError(f"Cannot read {path}: {error.strerror}.") from None
        except (ValueError, KeyError, TypeError):
            raise FeatureStoreError(
                f"{path} is no card of a training set.",
                remedy="Give the .card.json that stands beside the training set.",
            ) from None


def with_timestamps(plan: TrainingPlan) -> TrainingPlan:
    """Return the plan with each view's event timestamp added, from which matches are counted."""
    joins = tuple(
        join if join.timestamp_output else replace(join, timestamp_output=f"{_TIMESTAMP}{number}")
        for number, join in enumerate(plan.joins)
    )
    return replace(plan, joins=joins)


def measure_training_set(
    plan: TrainingPlan,
    request: Request,
    warehouse: Warehouse,
    table: str,
    *,
    sql: str,
    output: str,
    manifest: Path | None,
) -> Card:
    """Make the card of a training set.

    Args:
        plan: The plan with all timestamps; see `with_timestamps`.
        request: What was asked for.
        warehouse: Where the rows are.
        table: The table they are in, timestamps included.
        sql: The statement of the training set.
        output: Where the rows go.
        manifest: dbt's manifest.
    """
    from featurestore.values.version import VERSION

    types = {name: str(kind) for name, kind in warehouse.columns(table).items()}
    shown = [name for name in types if not name.startswith(_TIMESTAMP)]
    found = warehouse.stream(_statement(plan, warehouse, table, shown)).read_all().to_pylist()[0]
    rows = found["total"]
    return Card(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        featurestore=VERSION,
        request=request.to_dict(),
        output=output,
        sql=sql,
        manifest=hashlib.sha256(manifest.read_bytes()).hexdigest() if manifest else "",
        engine=warehouse.version,
        rows=rows,
        entities=found["entities"] or "",
        first=str(found["earliest"]),
        last=str(found["latest"]),
        columns=tuple(
            ColumnCard(name, types[name], _rate(rows - found[f"n{index}"], rows))
            for index, name in enumerate(shown)
        ),
        views=tuple(
            ViewCard(
                join.name,
                join.view.name,
                join.features,
                _rate(found[f"m{index}"], rows),
                _definition(join.view),
                found[f"h{index}"] or "",
            )
            for index, join in enumerate(plan.joins)
        ),
    )


def _statement(plan: TrainingPlan, warehouse: Warehouse, table: str, shown: Sequence[str]) -> str:
    dialect = plan.dialect
    own = [_sql(name, dialect) for name in plan.spine.columns if name != plan.spine.order_by]
    time = _sql(plan.spine.event_timestamp, dialect)
    parts = [
        "count(*) AS total",
        f"min({time}) AS earliest",
        f"max({time}) AS latest",
        f"{warehouse.content_hash(own)} AS entities",
    ]
    parts += [f"count({_sql(name, dialect)}) AS n{index}" for index, name in enumerate(shown)]
    parts += list(_of_views(plan, own, warehouse))
    return f"SELECT {', '.join(parts)} FROM {table}"


def _of_views(plan: TrainingPlan, own: Sequence[str], warehouse: Warehouse) -> Iterator[str]:
    for index, join in enumerate(plan.joins):
        yield f"count({_sql(join.timestamp_output or '', plan.dialect)}) AS m{index}"
        taken = [*own, *(_sql(output.name, plan.dialect) for output in join.outputs)]
        yield f"{warehouse.content_hash(taken)} AS h{index}"


def _sql(name: str, dialect: str) -> str:
    return render(column(name), dialect)


def _rate(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0


def _definition(view: FeatureView) -> str:
    # What decides which row is chosen and what its values mean; words about it do not.
    parts = (
        view.relation,
        view.entities,
        [(feature.name, str(feature.data_type)) for feature in view.features],
        view.event_timestamp,
        view.created_timestamp,
        view.available_after,
        view.ttl,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def differences(then: Card, now: Card) -> list[str]:
    """Say in sentences what differs between a card and the same request today; nothing if alike."""
    found = []
    if then.engine != now.engine:
        return [f"The card was made by {then.engine}, this is {now.engine}: hashes do not compare."]
    if then.rows != now.rows:
        found.append(f"There are {now.rows:,} rows, there were {then.rows:,}.")
    if then.entities != now.entities:
        found.append("The entity rows are not the same.")
    before = {view.view: view for view in then.views}
    for view in now.views:
        old = before.get(view.view)
        if old is None:
            found.append(f"'{view.view}' is new.")
        elif old.definition != view.definition:
            found.append(f"The definition of '{view.of}' changed.")
        elif old.content != view.content and then.entities == now.entities:
            found.append(f"The values of '{view.view}' changed; its definition did not.")
    return found
