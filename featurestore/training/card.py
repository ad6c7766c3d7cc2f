"""The card of a training set: its request and its contents, so that it can be checked later.

A card is a small JSON file beside the training set. Each hash in it is a sum over all rows, so the
order of rows makes no difference. Each view has its own hash: if the same request gives other rows
later, the card shows which view changed, and whether its definition did.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from featurestore.errors import FeatureStoreError
from featurestore.values.atomic_file import atomic_write

__all__ = ["HASHING", "Card", "ColumnCard", "ViewCard", "differences"]

HASHING = 2
"""The number of the rule of hashing; raise it if an engine's `content_hash` changes its meaning."""


@dataclass(frozen=True, slots=True)
class ColumnCard:
    """One column of a training set: its name, its type, and the share of rows where it is NULL."""

    name: str
    type: str
    null_rate: float


@dataclass(frozen=True, slots=True)
class ViewCard:
    """The part of a training set that comes from one view, or the on-demand features of a service.

    Attributes:
        view: The view's name or alias in the request, or the service's name.
        of: The feature view or the service.
        features: The features taken.
        match_rate: The share of entity rows that have a row of the view; 1 for a service.
        definition: A hash of the view's declaration.
        content: A hash of the entity columns and the view's values.
        defaults: The declared defaults of the features taken, by name.
    """

    view: str
    of: str
    features: tuple[str, ...]
    match_rate: float
    definition: str
    content: str
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Card:
    """The request of a training set and a summary of its rows.

    Attributes:
        created_at: The UTC time at which the rows were built.
        featurestore: The version of this package.
        request: The request, complete enough to repeat it.
        output: The file or table with the rows.
        sql: The statement.
        manifest: The SHA-256 of dbt's manifest.
        engine: The warehouse's engine and version; hashes of two engines cannot be compared.
        rows: The number of rows.
        entities: A hash of the entity columns.
        first: The earliest event timestamp; None if no row has one.
        last: The latest event timestamp; None likewise.
        columns: Every column.
        views: Every view.
        hashing: The number of the rule by which values are hashed; a card without one has rule 1.
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
    first: str | None
    last: str | None
    columns: tuple[ColumnCard, ...]
    views: tuple[ViewCard, ...]
    hashing: int = 1

    def write(self, path: Path) -> None:
        """Write the card as JSON, atomically."""
        with atomic_write(path) as part:
            part.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Card:
        """Read a card.

        Raises:
            FeatureStoreError: The file is missing, or is not a card.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            views = [{**view, "features": tuple(view["features"])} for view in content["views"]]
            content["columns"] = tuple(ColumnCard(**column) for column in content["columns"])
            content["views"] = tuple(ViewCard(**view) for view in views)
            return cls(**content)
        except FileNotFoundError:
            raise FeatureStoreError(f"The card {path} does not exist.") from None
        except OSError as error:
            raise FeatureStoreError(f"Cannot read {path}: {error.strerror}.") from None
        except (ValueError, KeyError, TypeError):
            raise FeatureStoreError(
                f"{path} is not the card of a training set.",
                remedy="Give the .card.json file beside the training set.",
            ) from None


def differences(then: Card, now: Card) -> list[str]:
    """Return the differences between a card and the same request today, as sentences."""
    if then.engine != now.engine:
        return [f"The engine was {then.engine} and is {now.engine}: hashes cannot be compared."]
    if then.hashing != now.hashing:
        rules = f"rule {then.hashing} and now follow rule {now.hashing}"
        return [f"The card's hashes follow {rules}: they cannot be compared."]
    found = []
    if then.rows != now.rows:
        found.append(f"There are {now.rows:,} rows, there were {then.rows:,}.")
    if then.entities != now.entities:
        found.append("The entity rows changed.")
    return [*found, *_differing_views(then, now)]


def _differing_views(then: Card, now: Card) -> Iterator[str]:
    before = {view.view: view for view in then.views}
    for view in now.views:
        old = before.get(view.view)
        if old is None:
            yield f"'{view.view}' is new."
        elif old.definition != view.definition:
            yield f"The definition of '{view.of}' changed."
        # A view's hash covers the entity columns too, so other entity rows would blame every view.
        elif old.content != view.content and then.entities == now.entities:
            yield f"The values of '{view.view}' changed; its definition did not."
