"""`validate` reports keys with two rows that are valid at one instant."""

from __future__ import annotations

import pytest

from tests.support.builders import Table, model, tiny_project

COLUMNS = {
    "id": "bigint",
    "observed_at": "timestamp",
    "ends_at": "timestamp",
    "loaded_at": "timestamp",
    "v": "bigint",
}
LOADED = "2024-01-01"


def warnings(folder, rows, **own):
    """Return the messages about a view with these starts and ends."""
    declared = {"entities": {"c": "id"}, "valid_until": "ends_at", **own}
    table = Table(COLUMNS, [(*row, LOADED, 1) if len(row) == 3 else (*row, 1) for row in rows])
    config = {"unique_key": ["id", "observed_at"]}
    store = tiny_project(folder, [model("v", COLUMNS, config=config, **declared)], {"v": table})
    found = store.validate(lint=False)
    assert {problem.severity for problem in found} <= {"warning"}
    return [problem.message for problem in found]


FINE = {
    "one after another": [(1, "2024-01-01", "2024-01-02"), (1, "2024-01-02", None)],
    "with a gap": [(1, "2024-01-01", "2024-01-02"), (1, "2024-01-05", "2024-01-06")],
    "of two keys": [(1, "2024-01-01", None), (2, "2024-01-02", None)],
    "never valid": [
        (1, "2024-01-01", None),
        (1, "2024-01-03", "2024-01-03"),
        (1, "2024-01-04", "2024-01-02"),
    ],
    "without a key or a start": [(None, "2024-01-01", None), (None, "2024-01-02", None)],
}
WRONG = {
    "closed too late": ([(1, "2024-01-01", "2024-01-03"), (1, "2024-01-02", None)], 1),
    "not closed": ([(1, "2024-01-01", None), (1, "2024-01-02", None)], 1),
    "of two keys": (
        [(key, f"2024-01-0{day}", None) for key in (3, 1) for day in (2, 1, 3)]
        + [(2, "2024-01-01", None)],
        2,
    ),
}


@pytest.mark.parametrize("title", FINE)
def test_rows_that_follow_each_other_are_fine(tmp_path, title):
    assert warnings(tmp_path, FINE[title]) == []


@pytest.mark.parametrize("title", WRONG)
def test_overlapping_validities_are_reported_with_a_key(tmp_path, title):
    rows, count = WRONG[title]
    number = "1 key" if count == 1 else f"{count} keys"
    assert warnings(tmp_path, rows) == [
        (
            f"the validities of {number} overlap, such as id=1 at 2024-01-02 00:00:00: two rows are"
            " valid at one instant."
        )
    ]


def test_a_restated_row_replaces_its_earlier_version(tmp_path):
    rows = [
        (1, "2024-01-01", None, "2024-01-01"),
        (1, "2024-01-01", "2024-01-02", "2024-01-05"),
        (1, "2024-01-02", None, "2024-01-05"),
    ]
    assert warnings(tmp_path / "a", rows, created_timestamp="loaded_at") == []
    assert len(warnings(tmp_path / "b", rows, created_timestamp=None)) == 1


def test_features_without_an_entity_overlap_too(tmp_path):
    rows = [(None, "2024-01-01", None), (None, "2024-01-02", None)]
    assert warnings(tmp_path, rows, entities={}) == [
        "the validities overlap at 2024-01-02 00:00:00: two rows are valid at one instant."
    ]


def test_another_value_for_no_end_counts_here_too(tmp_path):
    snapshot = model(
        "snap",
        {"id": "bigint", "v": "bigint"},
        entities={"c": "id"},
        event_timestamp=None,
        node={"resource_type": "snapshot"},
        config={"dbt_valid_to_current": "date '1900-01-01'"},
    )
    types = {"id": "bigint", "dbt_valid_from": "date", "dbt_valid_to": "date", "v": "bigint"}
    rows = [(1, "2024-01-01", "1900-01-01", 1), (1, "2024-02-01", "1900-01-01", 2)]
    store = tiny_project(tmp_path, [snapshot], {"snap": Table(types, rows)})
    (problem,) = store.validate(lint=False)
    assert "such as id=1 at 2024-02-01" in problem.message
