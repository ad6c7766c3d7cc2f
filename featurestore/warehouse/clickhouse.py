"""ClickHouse, over HTTP, with the connection settings of dbt-clickhouse.

Source: https://clickhouse.com/docs/integrations/dbt
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
from sqlglot import exp

from featurestore.errors import (
    MissingExtra,
    MissingRight,
    RelationNotBuilt,
    UnsupportedDialect,
    WarehouseError,
    WarehouseUnavailable,
)
from featurestore.values.dbt_profile import Profile
from featurestore.values.types import DataType
from featurestore.warehouse.abilities import Estimate, KeepsStatistics
from featurestore.warehouse.arrow import (
    canonical_table,
    canonical_type,
    data_type,
    recast,
    sql_type,
    write_parquet,
)
from featurestore.warehouse.clickhouse_types import created_type, described_type, readable
from featurestore.warehouse.protocol import Warehouse, values_hidden

__all__ = ["SETTINGS", "ClickHouseWarehouse"]

SETTINGS = {
    # By default an outer join fills missing values with 0 or an empty text instead of NULL.
    "join_use_nulls": 1,
    # A DateTime without a zone is read and written in the session's.
    "session_timezone": "UTC",
    "output_format_arrow_string_as_string": 1,
}
"""The settings of every session: statements and types depend on them."""
# Temporary tables live as long as the session. The server ends it after this time without a
# statement; an hour is the longest that it allows by default.
_SESSION_SECONDS = 3600
_NO_RELATION = (60, 81)
_NO_RIGHT = (164, 497)
_LOST = (209, 210, 279)
_ABOUT_SQL = (42, 43, 46, 47, 48, 62, 63, 179, 215, 344, 352, 386)
"""The codes of errors that quote the statement, and never a row."""
_GRANT = re.compile(r"have the grant (?P<grant>.+?)\.?(?: \([A-Z_]+\))?$")
_CODE = re.compile(r"Code: (\d+)\. DB::Exception: ")
_TRAILER = re.compile(
    r"( \([A-Z_]+\))?( \(version [^()]*(\([^()]*\))?\))?( \(for url [^ ]+\))?\.?\s*$"
)
_CAUSE = re.compile(r"Caused by \w+\(.*?: (?P<cause>[^:]+?)[\"']?\)\)")
_TAIL = 16_384
"""The bytes at the end of a response in which an error in mid-stream is looked for."""


class ClickHouseWarehouse(Warehouse, KeepsStatistics):
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
        self._response: _Response | None = None

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
            raise _refused(address, error) from None
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
        columns: Sequence[str] = (),  # noqa: ARG002, ClickHouse keeps no counts of values
        *,
        over: str | None = None,  # noqa: ARG002, nor the bounds of a column
        above: int = 0,  # noqa: ARG002
        is_query: bool = False,
    ) -> Estimate | None:
        """Return the number of rows that ClickHouse counts for a table of its own."""
        if is_query:
            return None
        table = exp.to_table(source, dialect="clickhouse")
        within = f"database = {_literal(table.db)}"
        if not table.db:
            within = "(is_temporary OR database = currentDatabase())"
        with self._translated(f"read the statistics of {source}"):
            found = self._rows(
                "SELECT total_rows FROM system.tables"
                f" WHERE name = {_literal(table.name)} AND {within}"
                " ORDER BY is_temporary DESC LIMIT 1"
            )
        if not found or found[0]["total_rows"] is None:
            return None
        return Estimate(int(found[0]["total_rows"]))

    def upload(self, name: str, table: pa.Table) -> str:
        """Copy Arrow data into a temporary table."""
        table = canonical_table(table)
        for field in table.schema:
            _check_storable(field.name, table[field.name])
        columns = ", ".join(
            f"{exp.to_identifier(field.name, quoted=True).sql('clickhouse')}"
            f" {created_type(data_type(field.type))}"
            for field in table.schema
        )
        self._create(name, f"({columns})")
        if table.num_rows:
            with self._translated("upload the data frame"):
                self.client.insert_arrow(name, _as_texts(table))
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
        schema = pa.schema([(field.name, _result_type(field.type)) for field in reader.schema])
        checked = pa.RecordBatchReader.from_batches(reader.schema, map(_in_utf8, reader))
        return recast(checked, schema, lambda: self._translated("fetch the query's rows"))

    def _reader(self, sql: str) -> pa.RecordBatchReader:
        self._end_stream()
        raw = self.client.raw_stream(sql, fmt="ArrowStream")
        self._response = _Response(raw)
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
        code, reason = _code(text), _reason(text)
        message = f"Cannot {doing}: {reason}"
        if code in _NO_RELATION:
            return RelationNotBuilt(message, remedy="If it is a dbt model, run `dbt build`.")
        if code in _NO_RIGHT:
            return _missing_right(message, text, self._user)
        if code in _LOST or (code is None and kind == "OperationalError"):
            return WarehouseUnavailable(f"Lost the connection to {self._address}. {message}")
        if self.hides_values and code not in _ABOUT_SQL:
            return values_hidden(doing, f"{kind} {code or ''}".strip())
        return WarehouseError(message)


class _Response:
    """A response of the server that remembers its last bytes."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._tail = b""
        self.closed = False

    def read(self, size: int) -> bytes:
        """Return the next bytes; fewer than asked for only at the end."""
        parts: list[bytes] = []
        while size > 0 and (part := self._raw.read(size)):
            parts.append(part)
            size -= len(part)
        data = b"".join(parts)
        self._tail = (self._tail + data[-_TAIL:])[-_TAIL:]
        return data

    def last_words(self) -> str:
        """Return the engine's error at the end of the response; empty if there is none."""
        with contextlib.suppress(Exception):
            self.read(_TAIL)
        _, code, words = self._tail.decode("utf-8", "replace").rpartition("Code: ")
        return code + words

    def close(self) -> None:
        """Close the response."""
        self.closed = True
        self._raw.close()


