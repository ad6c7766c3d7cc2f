"""Nested expressions on DuckDB."""

from __future__ import annotations

from hypothesis import HealthCheck, given

from tests.request_time.duckdb_inputs import answers, connection
from tests.request_time.judged import differences, outcomes_of
from tests.request_time.nested_cases import nested_cases
from tests.support.examples import examples

__all__ = ["connection"]


@given(cases=nested_cases("duckdb", 20))
@examples(20, suppress_health_check=list(HealthCheck), deadline=None)
def test_nested_expressions(connection, cases):
    """Each value is the warehouse's, however the forms are nested."""
    outcomes = outcomes_of(cases)

    assert [] == differences(outcomes, answers(connection, outcomes)[1])
