"""A default in the type of its column: what fits, and what does not."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from featurestore.values.type_spellings import parse_type
from featurestore.values.typed_default import typed_default

FITS = [
    ("boolean", False, False),
    ("tinyint", -128, -128),
    ("bigint", 2**63 - 1, 2**63 - 1),
    ("hugeint", 10**30, 10**30),
    ("double", 3, 3.0),
    ("double", 0.1, 0.1),
    ("real", 0.1, 0.10000000149011612),
    ("decimal(5,2)", 0.1, Decimal("0.10")),
    ("decimal(5,2)", "999.99", Decimal("999.99")),
    ("decimal(38,0)", 10**37, Decimal(10**37)),
    ("varchar", "", ""),
    ("varchar", "ß", "ß"),
    ("uuid", "7d5e1b5c-6a1c-4f3c-9e1e-000000000001", "7d5e1b5c-6a1c-4f3c-9e1e-000000000001"),
    ("date", "0001-01-01", date(1, 1, 1)),
    ("time", "23:59:59.5", time(23, 59, 59, 500_000)),
    ("timestamp", "2024-03-10 12:00+02:00", datetime(2024, 3, 10, 10)),  # noqa: DTZ001, naive
    ("timestamptz", "2024-03-10", datetime(2024, 3, 10, tzinfo=UTC)),
]
DOES_NOT_FIT = [
    ("boolean", 0, "must be true or false"),
    ("tinyint", 128, "from -128 to 127"),
    ("utinyint", -1, "from 0 to 255"),
    ("bigint", True, "must be an integer"),
    ("bigint", 1.0, "must be an integer"),
    ("bigint", "1", "must be an integer"),
    ("double", "0.1", "must be a finite number"),
    ("double", float("nan"), "must be a finite number"),
    ("double", True, "must be a finite number"),
    ("real", 1e300, "must be a float32"),
    ("decimal(5,2)", 0.125, "at most 3 digits before the point and 2 behind it"),
    ("decimal(5,2)", 1000, "at most 3 digits before the point and 2 behind it"),
    ("decimal(5,2)", "x", r"must be a decimal\(5,2\)"),
    ("decimal(5,2)", "NaN", "must be a finite number"),
    ("varchar", 5, "write '5' in quotes"),
    ("uuid", "7D5E1B5C-6A1C-4F3C-9E1E-000000000001", "in lower case"),
    ("uuid", "x", "badly formed"),
    ("date", "2024-02-30", "day"),
    ("date", 20240230, "must be a date"),
    ("timestamp_s", "2024-03-10 12:00:00.5", "more digits of a second"),
    ("timestamp", 0, "must be a timestamp"),
    ("time", "12:00+02:00", "without a zone"),
    ("time", 12, "must be a time"),
    ("bigint[]", 1, "cannot have one"),
    ("blob", "x", "cannot have one"),
]


@pytest.mark.parametrize(("spelled", "written", "expected"), FITS)
def test_a_default_becomes_a_value_of_its_type(spelled, written, expected):
    """The value and its Python type are those of an online read."""
    found = typed_default(written, parse_type(spelled))

    assert (type(expected), expected) == (type(found), found)
    assert str(expected) == str(found)


@pytest.mark.parametrize(("spelled", "written", "reason"), DOES_NOT_FIT)
def test_another_default_is_refused(spelled, written, reason):
    """The reason says what fits."""
    with pytest.raises(ValueError, match=reason):
        typed_default(written, parse_type(spelled))
