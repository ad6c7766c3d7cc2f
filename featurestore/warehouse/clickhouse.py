"""ClickHouse, over HTTP, with the connection settings of dbt-clickhouse.

Source: https://clickhouse.com/docs/integrations/dbt
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
from sqlglot import exp

from featurestore.errors import (
    MissingExtra,
    UnsupportedDialect,
    WarehouseError,
)
from featurestore.values.dbt_profile import Profile
from featurestore.values.types import DataType
from featurestore.warehouse.abilities import Estimate, KeepsStatistics, KnowsTables
from featurestore.warehouse.arrow import (
    canonical_table,
    data_type,
    recast,
    write_parquet,
)
from featurestore.warehouse.clickhouse_client import Response, client_arguments
from featurestore.warehouse.clickhouse_errors import refused_connection, translated_error
from featurestore.warehouse.clickhouse_types import created_type, described_type, readable
from featurestore.warehouse.clickhouse_values import (
    as_texts,
    check_storable,
    in_utf8,
    result_type,
)
from featurestore.warehouse.planned_reads import PlannedRead, PlansReads
from featurestore.warehouse.protocol import Warehouse
from featurestore.warehouse.time_span import time_span

__all__ = ["ClickHouseWarehouse"]

_SAMPLE = 1_000_000
"""The rows whose values an estimate counts."""
_NO_UUID = "00000000-0000-0000-0000-000000000000"


class ClickHouseWarehouse(Warehouse, KeepsStatistics, KnowsTables, PlansReads):
    """A session of ClickHouse in UTC; see `Warehouse` for the methods.

    Args:
        client: A client of clickhouse-connect with a session of its own and `SETTINGS`.
        address: The server's address for messages.
        user: The user that statements run as, for messages.
    """

    dialect = "clickhouse"

    def __init__(self, client: Any, *, address: str = "ClickHouse", user: str = "") -> None:
        self.client = client
        self._address = address
        self._user = user
        self._temporary: dict[str, None] = {}
        self._response: Response | None = None

    @classmethod
    def from_profile(
        cls,
        profile: Profile,
        *,
        write: bool = False,  # noqa: ARG003, the user's own grants decide
    ) -> Self:
        """Connect to the server of a dbt-clickhouse target.

        Args:
            profile: The target.
            write: Ignored.

        Raises:
            UnsupportedDialect: The target's driver is `native`.
            WarehouseUnavailable: The server does not answer, or refuses the connection.
            MissingExtra: The driver is not installed.
        """
        settings = profile.settings
        if settings.get("driver") == "native":
            raise UnsupportedDialect(
                f"Target '{profile.target}' of profile '{profile.name}' uses the driver 'native' of"
                " dbt-clickhouse.",
                remedy="Supported: http, at port 8123, or 8443 with `secure: true`.",
            )
        try:
            import clickhouse_connect
            from clickhouse_connect.driver.exceptions import ClickHouseError
        except ImportError as error:
            missing = (error.name or "clickhouse-connect").replace("_", "-")
            raise MissingExtra(missing, "clickhouse", purpose="Reading the warehouse") from None
        # Without a handler, Python prints the driver's log to standard error.
        logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
        arguments = client_arguments(settings)
        address = "ClickHouse at {host}:{port}".format(**arguments)
        try:
            client = clickhouse_connect.get_client(**arguments)
        except ClickHouseError as error:
            raise refused_connection(address, error) from None
        return cls(client, address=address, user=str(arguments["username"]))

    @property
    def version(self) -> str:
        """ClickHouse's version."""
        return f"clickhouse {self.client.server_version}"

    def content_hash(self, columns: Mapping[str, DataType]) -> str:
        """Return an expression for the sum of all rows' hashes; a tuple makes a NULL count."""
        if not columns:
            return "CAST(NULL AS Nullable(String))"
        return f"toString(sumOrNull(sipHash64(tuple({', '.join(columns)}))))"

    def columns(self, source: str, *, is_query: bool = False) -> dict[str, DataType]:
        """Return the columns of a relation or a query; ClickHouse reads no row for it."""
        doing = "describe the entity frame's SQL" if is_query else f"describe {source}"
        with self._translated(doing):
            found = self._described(f"(\n{source}\n)" if is_query else source)
        return {name: described_type(text) for name, text in found.items()}

    def _described(self, source: str) -> dict[str, str]:
        rows = self._rows(f"DESCRIBE TABLE {source}")
        return {row["name"]: row["type"] for row in rows if row["default_type"] != "EPHEMERAL"}

    def estimate(
        self,
        source: str,
        columns: Sequence[str] = (),
        *,
        over: str | None = None,
        above: int = 0,
        is_query: bool = False,
    ) -> Estimate | None:
        """Return the number of rows that ClickHouse counts, and statistics of the first million.

        It keeps no counts of values, nor the bounds of a column. Those of some rows are less than
        those of all, and then the default shape of join is taken.
        """
        if is_query:
            return None
        with self._translated(f"read the statistics of {source}"):
            found = self._of_table(source, "total_rows")
        if found is None:
            return None
        rows = int(found)
        if rows <= above or not columns:
            return Estimate(rows)
        return self._sampled(source, rows, columns, over)

    def table_id(self, relation: str) -> str:
        """Return the UUID of a table that stores its own rows; empty for any other."""
        with self._translated(f"look up {relation}"):
            found = self._of_table(relation, "if(engine LIKE '%MergeTree', toString(uuid), '')")
        # A database of the engine Ordinary gives no UUIDs.
        return "" if found in (None, _NO_UUID) else str(found)

    def _of_table(self, source: str, value: str) -> Any:
        """Return a value of a table's row in the catalog; None without such a row."""
        table = exp.to_table(source, dialect="clickhouse")
        within = f"database = {_literal(table.db)}"
        if not table.db:
            within = "(is_temporary OR database = currentDatabase())"
        found = self._rows(
            f"SELECT {value} AS found FROM system.tables"
            f" WHERE name = {_literal(table.name)} AND {within}"
            " ORDER BY is_temporary DESC LIMIT 1"
        )
        return found[0]["found"] if found else None

    def planned_read(self, sql: str) -> PlannedRead:
        """Return the rows of the parts and granules that a query reads of MergeTree tables."""
        with self._translated("plan the query"):
            found = self._rows(f"SELECT sum(rows) AS found FROM (EXPLAIN ESTIMATE {sql})")
        return PlannedRead(rows=int(found[0]["found"]))

    def _sampled(
        self, source: str, rows: int, columns: Sequence[str], over: str | None
    ) -> Estimate:
        read = dict.fromkeys((*columns, *([over] if over else ())))
        names = {name: exp.to_identifier(name, quoted=True).sql("clickhouse") for name in read}
        wanted = [f"uniq({names[name]}) AS n{place}" for place, name in enumerate(columns)]
        if over:
            wanted += [f"toString({end}({names[over]})) AS {end}" for end in ("min", "max")]
        some = f"SELECT {', '.join(names.values())} FROM {source} LIMIT {_SAMPLE}"
        with self._translated(f"read the statistics of {source}"):
            (found,) = self._rows(f"SELECT {', '.join(wanted)} FROM ({some})")
        distinct = max(int(found[f"n{place}"]) for place in range(len(columns)))
        span = time_span(found["min"], found["max"]) if over else None
        return Estimate(rows, distinct, span)

    def upload(self, name: str, table: pa.Table) -> str:
        """Copy Arrow data into a temporary table."""
        table = canonical_table(table)
        for field in table.schema:
            check_storable(field.name, table[field.name])
        columns = ", ".join(
            f"{exp.to_identifier(field.name, quoted=True).sql('clickhouse')}"
            f" {created_type(data_type(field.type))}"
            for field in table.schema
        )
        self._create(name, f"({columns})")
        if table.num_rows:
            with self._translated("upload the data frame"):
                self.client.insert_arrow(name, as_texts(table))
        return name

    def stage(self, name: str, sql: str) -> str:
        """Store a query's rows in a temporary table."""
        self._create(name, f"AS\n{sql}")
        return name

    def _create(self, name: str, definition: str) -> None:
        """Create a temporary table in place of one of the same name."""
        self.execute(f"DROP TEMPORARY TABLE IF EXISTS {name}")
        self.execute(f"CREATE TEMPORARY TABLE {name} {definition}")
        self._temporary[name] = None

    def stream(self, sql: str) -> pa.RecordBatchReader:
        """Run a query and stream its rows."""
        with self._translated("run the query"):
            reader = self._reader(readable(sql, self._described(f"(\n{sql}\n)")))
        # A field that allows no NULL would be another type than DuckDB's.
        schema = pa.schema([(field.name, result_type(field.type)) for field in reader.schema])
        checked = pa.RecordBatchReader.from_batches(reader.schema, map(in_utf8, reader))
        return recast(checked, schema, lambda: self._translated("fetch the query's rows"))

    def _reader(self, sql: str) -> pa.RecordBatchReader:
        self._end_stream()
        raw = self.client.raw_stream(sql, fmt="ArrowStream")
        self._response = Response(raw)
        source: Any = self._response
        return pa.ipc.open_stream(source)

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        return self._reader(sql).read_all().to_pylist()

    def _end_stream(self) -> None:
        """Close a response that may not be read to its end: a session runs one statement."""
        if self._response is not None:
            self._response.close()
            self._response = None

    def execute(self, sql: str) -> None:
        """Run a statement."""
        self._run("run a statement", sql)

    def _run(self, doing: str, sql: str) -> None:
        with self._translated(doing):
            self._end_stream()
            self.client.command(sql)

    def write_table(self, name: str, sql: str) -> int:
        """Replace a table in one statement; others read the old table until it is complete."""
        table = exp.to_table(name, dialect="clickhouse").sql("clickhouse")
        engine = "ENGINE = MergeTree ORDER BY tuple()"
        self._run(f"write the table {name}", f"CREATE OR REPLACE TABLE {table} {engine} AS {sql}")
        with self._translated(f"count the rows of {name}"):
            return int(self._rows(f"SELECT count() AS n FROM {table}")[0]["n"])

    def write_parquet(self, path: Path, sql: str) -> int:
        """Stream a query's rows to a Parquet file."""
        return write_parquet(path, self.stream(sql))

    def close(self) -> None:
        """Drop the temporary tables, which the server would keep for an hour, and disconnect."""
        with contextlib.suppress(WarehouseError):
            while self._temporary:
                self.execute(f"DROP TEMPORARY TABLE IF EXISTS {self._temporary.popitem()[0]}")
        self._end_stream()
        self.client.close()

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        """Translate the driver's errors into the package's own."""
        from clickhouse_connect.driver.exceptions import ClickHouseError
        from urllib3.exceptions import HTTPError

        try:
            yield
        except ClickHouseError as error:
            raise self._ours(doing, type(error).__name__, str(error)) from None
        except HTTPError as error:
            raise self._ours(doing, "OperationalError", str(error)) from None
        except (pa.ArrowException, OSError) as error:
            # After the first row, an error of the engine ends the response as text.
            said = self._response.last_words() if self._response else ""
            raise self._ours(doing, type(error).__name__, said or str(error)) from None

    def _ours(self, doing: str, kind: str, text: str) -> WarehouseError:
        return translated_error(
            doing,
            kind,
            text,
            address=self._address,
            user=self._user,
            hides_values=self.hides_values,
        )


def _literal(text: str) -> str:
    return exp.Literal.string(text).sql("clickhouse")
