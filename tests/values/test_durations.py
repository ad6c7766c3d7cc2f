"""Durations as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurestore.values.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 days", timedelta(days=30)),
        ("1 Week", timedelta(weeks=1)),
        ("90min", timedelta(minutes=90)),
        ("1 hour, 30 minutes", timedelta(minutes=90)),
        ("1h 30min", timedelta(minutes=90)),
        ("250 ms", timedelta(milliseconds=250)),
        ("1 microsecond", timedelta(microseconds=1)),
        ("0 minutes", timedelta()),
        ("10_000 seconds", timedelta(seconds=10_000)),
        ({"count": 3, "period": "day"}, timedelta(days=3)),
        ({"count": "3", "period": "hours"}, timedelta(hours=3)),
    ],
)
def test_spellings(text, expected):
    """Amounts have units; several parts add up."""
    assert expected == parse_duration(text)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("30", "not a duration"),
        (30, "has no unit"),
        (None, "has no unit"),
        (True, "has no unit"),
        ("", "not a duration"),
        ("soon", "not a duration"),
        ("-1 day", "not a duration"),
        ("1.5 hours", "not a duration"),
        ("1 day ago", "not a duration"),
        ("3 moons", "unknown unit 'moons'; known are weeks, days"),
        ("3 m", "unknown unit 'm'"),
        ("1 month", "a month has no fixed length"),
        ("2 years", "a year has no fixed length"),
        ({"count": 1}, "has no unit"),
        ({"count": 1, "period": "quarter"}, "a quarter has no fixed length"),
        ("99999999999 days", "is longer than 365,250 days"),
        ("999999999 days 999999999 days", "is longer than 365,250 days"),
    ],
)
def test_what_is_no_duration(value, reason):
    """What has no fixed length is refused, with the value and the reason."""
    with pytest.raises(ValueError, match=reason):
        parse_duration(value)


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=10_000)))
def test_what_is_written_is_read_alike(duration):
    """Formatting and parsing are inverse."""
    assert duration == parse_duration(format_duration(duration))
