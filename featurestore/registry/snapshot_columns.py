"""The columns that dbt adds to a snapshot: the validity of each row, and its bookkeeping.

https://docs.getdbt.com/reference/resource-configs/snapshot_meta_column_names
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

from featurestore.project.nodes import Node

__all__ = ["SnapshotColumns", "snapshot_columns", "starts_of_source"]


@dataclass(frozen=True, slots=True)
class SnapshotColumns:
    """The names of the columns that dbt adds to a snapshot.

    Attributes:
        valid_from: The instant from which a row is valid.
        valid_to: The instant from which it no longer is. dbt writes it into an older row later.
        updated_at: The `updated_at` of the row's source.
        scd_id: A hash that identifies the row.
        is_deleted: Whether the row records a deletion; only with `hard_deletes: new_record`.
    """

    valid_from: str = "dbt_valid_from"
    valid_to: str = "dbt_valid_to"
    updated_at: str = "dbt_updated_at"
    scd_id: str = "dbt_scd_id"
    is_deleted: str = "dbt_is_deleted"

    def has(self, name: str) -> bool:
        """Return whether dbt adds a column of this name, in any case."""
        return name.lower() in {own.lower() for own in astuple(self)}

    @property
    def updated_in_place(self) -> tuple[str, ...]:
        """The columns whose value in a row may come later than the row."""
        return (self.valid_to, self.updated_at, self.is_deleted)


def snapshot_columns(node: Node) -> SnapshotColumns | None:
    """Return the columns that dbt adds to a snapshot, under their configured names.

    Args:
        node: A model, snapshot or seed.

    Returns:
        The names; None for a node that is not a snapshot.
    """
    if node.resource_type != "snapshot":
        return None
    configured = node.config.snapshot_meta_column_names or {}
    known = {name.removeprefix("dbt_"): value for name, value in configured.items() if value}
    return SnapshotColumns(
        **{name: value for name, value in known.items() if name in SnapshotColumns.__slots__}
    )


def starts_of_source(node: Node) -> frozenset[str]:
    """Return the timestamps of a snapshot that come from its source, in lower case.

    They are earlier than the run of the snapshot that reads them. Without `updated_at` they are the
    instant of that run, so nothing is earlier, and the result is empty.
    """
    columns, source = snapshot_columns(node), node.config.updated_at
    if columns is None or not source:
        return frozenset()
    return frozenset(map(str.lower, (columns.valid_from, columns.updated_at, source)))
