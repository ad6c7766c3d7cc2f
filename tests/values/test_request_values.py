"""The forms of a value that a request field accepts."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from featurestore.values.request_values import request_rule
from featurestore.values.type_spellings import parse_type

FITS = [
    ("bigint", [3, np.int64(3), Decimal(3), Decimal("3.0")], 3),
    ("double", [3, 3.0, np.float32(3), np.int8(3)], 3.0),
    ("decimal(9,2)", [3.5, "3.5", Decimal("3.50")], Decimal("3.50")),
    ("varchar", ["x"], "x"),
    ("boolean", [True, "true", np.bool_(True)], True),
    ("date", ["2024-03-01", date(2024, 3, 1)], date(2024, 3, 1)),
    ("time", ["12:30", time(12, 30)], time(12, 30)),
    (
        "timestamp",
        [
            "2024-03-01T12:00Z",
            "2024-03-01 13:00+01:00",
            datetime(2024, 3, 1, 12, tzinfo=UTC),
            pd.Timestamp("2024-03-01 12:00"),
            np.datetime64("2024-03-01T12:00"),
        ],
        datetime(2024, 3, 1, 12),  # noqa: DTZ001, naive timestamps are UTC
    ),
    ("timestamptz", ["2024-03-01", date(2024, 3, 1)], datetime(2024, 3, 1, tzinfo=UTC)),
]
DOES_NOT_FIT = [
    ("tinyint", [128, -129]),
    ("bigint", [True, "3", 3.0, Decimal("3.5"), 2**63]),
    ("double", [True, "3", Decimal(3), None]),
    ("decimal(9,2)", ["x", 0.125, 10**7, True]),
    ("varchar", [3, b"x"]),
    ("boolean", [1, "yes"]),
    ("date", ["2024-02-30", datetime(2024, 3, 1, tzinfo=UTC)]),
    ("time", ["12:30Z", 12]),
    ("timestamp", ["noon", 0, "2024-03-01 12:00:00.1234567"]),
]


@pytest.mark.parametrize(("spelled", "forms", "expected"), FITS)
def test_each_accepted_form_of_a_value(spelled, forms, expected):
    """All forms give one Python value of one type."""
    rule = request_rule(parse_type(spelled))

    assert {(type(expected), expected)} == {(type(rule(form)), rule(form)) for form in forms}


@pytest.mark.parametrize(
    ("spelled", "value"), [(spelled, each) for spelled, values in DOES_NOT_FIT for each in values]
)
def test_another_form_is_refused(spelled, value):
    """The rule raises; the read turns that into an error that names the field."""
    with pytest.raises((TypeError, ValueError, KeyError, ArithmeticError)):
        request_rule(parse_type(spelled))(value)
