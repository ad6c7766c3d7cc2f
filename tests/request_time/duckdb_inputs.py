"""The edge values as a table of DuckDB, in a session far from UTC."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from tests.request_time.edge_values import COLUMNS, ROWS, arrow_type, rows_of
from tests.request_time.judged import select_list

__all__ = ["answers", "connection"]


@pytest.fixture(scope="module")
def connection():
    """Return a database with the table."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'America/New_York'")
    schema = pa.schema({name: arrow_type(found) for name, found in COLUMNS.items()})
    table = pa.table(rows_of(), schema).append_column("id", pa.array(range(ROWS)))
    connection.register("given", table)
    connection.execute("CREATE TABLE inputs AS SELECT * FROM given")
    yield connection
    connection.close()


def answers(connection, outcomes):
    """Return the warehouse's types and columns; an error is NULL where the project has one too."""
    query = f"SELECT {select_list(outcomes, 'TRY({})')} FROM inputs ORDER BY id"
    answer = connection.sql(query)
    return answer.types, [listed(column) for column in answer.to_arrow_table().columns]


def listed(column):
    """Return a column as a list; instants in UTC, in every zone of a session."""
    zoned = pa.types.is_timestamp(column.type) and column.type.tz
    return (column.cast(pa.timestamp("us", "UTC")) if zoned else column).to_pylist()
