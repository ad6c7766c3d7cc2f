"""Every form of the table of request-time expressions on PostgreSQL and on Spark."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given

from featurestore.request_time.table import FORMS
from featurestore.values.type_spellings import parse_type
from tests.engines.postgres_engine import Postgres
from tests.engines.spark_engine import Spark
from tests.request_time.edge_values import COLUMNS, ROWS, arrow_type, rows_of
from tests.request_time.generated_cases import cases_of
from tests.request_time.judged import (
    differences,
    must_fail,
    outcomes_of,
    select_list,
    sql_of,
)
from tests.request_time.nested_cases import nested_cases
from tests.support.examples import examples

pytestmark = [
    pytest.mark.engines,
    # Drivers warn about themselves.
    pytest.mark.filterwarnings("default"),
]
CHUNK = 100
POSTGRES_TYPES = {
    "int16": "smallint",
    "int32": "integer",
    "int64": "bigint",
    "float64": "double precision",
    "string": "text",
}
SPARK_TYPES = {
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "float64": "double",
    "timestamp": "timestamp_ntz",
    "timestamptz": "timestamp",
}
# Says whether a query raises an error.
RAISES = """
CREATE FUNCTION raises(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE ignored text;
BEGIN
    EXECUTE query INTO ignored;
    RETURN false;
EXCEPTION WHEN OTHERS THEN
    RETURN true;
END $$
"""


def chunks(listed):
    """Split a list into parts that one statement takes."""
    return [listed[start : start + CHUNK] for start in range(0, len(listed), CHUNK)]


def columns_of(rows, count):
    """Return the columns e0, e1, ... of rows."""
    return [[row[f"e{place}"] for row in rows] for place in range(count)]


@pytest.mark.parametrize("dialect", ["postgres", "spark"])
def test_every_form_has_a_case(dialect):
    """A form that the generator does not reach would be untested."""
    reached = {case.form for case in cases_of(dialect)}

    assert [] == [
        (form.written, form.takes)
        for form in FORMS
        if dialect in form.dialects and form not in reached
    ]


@pytest.fixture(scope="module")
def postgres():
    """Return a server with the edge values."""
    engine = Postgres()
    connection = engine.connection
    typed = ", ".join(
        f'"{name}" {POSTGRES_TYPES.get(str(found), str(found))}' for name, found in COLUMNS.items()
    )
    connection.execute(f"CREATE TABLE inputs (id integer, {typed})")
    names = ["id", *COLUMNS]
    columns = {"id": range(ROWS), **rows_of()}
    marks = ", ".join(["%s"] * len(names))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO inputs VALUES ({marks})",
            list(zip(*(columns[name] for name in names), strict=True)),
        )
    connection.execute(RAISES)
    yield engine
    engine.close()


def test_values_and_types_on_postgres(postgres):
    """Each value and each type is PostgreSQL's."""
    wrong = []
    for outcomes in chunks(outcomes_of(cases_of("postgres"))):
        postgres.connection.execute("DROP VIEW IF EXISTS answers")
        postgres.connection.execute(
            f"CREATE VIEW answers AS SELECT id, {select_list(outcomes)} FROM inputs"
        )
        # Without the CASE around it, which forgets the digits of a decimal.
        plain = ", ".join(f"{sql_of(case)} AS e{place}" for place, (case, _) in enumerate(outcomes))
        postgres.connection.execute("DROP VIEW IF EXISTS typed")
        postgres.connection.execute(f"CREATE VIEW typed AS SELECT {plain} FROM inputs")
        types = postgres.rows(
            "SELECT format_type(atttypid, atttypmod) AS type FROM pg_attribute"
            " WHERE attrelid = 'typed'::regclass ORDER BY attnum"
        )
        for (case, _), found in zip(outcomes, types, strict=True):
            if parse_type(found["type"], "postgres") != case.expression.data_type:
                wrong.append(f"{case.text}: {case.expression.data_type}, warehouse {found}")
        rows = postgres.rows("SELECT * FROM answers ORDER BY id")
        wrong += differences(outcomes, columns_of(rows, len(outcomes)))

    assert [] == wrong


def test_errors_on_postgres(postgres):
    """Where the project says ERROR, PostgreSQL raises an error as well."""
    kept = []
    for part in chunks(must_fail(outcomes_of(cases_of("postgres")), most=6)):
        queries = [f"SELECT {sql_of(case)} FROM inputs WHERE id = {row}" for case, row in part]
        marks = ", ".join(f"raises(%s) AS e{place}" for place in range(len(part)))
        answer = postgres.connection.execute(f"SELECT {marks}", queries).fetchone()
        kept += [
            f"{case.text}: no error in row {row}"
            for (case, row), raised in zip(part, answer.values(), strict=True)
            if not raised
        ]

    assert [] == kept


@pytest.fixture(scope="module")
def spark():
    """Return a session with the edge values."""
    engine = Spark()
    schema = pa.schema({name: arrow_type(found) for name, found in COLUMNS.items()})
    table = pa.table(rows_of(), schema).append_column("id", pa.array(range(ROWS)))
    typed = ", ".join(
        f"`{name}` {SPARK_TYPES.get(str(found), str(found))}" for name, found in COLUMNS.items()
    )
    frame = engine.session.createDataFrame(table, f"{typed}, id bigint")
    frame.createOrReplaceTempView("inputs")
    yield engine
    engine.close()


def test_values_and_types_on_spark(spark):
    """Each value and each type is Spark's."""
    wrong = []
    for outcomes in chunks(outcomes_of(cases_of("spark"))):
        frame = spark.session.sql(f"SELECT {select_list(outcomes)} FROM inputs ORDER BY id")
        for (case, _), found in zip(outcomes, frame.schema, strict=True):
            if parse_type(found.dataType.simpleString(), "spark") != case.expression.data_type:
                wrong.append(f"{case.text}: {case.expression.data_type}, warehouse {found}")
        wrong += differences(outcomes, [column.to_pylist() for column in frame.toArrow().columns])

    assert [] == wrong


def test_errors_on_spark(spark):
    """Where the project says ERROR, Spark raises an error as well: one row of each form."""
    seen, kept = set(), []
    for case, row in must_fail(outcomes_of(cases_of("spark")), most=1):
        if case.form not in seen:
            seen.add(case.form)
            query = f"SELECT {sql_of(case)} FROM inputs WHERE id = {row}"
            if not raises(spark, query):
                kept.append(f"{case.text}: no error in row {row}")

    assert [] == kept


def raises(spark, query):
    """Return whether a query raises an error."""
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        spark.session.sql(query).collect()
    except (PySparkException, Py4JJavaError):
        return True
    return False


# The same cases each time: engines compute a constant such as 1 % (7 - 7) while they plan, and then
# a whole statement fails for an expression that no row needs.
NESTED = examples(6, suppress_health_check=list(HealthCheck), deadline=None, derandomize=True)


@given(cases=nested_cases("postgres", 20))
@NESTED
def test_nested_expressions_on_postgres(postgres, cases):
    """Each value is PostgreSQL's, however the forms are nested."""
    outcomes = outcomes_of(cases)
    rows = postgres.rows(f"SELECT {select_list(outcomes)} FROM inputs ORDER BY id")

    assert [] == differences(outcomes, columns_of(rows, len(outcomes)))


@given(cases=nested_cases("spark", 20))
@NESTED
def test_nested_expressions_on_spark(spark, cases):
    """Each value is Spark's, however the forms are nested."""
    outcomes = outcomes_of(cases)
    frame = spark.session.sql(f"SELECT {select_list(outcomes)} FROM inputs ORDER BY id")

    assert [] == differences(outcomes, [column.to_pylist() for column in frame.toArrow().columns])
