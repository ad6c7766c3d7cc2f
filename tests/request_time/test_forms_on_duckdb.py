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
    failures,
    outcomes_of,
    select_list,
    sql_of,
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


def test_values_and_types(connection):
    """Each value and each type is the warehouse's."""
    wrong = []
    for outcomes in chunks(outcomes_of(CASES)):
        statement = f"SELECT {select_list(outcomes)} FROM inputs ORDER BY id"
        answer = connection.sql(statement)
        for (case, _), found in zip(outcomes, answer.types, strict=True):
            if parse_type(str(found)) != case.expression.data_type:
                wrong.append(f"{case.text}: {case.expression.data_type}, warehouse {found}")
        rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.fetchall()]
        wrong += differences(outcomes, rows)

    assert [] == wrong


def test_errors(connection):
    """Where the project says ERROR, the warehouse raises an error as well."""
    kept = []
    for part in chunks(failures(outcomes_of(CASES), most=10)):
        tried = ", ".join(
            f"(SELECT TRY({sql_of(case)}) FROM inputs WHERE id = {row})" for case, row in part
        )
        answer = connection.execute(f"SELECT {tried}").fetchone()
        kept += [
            f"{case.text}: warehouse {value!r} in row {row}"
            for (case, row), value in zip(part, answer, strict=True)
            if value is not None
        ]

    assert [] == kept
