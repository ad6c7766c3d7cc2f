"""Short names of nodes and columns, for people to read and write."""

from __future__ import annotations

from featurestore.errors import FeatureStoreError, UnknownFeature, UnknownModel
from featurestore.lineage.flows import ROWS, ColumnId
from featurestore.project.manifest import Manifest
from featurestore.registry.definitions import FeatureService

__all__ = [
    "SERVICE_PREFIX",
    "column_id",
    "column_label",
    "kind_of",
    "label_column",
    "label_of",
    "unknown_column",
]

SERVICE_PREFIX = "service:"
"""The start of the node name of a feature service, which dbt calls an exposure."""
_KINDS = ("model", "snapshot", "seed", "source")


def kind_of(node: str) -> str:
    """Return the kind of a node; `table` for one that dbt does not know.

    >>> kind_of("source.shop.raw.orders"), kind_of("warehouse.raw.orders"), kind_of("service:late")
    ('source', 'table', 'service')
    """
    if node.startswith(SERVICE_PREFIX):
        return "service"
    kind = node.partition(".")[0]
    return kind if kind in _KINDS and node.count(".") > 1 else "table"


def label_of(node: str) -> str:
    """Return the short name of a node.

    >>> label_of("model.shop.orders.v2"), label_of("source.shop.raw.orders")
    ('orders.v2', 'raw.orders')
    """
    if node.startswith(SERVICE_PREFIX):
        return node.removeprefix(SERVICE_PREFIX)
    return node if kind_of(node) == "table" else node.split(".", 2)[-1]


def column_label(column: ColumnId) -> str:
    """Return the short name of a column.

    >>> column_label(ColumnId("source.shop.raw.orders", "amount"))
    'raw.orders.amount'
    >>> column_label(ColumnId("source.shop.raw.orders", "*"))
    'rows of raw.orders'
    """
    label = label_of(column.node)
    return f"rows of {label}" if column.column == ROWS else f"{label}.{column.column}"


def column_id(manifest: Manifest, text: str) -> ColumnId:
    """Find a column by `model.column`, `source.table.column` or a node's unique id and a column.

    Raises:
        UnknownModel: No model or source has this name.
    """
    nodes = _nodes(manifest)
    node, _, column = text.rpartition(".")
    if node in nodes:
        return ColumnId(nodes[node], column.lower() or ROWS)
    if text in nodes:
        raise FeatureStoreError(
            f"'{text}' is a {kind_of(nodes[text])}, not a column.",
            remedy=f"Write '{text}.<column>', or '{text}.*' for its rows.",
        )
    if not node:
        raise FeatureStoreError(
            f"'{text}' is not a column.", remedy="Write 'model.column' or 'source.table.column'."
        )
    raise UnknownModel(node, nodes, where=str(manifest.path))


def _nodes(manifest: Manifest) -> dict[str, str]:
    # Reversed, because the root project's models come first, and the last of one name is kept.
    latest = {
        node.name: node.unique_id
        for node in reversed(list(manifest.models()))
        if node.version is not None and node.version == node.latest_version
    }
    return {
        **latest,
        **{known: known for known in (*manifest.sources, *manifest.all_model_ids)},
        **{label_of(known): known for known in manifest.sources},
        **manifest.model_ids,
    }


class UnknownColumn(UnknownFeature):
    """The model or source has no column of this name."""

    noun = "column"


def unknown_column(column: ColumnId, known: list[str]) -> UnknownColumn:
    """Return the error for a column that its node does not have."""
    return UnknownColumn(column.column, known, where=label_of(column.node))


def label_column(manifest: Manifest, service: FeatureService) -> ColumnId | None:
    """Return the column that a service predicts; None if it names no model's column."""
    model, _, column = service.label.rpartition(".")
    unique_id = manifest.model_ids.get(model)
    return ColumnId(unique_id, column.lower()) if unique_id else None
