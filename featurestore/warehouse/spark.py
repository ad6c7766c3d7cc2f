"""Spark, in the session of this process, as with dbt-spark's `method: session`, or by Connect.

The session belongs to the caller: the warehouse changes no setting and leaves it open. All
statements of a process run in it, because a JVM takes seconds to start.
Source: https://docs.getdbt.com/docs/core/connect-data-platform/spark-setup
"""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pyarrow as pa
from sqlglot import exp

from featurestore.errors import (
    MissingExtra,
    RelationNotBuilt,
    UnsupportedDialect,
    WarehouseError,
    WarehouseUnavailable,
)
from featurestore.values.dbt_profile import Profile
from featurestore.values.type_spellings import UnknownType, parse_type
from featurestore.values.types import DataType, Kind
from featurestore.warehouse.abilities import KnowsTables
from featurestore.warehouse.arrow import canonical_table, canonical_type, recast, write_parquet
from featurestore.warehouse.planned_reads import PlannedRead, PlansReads
from featurestore.warehouse.protocol import Warehouse, values_hidden
from featurestore.warehouse.query_plans import read_of_spark
from featurestore.warehouse.spark_tables import (
    DETAIL,
    EXTENDED,
    catalog_id,
    detail_id,
    is_delta,
)

__all__ = ["SparkWarehouse", "rows_hash"]

_LOG = logging.getLogger(__name__)
_REMOTE = "spark.remote"
_PORT = 15002
_PATIENCE = 10.0
"""The seconds that a server of Spark Connect has to accept a connection."""
_UNAVAILABLE = re.compile(r'StatusCode\.UNAVAILABLE.*?details = "(.*?)"', re.DOTALL)
_ERROR_LOGS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
_MISSING = ("TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND")


class SparkWarehouse(Warehouse, KnowsTables, PlansReads):
    """A session of Spark; see `Warehouse` for the methods.

    Args:
        session: An open session; closing the warehouse leaves it open.
    """

    dialect = "spark"

    def __init__(self, session: Any) -> None:
        self.session = session
        self._views: list[str] = []

    @classmethod
    def from_profile(
        cls,
        profile: Profile,
        *,
        write: bool = False,  # noqa: ARG003, Spark has no read-only sessions
    ) -> Self:
        """Use the session of this process, or start one as dbt-spark does.

        Args:
            profile: The target.
            write: Ignored.

        Raises:
            UnsupportedDialect: The target's method is not `session`.
            WarehouseUnavailable: Spark does not start, or its Connect server does not answer.
            MissingExtra: PySpark is not installed.
        """
        settings = profile.settings
        if settings.get("method") != "session":
            raise UnsupportedDialect(
                f"Target '{profile.target}' of profile '{profile.name}' uses the method"
                f" '{settings.get('method')}' of dbt-spark.",
                remedy="Supported: session, in this process or, with `remote: sc://HOST:15002` in"
                " the target, by Spark Connect.",
            )
        try:
            from pyspark.sql import SparkSession
        except ImportError:
            raise MissingExtra("pyspark", "spark", purpose="Reading the warehouse") from None
        parameters = dict(settings.get("server_side_parameters") or {})
        remote = parameters.pop(_REMOTE, None) or settings.get("remote")
        if remote:
            return cls(_connected(SparkSession, str(remote), parameters))
        return cls(SparkSession.getActiveSession() or _started(SparkSession, parameters))

    @property
    def version(self) -> str:
        """Spark's version."""
        return f"spark {self.session.version}"

    def content_hash(self, columns: Mapping[str, DataType]) -> str:
        """Return an expression for the sum of all rows' hashes."""
        return rows_hash(columns)

    def columns(self, source: str, *, is_query: bool = False) -> dict[str, DataType]:
        """Return the columns of a relation or a query."""
        described = f"(\n{source}\n)" if is_query else source
        with self._translated(
            "describe the entity frame's SQL" if is_query else f"describe {source}"
        ):
            schema = self.session.sql(f"SELECT * FROM {described}").schema
        return {field.name: _type(field.dataType.simpleString()) for field in schema}

    def table_id(self, relation: str) -> str:
        """Return what identifies a table until it is built again; empty if that is unsure."""
        with self._translated(f"look up {relation}"):
            described = self.session.sql(EXTENDED.format(relation=relation)).collect()
            if not is_delta(described):
                return catalog_id(described)
            return detail_id(self.session.sql(DETAIL.format(relation=relation)).first().asDict())

    def planned_read(self, sql: str) -> PlannedRead:
        """Return the bytes of the tables and partitions that a query's plan reads."""
        with self._translated("plan the query"):
            return read_of_spark(str(self.session.sql(f"EXPLAIN COST {sql}").first()[0]))

    def upload(self, name: str, table: pa.Table) -> str:
        """Register Arrow data as a temporary view of the session."""
        from pyspark.sql.pandas.types import from_arrow_schema

        table = canonical_table(table)
        with self._translated("upload the data frame"):
            schema = from_arrow_schema(table.schema, prefer_timestamp_ntz=True)
            # PySpark fails on an empty Arrow table with a list column.
            rows: Any = table if table.num_rows else []
            return self._view(name, self.session.createDataFrame(rows, schema))

    def stage(self, name: str, sql: str) -> str:
        """Compute a query's rows once, and register them as a temporary view."""
        with self._translated("run the query"):
            # A view alone would run the query again for each reader.
            return self._view(name, self.session.sql(sql).localCheckpoint(eager=True))

    def _view(self, name: str, frame: Any) -> str:
        frame.createOrReplaceTempView(name)
        self._views.append(name)
        return name

    def stream(self, sql: str) -> pa.RecordBatchReader:
        """Run a query; Spark returns all its rows at once."""
        with self._translated("run the query"):
            table: pa.Table = self.session.sql(sql).toArrow()
        schema = pa.schema([field.with_type(canonical_type(field.type)) for field in table.schema])
        return recast(table.to_reader(), schema, lambda: self._translated("fetch the query's rows"))

    def execute(self, sql: str) -> None:
        """Run a statement."""
        with self._translated("run a statement"):
            self.session.sql(sql).collect()

    def write_table(self, name: str, sql: str) -> int:
        """Create or replace a table."""
        table = exp.to_table(name, dialect="spark").sql("spark")
        with self._translated(f"write the table {name}"):
            self.session.sql(sql).write.mode("overwrite").saveAsTable(table)
            return int(self.session.table(table).count())

    def write_parquet(self, path: Path, sql: str) -> int:
        """Write one Parquet file on this machine; Spark itself would write a folder."""
        return write_parquet(path, self.stream(sql))

    def close(self) -> None:
        """Drop the temporary views; the session stays."""
        while self._views:
            self.session.catalog.dropTempView(self._views.pop())

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        """Translate Spark's errors into the package's own."""
        from py4j.protocol import Py4JError, Py4JNetworkError
        from pyspark.errors import AnalysisException, PySparkException

        try:
            with _without_log():
                yield
        except AnalysisException as error:
            message = f"Cannot {doing}: {_reason(error)}"
            if error.getCondition() in _MISSING:
                remedy = "If it is a dbt model, run `dbt build`."
                raise RelationNotBuilt(message, remedy=remedy) from error
            raise WarehouseError(message) from error
        except (Py4JNetworkError, ConnectionError) as error:
            raise WarehouseUnavailable(f"Lost the connection to Spark. Cannot {doing}.") from error
        except (PySparkException, Py4JError, pa.ArrowException) as error:
            if lost := _UNAVAILABLE.search(str(error)):
                raise WarehouseUnavailable(
                    f"Lost the connection to Spark. Cannot {doing}: {lost[1]}"
                ) from None
            if self.hides_values:
                raise values_hidden(doing, type(error).__name__) from None
            raise WarehouseError(f"Cannot {doing}: {_reason(error)}") from error


