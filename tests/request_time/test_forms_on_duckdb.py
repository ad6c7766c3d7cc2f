"""Every form of the table on DuckDB, with every pair of edge values."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from featurestore.request_time.table import FORMS
from featurestore.values.type_spellings import parse_type
from tests.request_time.edge_values import COLUMNS, ROWS, arrow_type, rows_of
from tests.request_time.generated_cases import cases_of
from tests.request_time.judged import (
    differences,
    outcomes_of,
    select_list,
)

CASES = cases_of("duckdb")
CHUNK = 60


@pytest.fixture(scope="module")
def connection():
    """Return a database with the edge values, in a session far from UTC."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'America/New_York'")
    columns = rows_of()
    schema = pa.schema({name: arrow_type(found) for name, found in COLUMNS.items()})
    table = pa.table(columns, schema).append_column("id", pa.array(range(ROWS)))
    connection.register("given", table)
    connection.execute("CREATE TABLE inputs AS SELECT * FROM given")
    yield connection
    connection.close()


def chunks(listed):
    """Split a list into parts that one statement takes."""
    return [listed[start : start + CHUNK] for start in range(0, len(listed), CHUNK)]


def test_every_form_has_a_case():
    """A form that the generator does not reach would be untested."""
    reached = {case.form for case in CASES}

    assert [] == [
        (form.written, form.takes)
        for form in FORMS
        if "duckdb" in form.dialects and form not in reached
    ]


def test_values_types_and_errors(connection):
    """Each value and each type is the warehouse's, and where it raises the project says ERROR."""
    wrong = []
    for outcomes in chunks(outcomes_of(CASES)):
        query = f"SELECT {select_list(outcomes, 'TRY({})')} FROM inputs ORDER BY id"
        answer = connection.sql(query)
        for (case, _), found in zip(outcomes, answer.types, strict=True):
            if parse_type(str(found)) != case.expression.data_type:
                wrong.append(f"{case.text}: {case.expression.data_type}, warehouse {found}")
        wrong += differences(outcomes, listed(answer.to_arrow_table()))

    assert [] == wrong


def listed(table):
    """Return the columns of a table; instants in UTC, whatever the session's zone is."""
    utc = pa.timestamp("us", "UTC")
    return [
        (
            column.cast(utc) if pa.types.is_timestamp(column.type) and column.type.tz else column
        ).to_pylist()
        for column in table.columns
    ]
