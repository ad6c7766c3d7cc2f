"""Opens Spark for a sync: its executors, checked, and the ledger in its warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from featurestore.errors import SyncError, UnsupportedDialect, WarehouseError
from featurestore.values.version import VERSION
from featurestore.warehouse.protocol import Warehouse
from featurestore.warehouse.spark import SparkWarehouse
from featurestore.warehouse.spark_ledger import SparkLedgerDatabase
from sync.spark.executor_tasks import probing
from sync.spark.passed_errors import error_of
from sync.spark.spark_records import SparkRecords
from sync.spark.spark_rows import SparkPublishedRows
from sync.spark.spark_work import SparkWork
from sync.warehouse.ledger import Ledger
from sync.warehouse.publication import quoted

__all__ = ["opened_spark"]

_REMEDY = (
    "Install it there: in the executors' image, or as an archive of an environment; see the page"
    " on syncs by Spark."
)


@contextmanager
def opened_spark(
    warehouse: Warehouse, schema: str, project: str, url: str | None
) -> Iterator[tuple[Ledger, SparkWork]]:
    """Open the ledger that Spark keeps, and what works on rows, for the length of a block.

    Args:
        warehouse: The warehouse.
        schema: The schema of the ledger's tables.
        project: The project, as its keys in Redis name it.
        url: The online store.

    Raises:
        UnsupportedDialect: The warehouse is not Spark.
        SyncError: The executors lack this package, or have another version of it.
        OnlineStoreUnavailable: The executors cannot reach the online store.
    """
    if not isinstance(warehouse, SparkWarehouse):
        raise UnsupportedDialect(
            f"A sync by Spark reads tables of Spark, and this target's warehouse is"
            f" {warehouse.dialect}.",
            remedy="Leave out `--engine spark`, or choose a target of the type spark.",
        )
    name = quoted(schema, warehouse.dialect)
    with SparkLedgerDatabase(warehouse.session, name) as spark:
        spark.create_schema(name)
        _check_executors(spark, url)
        spark.hides_values = warehouse.hides_values
        records = SparkRecords(spark, name, project)
        place = f"the schema {schema} of Spark's warehouse"
        ledger = Ledger(
            spark, schema, project, place=place, records=records, rows=SparkPublishedRows
        )
        yield ledger, SparkWork(spark, url)


def _check_executors(spark: SparkLedgerDatabase, url: str | None) -> None:
    """Make sure that an executor can do its work, before anything is changed."""
    one = spark.frame("SELECT 1 AS one")
    task = spark.mapped(one, probing(url), "version STRING, error BINARY")
    try:
        found = spark.collect(task, "run Python on the executors")
    except WarehouseError as error:
        missing = _missing_module(error)
        if missing is None:
            raise
        raise SyncError(
            f"Spark's executors lack the Python package '{missing}'.", remedy=_REMEDY
        ) from None
    (row,) = found.to_pylist()
    if row["version"] != VERSION:
        raise SyncError(
            f"Spark's executors have featurestore {row['version']}, and this process {VERSION}.",
            remedy=_REMEDY,
        )
    if row["error"]:
        raise error_of(row["error"])


def _missing_module(error: WarehouseError) -> str | None:
    """Return the package that Python did not find on an executor; None if that is not the cause."""
    words = str(error.__cause__).partition("No module named '")[2]
    return words.partition("'")[0] or None