def _started(sessions: Any, parameters: Mapping[str, Any]) -> Any:
    """Start a session in this process, as dbt-spark does."""
    _LOG.info("Starting Spark ...")
    builder = sessions.builder.appName("featurestore").enableHiveSupport()
    # The progress bar goes to standard error, in the middle of a message.
    builder = builder.config("spark.ui.showConsoleProgress", "false")
    for name, value in parameters.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
        # The session is ours: what Java would print comes with the exception.
        session.sparkContext.setLogLevel("OFF")
    except Exception as error:  # a failing JVM raises plain exceptions
        raise WarehouseUnavailable(
            f"Cannot start Spark: {_reason(error)}", remedy="Is Java installed?"
        ) from error
    return session


def _connected(sessions: Any, remote: str, parameters: Mapping[str, Any]) -> Any:
    """Connect to a server of Spark Connect."""
    _LOG.info("Connecting to Spark at %s ...", remote.partition(";")[0])
    # The client itself tries for ten minutes before it gives up.
    place = urlsplit(remote)
    try:
        socket.create_connection((place.hostname or "", place.port or _PORT), _PATIENCE).close()
        builder = sessions.builder.remote(remote)
        for name, value in parameters.items():
            builder = builder.config(name, value)
        return builder.getOrCreate()
    except ImportError as error:
        missing = (error.name or "grpcio").partition(".")[0]
        raise MissingExtra(missing, "spark-connect", purpose="Spark Connect") from None
    except Exception as error:  # gRPC and the server raise their own
        raise WarehouseUnavailable(
            f"Cannot connect to Spark at {remote.partition(';')[0]}: {_reason(error)}",
            remedy="Is its Connect server running, and is `remote` in profiles.yml right?",
        ) from error


def rows_hash(columns: Iterable[str]) -> str:
    """Return the sum of all rows' hashes in Spark's SQL; `isnull` makes a NULL count."""
    values = ", ".join(f"{column}, isnull({column})" for column in columns)
    if not values:
        return "CAST(NULL AS STRING)"
    return f"CAST(sum(CAST(xxhash64({values}) AS DECIMAL(20, 0))) AS STRING)"


def _type(text: str) -> DataType:
    if text == "void":
        return DataType(Kind.NULL)
    try:
        return parse_type(text, "spark")
    except UnknownType:
        return DataType(Kind.OTHER, text=text)


def _reason(error: Exception) -> str:
    """Return the first line of an error; of one that py4j passes on, Java's own."""
    java = getattr(error, "java_exception", None)
    text = str(error) if java is None else str(java.toString())
    return (text.strip().splitlines() or [type(error).__name__])[0]


@contextlib.contextmanager
def _without_log() -> Iterator[None]:
    """Keep PySpark from logging errors with Java's stack, in this thread, for a block.

    It writes thousands of characters to standard error before it raises the same error.
    """
    try:
        from pyspark.logger import PySparkLogger
    except ImportError:
        # Before version 4 it logged none.
        yield
        return
    own = threading.get_ident()

    def is_of_others(record: logging.LogRecord) -> bool:
        return record.thread != own

    loggers = [PySparkLogger.getLogger(name) for name in _ERROR_LOGS]
    for logger in loggers:
        logger.addFilter(is_of_others)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_of_others)
