"""The abilities that only some connections have, beside the base that all of them share.

An ability of an open connection is a small protocol: a class has it by having its methods. An
ability that must be known before anything is opened is a field of `Adapter`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, runtime_checkable

from featurestore.errors import WarehouseError
from featurestore.values.missing import Missing
from featurestore.values.types import DataType
from featurestore.warehouse.protocol import Warehouse

__all__ = [
    "Adapter",
    "Claim",
    "Estimate",
    "HashesRows",
    "Index",
    "KeepsLedger",
    "KeepsStatistics",
    "KnowsIndexes",
    "KnowsTables",
    "estimate_of",
    "indexes_of",
    "table_id_of",
]

_NO_LEDGER = Missing("the sync can keep its ledger in DuckDB, PostgreSQL, Snowflake and BigQuery")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """What is known about a dbt adapter before a connection is open.

    Attributes:
        class_name: The class of its warehouse, in the module and with the extra named like the
            adapter.
        ledger: None if the warehouse can keep the ledger of a sync, else why it cannot.
        ledger_inside: Whether it keeps the ledger unless `state` names a file.
        reopens_cheaply: Whether a second connection costs almost nothing while one is open, so
            that a session keeps one open.
    """

    class_name: str
    ledger: Missing | None = _NO_LEDGER
    ledger_inside: bool = False
    reopens_cheaply: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """The statistics of a relation or query, read without scanning its rows.

    Attributes:
        rows: The approximate number of rows.
        distinct: The approximate number of distinct values in the most varied of the requested
            columns; None without statistics.
        span: The time between the first and the last instant of the requested column.
        stored: Whether a table of the engine holds exactly these rows, so that a statement should
            read them twice rather than keep a copy.
    """

    rows: int
    distinct: int | None = None
    span: timedelta | None = None
    stored: bool = False


@runtime_checkable
class KeepsStatistics(Protocol):
    """A connection whose engine keeps statistics that are cheap to read."""

    def estimate(
        self,
        source: str,
        columns: Sequence[str] = (),
        *,
        over: str | None = None,
        above: int = 0,
        is_query: bool = False,
    ) -> Estimate | None:
        """Return the statistics of a relation or query; see `estimate_of`."""


def estimate_of(
    warehouse: Warehouse,
    source: str,
    columns: Sequence[str] = (),
    *,
    over: str | None = None,
    above: int = 0,
    is_query: bool = False,
) -> Estimate | None:
    """Return the statistics of a relation or query; None where the engine has none.

    Args:
        warehouse: The connection to ask.
        source: The relation or the query.
        columns: The columns whose number of distinct values is wanted.
        over: The column whose span is wanted.
        above: Read the statistics of columns only if there are more rows than this.
        is_query: Whether `source` is a query.
    """
    if not isinstance(warehouse, KeepsStatistics):
        return None
    return warehouse.estimate(source, columns, over=over, above=above, is_query=is_query)


@dataclass(frozen=True, slots=True)
class Index:
    """An index of all rows of a table, valid now.

    Attributes:
        columns: The columns that it sorts by, in order.
        unique: Whether the engine refuses two rows that agree in all these columns. Rows with a
            NULL may agree.
    """

    columns: tuple[str, ...]
    unique: bool = False

    def finds(self, keys: Sequence[str], newest: str) -> bool:
        """Return whether it leads to the newest row of a key: it begins with the keys, then that.

        >>> Index(("tailnum", "observed_at")).finds(["tailnum"], "observed_at")
        True
        >>> Index(("observed_at", "tailnum")).finds(["tailnum"], "observed_at")
        False
        """
        count = len(keys)
        return set(self.columns[:count]) == set(keys) and self.columns[count:][:1] == (newest,)

    def decides(self, grain: Sequence[str]) -> bool:
        """Return whether at most one row has given values, none of them NULL, in some columns.

        >>> Index(("tailnum", "observed_at"), unique=True).decides(["tailnum", "observed_at"])
        True
        >>> Index(("tailnum", "observed_at", "delay"), unique=True).decides(["tailnum"])
        False
        """
        return self.unique and set(self.columns) <= set(grain)


@runtime_checkable
class KnowsIndexes(Protocol):
    """A connection whose engine has indexes that a statement can count on."""

    def indexes(self, relation: str) -> Sequence[Index]:
        """Return the indexes of a table; see `indexes_of`."""


def indexes_of(warehouse: Warehouse, relation: str) -> Sequence[Index]:
    """Return the indexes of a table; none for a view, and where the engine has none.

    Args:
        warehouse: The connection to ask.
        relation: The table.
    """
    return warehouse.indexes(relation) if isinstance(warehouse, KnowsIndexes) else ()


@runtime_checkable
class KnowsTables(Protocol):
    """A connection whose engine tells a table from another one that took its place."""

    def table_id(self, relation: str) -> str:
        """Return what identifies a table; see `table_id_of`.

        Raises:
            WarehouseError: The engine does not answer, or the role may not read its catalog.
        """


def table_id_of(warehouse: Warehouse, relation: str) -> str:
    """Return a text that identifies a table until it is rebuilt; empty if the engine has none.

    Args:
        warehouse: The connection to ask.
        relation: The table.
    """
    if not isinstance(warehouse, KnowsTables):
        return ""
    try:
        return warehouse.table_id(relation)
    except WarehouseError:
        # A role may read a table and not the catalog. Without an identity all rows are compared.
        return ""


@runtime_checkable
class HashesRows(Protocol):
    """A connection whose engine hashes rows faster than it compares them."""

    def row_hash(self, values: Mapping[str, DataType | None]) -> str:
        """Return the SQL of a hash of 64 bits in which different rows differ, but by chance.

        Args:
            values: The types of the values, by their SQL; None if unknown.
        """


@dataclass(frozen=True, slots=True)
class Claim:
    """A job's claim to the ledger of a project.

    Attributes:
        ledger: The ledger, for messages.
        project: The project, as its keys in Redis name it.
        table: Where an engine without locks of a session notes the claim: a table's name as SQL.
    """

    ledger: str
    project: str
    table: str


@runtime_checkable
class KeepsLedger(Warehouse, Protocol):
    """A connection whose engine can keep the ledger of a sync.

    Attributes:
        longest_name: The longest name of a table, in bytes; None without a limit.
        catalog: What the names of the ledger's tables begin with; empty for the connection's own.
        takes_over: Whether a claim takes the place of another job's, which notices at its next
            transaction. Tables are then swapped in a transaction, and never replaced: the other
            job's statement may still run.
        merges: Whether one MERGE costs less than DELETE and INSERT, which each rewrite whole files.
    """

    longest_name: int | None = None
    catalog: str = ""
    takes_over: bool = False
    merges: bool = False

    def create_schema(self, name: str) -> None:
        """Create a schema if it does not exist.

        Raises:
            MissingRight: It does not exist, and the role may not create it.
        """

    def create_table(self, name: str, columns: str) -> None:
        """Create an empty table if it does not exist; `columns` are names and types as SQL."""

    def claim(self, claim: Claim) -> None:
        """Keep other processes from the ledger until the connection closes, or take it over.

        Raises:
            SyncLocked: Another process has the claim, and the engine can keep this one out.
        """

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the changes of a block in one transaction; a block reads nothing.

        Raises:
            SyncLocked: Another job has taken over the claim; nothing was changed.
        """
        self.execute("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            # A lost connection cannot roll back, and what lost it is the error to show.
            with suppress(WarehouseError):
                self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    def compared_as(self, value: str, data_type: DataType | None) -> tuple[str, ...]:
        """Return the expressions that are all equal for two values if the values are the same.

        Equality of the values alone is too weak: 0.0 equals -0.0, and a collation may make
        different texts equal. NaN equals NaN.

        Args:
            value: The value as SQL.
            data_type: Its type; None if it is unknown.
        """

    def key_text(self, value: str) -> str:
        """Return a join key of text or UUIDs as the text in which it leaves the warehouse."""
