"""What a model's config promises about the rows that a run of dbt changes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from featurestore.registry.table_changes import ChangePattern, TableChanges
from tests.support.builders import model, registry

AT = datetime(2024, 3, 10, 17, 45, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("batch", "lookback", "start"),
    [
        ("hour", 0, (2024, 3, 10, 17)),
        ("hour", 20, (2024, 3, 9, 21)),
        ("day", 1, (2024, 3, 9)),
        ("month", 2, (2024, 1, 1)),
        ("month", 15, (2022, 12, 1)),
        ("year", 3, (2021, 1, 1)),
    ],
)
def test_a_run_replaces_whole_batches(batch, lookback, start):
    changes = TableChanges(ChangePattern.MICROBATCH, batch, lookback)
    assert datetime(*start, tzinfo=UTC) == changes.oldest_replaced(AT)


MICRO = {
    "materialized": "incremental",
    "incremental_strategy": "microbatch",
    "event_time": "seen_at",
    "batch_size": "day",
}
APPEND = {"materialized": "incremental", "incremental_strategy": "append"}


@pytest.mark.parametrize(
    ("config", "created", "expected"),
    [
        (MICRO, None, TableChanges(ChangePattern.MICROBATCH, "day", 1)),
        ({**MICRO, "lookback": 3}, None, TableChanges(ChangePattern.MICROBATCH, "day", 3)),
        ({**MICRO, "lookback": 0}, None, TableChanges(ChangePattern.MICROBATCH, "day", 0)),
        ({**MICRO, "event_time": "written_at"}, None, None),
        ({**MICRO, "batch_size": "fortnight"}, None, None),
        ({**MICRO, "materialized": "table"}, None, None),
        (APPEND, "written_at", TableChanges(ChangePattern.APPEND)),
        (APPEND, None, None),
        ({**APPEND, "incremental_strategy": "merge"}, "written_at", None),
        ({"materialized": "incremental"}, "written_at", None),
    ],
)
def test_only_a_promise_counts(tmp_path, config, created, expected):
    """A strategy that may change any row promises nothing, nor does another time column."""
    columns = {"tailnum": "varchar", "seen_at": "timestamp", "written_at": "timestamp", "n": "int"}
    own = {"created_timestamp": created} if created else {}
    entities = {"plane": "tailnum"}
    node = model(
        "planes", columns, config=config, entities=entities, event_timestamp="seen_at", **own
    )

    assert expected == registry(node).view("planes").changes
