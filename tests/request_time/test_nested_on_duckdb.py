"""Nested expressions on DuckDB."""

from __future__ import annotations

from hypothesis import HealthCheck, given

from featurestore.request_time import compile_expression
from tests.request_time.duckdb_inputs import answers, connection
from tests.request_time.edge_values import ROWS, rows_of
from tests.request_time.judged import differences, outcomes_of
from tests.request_time.nested_cases import nested_cases
from tests.support.examples import examples

__all__ = ["connection"]

# The same cases each time, so that two runs judge alike.
NESTED = examples(20, suppress_health_check=list(HealthCheck), deadline=None, derandomize=True)


@given(cases=nested_cases("duckdb", 20))
@NESTED
def test_nested_expressions(connection, cases):
    """Each value is the warehouse's, however the forms are nested."""
    outcomes = outcomes_of(cases)

    found = differences(outcomes, answers(connection, outcomes)[1])

    # DuckDB leaves out a step whose result it can tell, so it may have a value where the project
    # says ERROR. The tests of single forms judge every error.
    assert [] == [one for one in found if ": Failed(" not in one]


@given(cases=nested_cases("duckdb", 5))
@NESTED
def test_a_batch_has_the_values_of_its_rows(cases):
    """A row has the same value alone, where CASE computes for it only what it needs."""
    columns = rows_of()
    for case, values in outcomes_of(cases):
        compute = compile_expression(case.expression)
        for row in range(0, ROWS, 13):
            alone = compute({name: [column[row]] for name, column in columns.items()}, 1)
            assert repr([values[row]]) == repr(alone), case.text
