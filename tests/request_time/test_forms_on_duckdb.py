"""Every form of the table on DuckDB, with every pair of edge values."""

from __future__ import annotations

from featurestore.request_time.table import FORMS
from featurestore.values.type_spellings import parse_type
from tests.request_time.duckdb_inputs import answers, connection
from tests.request_time.generated_cases import cases_of
from tests.request_time.judged import differences, outcomes_of

__all__ = ["connection"]

CHUNK = 60


def chunks(listed):
    """Split a list into parts that one statement takes."""
    return [listed[start : start + CHUNK] for start in range(0, len(listed), CHUNK)]


def test_every_form_has_a_case():
    """A form that the generator does not reach would be untested."""
    reached = {case.form for case in cases_of("duckdb")}

    assert [] == [
        (form.written, form.takes)
        for form in FORMS
        if "duckdb" in form.dialects and form not in reached
    ]


def test_values_types_and_errors(connection):
    """Each value and each type is the warehouse's, and where it raises the project says ERROR."""
    wrong = []
    for outcomes in chunks(outcomes_of(cases_of("duckdb"))):
        types, columns = answers(connection, outcomes)
        wrong += [
            f"{case.text}: {case.expression.data_type}, warehouse {found}"
            for (case, _), found in zip(outcomes, types, strict=True)
            if parse_type(str(found)) != case.expression.data_type
        ]
        wrong += differences(outcomes, columns)

    assert [] == wrong