def client_arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the driver's arguments for a target's settings.

    >>> found = client_arguments({"host": "ch", "secure": True, "schema": "marts"})
    >>> found["port"], found["username"], found["database"]
    (8443, 'default', 'marts')
    """
    secure = bool(settings.get("secure", False))
    optional = {
        "connect_timeout": settings.get("connect_timeout"),
        "send_receive_timeout": settings.get("send_receive_timeout"),
        "compress": settings.get("compression"),
        "client_cert": settings.get("client_cert"),
        "client_cert_key": settings.get("client_cert_key"),
        "server_host_name": settings.get("server_host_name"),
    }
    return {
        "host": str(settings.get("host") or "localhost"),
        "port": int(settings.get("port") or (8443 if secure else 8123)),
        "username": str(settings.get("user") or "default"),
        "password": str(settings.get("password") or ""),
        "database": str(settings.get("schema") or "default"),
        "interface": "https" if secure else "http",
        "verify": bool(settings.get("verify", True)),
        "autogenerate_session_id": True,
        "settings": {
            "session_timeout": _SESSION_SECONDS,
            **(settings.get("custom_settings") or {}),
            **SETTINGS,
        },
        **{name: value for name, value in optional.items() if value is not None},
    }


def _refused(address: str, error: Exception) -> WarehouseUnavailable:
    """Return the error about a failed connection; a server that refuses it is running."""
    text = str(error)
    remedy = "Is it running, and is the target in profiles.yml right? Try `dbt debug`."
    if "is readonly" in text:
        remedy = "The user's profile must let it change settings: `readonly = 2`, or 0."
    elif _code(text) is not None:
        remedy = "The server runs and refuses the connection: correct the target in profiles.yml."
    return WarehouseUnavailable(f"Cannot connect to {address}: {_reason(text)}", remedy=remedy)


def _missing_right(message: str, text: str, user: str) -> MissingRight:
    """Return the error about a right that the user lacks; ClickHouse names it as a GRANT does."""
    found = _GRANT.search(_reason(text))
    if found is None:
        return MissingRight(message, remedy="Grant the user the right, or use another target.")
    return MissingRight(message, remedy=f"GRANT {found['grant']} TO {user or 'the user'}.")


def _code(text: str) -> int | None:
    found = re.search(r"Code: (\d+)", text)
    return int(found[1]) if found else None


def _reason(text: str) -> str:
    """Return the engine's first line, without its code and version, or why there is none."""
    if found := _CAUSE.search(text):
        return found["cause"]
    words = _CODE.split(text)[-1].strip().splitlines() or [text]
    return _TRAILER.sub("", words[0]).strip() or text


def _result_type(arrow: Any) -> pa.DataType:
    """Return the type of a result's column, the same as DuckDB's for the same values."""
    if pa.types.is_list(arrow):
        return pa.list_(_result_type(arrow.value_type))
    if arrow in (pa.json_(), pa.uuid()):
        return pa.string()
    return arrow if pa.types.is_unsigned_integer(arrow) else canonical_type(arrow)


def _in_utf8(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch; bytes that ClickHouse keeps in a String are not text."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            raise WarehouseError(
                f"The column '{name}' holds bytes that are not text in UTF-8.",
                remedy="Write them as text in the model, for example with hex().",
            ) from None
    return batch


def _check_storable(name: str, column: Any) -> None:
    """Refuse a column of a data frame whose values ClickHouse would change."""
    sql_type(name, column.type)
    reason = None
    if pa.types.is_binary(column.type):
        reason = "is binary, which ClickHouse returns as text"
    elif pa.types.is_list(column.type) and column.null_count:
        reason = "has a list that is NULL, which ClickHouse would store as an empty list"
    if reason:
        raise WarehouseError(
            f"The column '{name}' of the data frame {reason}.", remedy="Drop or convert the column."
        )


def _as_texts(table: pa.Table) -> pa.Table:
    """Return a table with UUIDs and JSON as text, which ClickHouse parses."""
    for place, field in enumerate(table.schema):
        if field.type in (pa.json_(), pa.uuid()):
            texts = [None if v is None else str(v) for v in table[field.name].to_pylist()]
            table = table.set_column(place, field.name, pa.array(texts, pa.string()))
    return table


def _literal(text: str) -> str:
    return exp.Literal.string(text).sql("clickhouse")
