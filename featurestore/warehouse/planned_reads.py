"""What a statement will read, as the engine says before it runs, and the limit on that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from featurestore.errors import PlanError
from featurestore.values.byte_sizes import format_bytes
from featurestore.warehouse.protocol import Warehouse

__all__ = ["PlannedRead", "PlansReads", "planned_read_of", "refuse_reading"]

_TELL_BYTES = ("bigquery", "databricks", "postgres", "redshift", "snowflake", "spark", "trino")
"""The engines whose plans tell bytes."""


@dataclass(frozen=True, slots=True)
class PlannedRead:
    """What a statement will read from tables, as the engine estimates it.

    Attributes:
        rows: The rows; None if the engine does not tell.
        size: The bytes; None if the engine does not tell.
    """

    rows: int | None = None
    size: int | None = None

    def __str__(self) -> str:
        """Return both as words.

        >>> print(PlannedRead(1200, 48_000), PlannedRead(rows=1200), PlannedRead())
        1,200 rows, 48.0 kB 1,200 rows an unknown amount
        """
        rows = [] if self.rows is None else [f"{self.rows:,} row{'' if self.rows == 1 else 's'}"]
        size = [] if self.size is None else [format_bytes(self.size)]
        return ", ".join([*rows, *size]) or "an unknown amount"


@runtime_checkable
class PlansReads(Protocol):
    """A connection whose engine tells what a statement will read, without reading it."""

    def planned_read(self, sql: str) -> PlannedRead:
        """Return what a query will read; see `planned_read_of`."""


def planned_read_of(warehouse: Warehouse, sql: str) -> PlannedRead:
    """Return what a query will read, as far as the engine tells without reading it.

    Args:
        warehouse: The connection to ask.
        sql: The query.
    """
    return warehouse.planned_read(sql) if isinstance(warehouse, PlansReads) else PlannedRead()


def refuse_reading(warehouse: Warehouse, sql: str, most: int | None) -> None:
    """Make sure that a query will not read more than a number of bytes.

    Args:
        warehouse: The connection that would run it.
        sql: The query.
        most: The limit; None for any number.

    Raises:
        PlanError: It would read more, or the engine does not tell.
    """
    if most is None:
        return
    planned = planned_read_of(warehouse, sql)
    limit = f"max_bytes ({format_bytes(most)})"
    if planned.size is None:
        told = "" if warehouse.dialect in _TELL_BYTES else f" {warehouse.dialect} never tells them."
        raise PlanError(
            f"{limit} cannot be kept: the plan of {warehouse.dialect} does not tell the bytes that"
            f" the statement reads.{told}",
            remedy="Update the statistics of the tables, or leave it out."
            if not told
            else f"Leave it out. Plans tell bytes on {', '.join(_TELL_BYTES)}.",
        )
    if planned.size > most:
        raise PlanError(
            f"Nothing was read: {warehouse.dialect} estimates that the statement reads {planned},"
            f" more than {limit}.",
            remedy="Ask for fewer features or a shorter period, give the views a ttl, or raise the"
            " limit.",
        )
