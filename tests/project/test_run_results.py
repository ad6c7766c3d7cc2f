"""A sync learns from `run_results.json` that dbt rewrote older rows on request."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from featurestore.project.run_results import rebuilt_at

AT = datetime(2024, 3, 1, 7, tzinfo=UTC)
SAMPLE = {"start": "2024-02-01T00:00:00+00:00", "end": "2024-03-01T00:00:00+00:00"}


@pytest.mark.parametrize(
    ("args", "found"),
    [
        ({"which": "run", "invocation_command": "dbt run -s retry_model"}, None),
        ({"full_refresh": False, "event_time_start": None}, None),
        ({"full_refresh": True}, AT),
        ({"event_time_start": "2024-01-01"}, AT),
        ({"sample": SAMPLE}, AT),
        ({"which": "run", "invocation_command": "dbt retry --profiles-dir ."}, AT),
    ],
)
def test_the_arguments_tell_what_was_asked(tmp_path, args, found):
    """As dbt 1.11 writes them; a retry has the name of the command that failed."""
    content = {"args": args, "metadata": {"generated_at": "2024-03-01T07:00:00Z"}}
    (tmp_path / "run_results.json").write_text(json.dumps(content), encoding="utf-8")
    assert found == rebuilt_at(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"args": [], "metadata": {}}', "\xff"])
def test_an_unreadable_file_tells_nothing(tmp_path, text):
    (tmp_path / "run_results.json").write_bytes(text.encode("latin-1"))
    assert rebuilt_at(tmp_path) is None
    assert rebuilt_at(tmp_path / "missing") is None
