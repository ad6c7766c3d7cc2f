"""Rows at infinity, at -infinity and before the year 1: every command shows them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import duckdb
import pyarrow.parquet as pq
import pytest

from featurestore.cli import main
from featurestore.values.far_instants import python_rows
from tests.support.builders import column, model, tiny_project

KINDS = ["TIMESTAMP", "TIMESTAMPTZ", "DATE"]
FAR_PAST = ["-infinity", "0044-03-15 (BC)", "290309-12-22 (BC)"]
FAR_FUTURE = ["infinity", "294247-01-10"]
KEY = "select 1 as id, timestamp '2024-02-01' as event_timestamp"


@pytest.fixture
def run(tmp_path, redis_server, redis_client, monkeypatch, capsys):
    """Run a command in a project with one row; return its exit code and its output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEATURESTORE_REDIS_URL", redis_server)
    monkeypatch.setenv("FEATURESTORE_NOW", datetime(2024, 3, 1, tzinfo=UTC).isoformat())
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main(list(arguments))
        return stopped.value.code or 0, capsys.readouterr().out

    return run


def project(folder, kind, value, *, entities=None, **own):
    """Write a project whose view `v` has a single row at an instant."""
    keys = {"e": "id"} if entities is None else entities
    columns = [column(name) for name in ("id", "at", "x")]
    view = model("v", columns, entities=keys, event_timestamp="at", **own)
    row = f"select 1 as id, {kind} '{value}' as at, 1.5::double as x"
    return tiny_project(folder, [view], {"v": row})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", FAR_PAST)
def test_every_command_takes_an_event_before_the_year_1(tmp_path, run, kind, value):
    """A row that is valid since ever is published, read, compared and explained."""
    project(tmp_path, kind, value)

    why = run("why", "v:x", "-k", "id=1", "--at", "2024-02-01", "--format", "json")
    assert [(1.5, "chosen")] == [(row["value"], row["verdict"]) for row in json.loads(why[1])]
    assert 0 == run("docs")[0]
    assert 0 == run("sync", "--dry-run")[0]
    assert 0 == run("sync")[0]
    code, text = run("status", "--format", "json")
    (found,) = json.loads(text)["views"]
    assert (0, "ok", True) == (code, found["state"], found["newest_is_online"])
    assert found["newest_event"].startswith(value)
    assert found["memory"] > 0
    for again in (["status"], ["verify", "--all"], ["sync"]):
        assert 0 == run(*again)[0]
    assert 1.5 == json.loads(run("get", "-f", "v:x", "-e", "id=1", "--format", "json")[1])["x"][0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", FAR_FUTURE)
def test_an_event_that_never_comes_fails_no_command(tmp_path, run, kind, value):
    """It is not known yet."""
    project(tmp_path, kind, value)

    code, text = run("why", "v:x", "-k", "id=1", "--at", "2024-02-01")
    assert (0, True) == (code, value in text and "not known yet" in text)
    assert 0 == run("docs")[0]
    assert 0 == run("sync")[0]
    code, text = run("status", "--format", "json")
    assert (1, "no rows") == (code, json.loads(text)["views"][0]["state"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_global_row_at_minus_infinity_is_published(tmp_path, run, kind):
    """DuckDB answers the MAX of a stored table from statistics, which lack the infinities."""
    project(tmp_path, kind, "-infinity", entities={})

    assert 0 == run("sync")[0]
    assert 1.5 == json.loads(run("get", "-f", "v:x", "--format", "json")[1])["x"][0]


def test_an_age_is_unknown_and_too_old(tmp_path, run):
    """An event before the year 1 is older than every limit, and past its ttl."""
    project(tmp_path, "TIMESTAMP", "0044-03-15 (BC)", freshness={"error_after": "300 days"})
    assert 0 == run("sync")[0]
    (found,) = json.loads(run("status", "--format", "json")[1])["views"]
    assert ("error", None) == (found["level"], found["age_seconds"])

    project(tmp_path, "TIMESTAMP", "0044-03-15 (BC)", ttl="365000 days")
    assert 0 == run("sync")[0]
    (found,) = json.loads(run("status", "--format", "json")[1])["views"]
    assert ("0044-03-15 (BC) 00:00:00", 0) == (found["newest_event"], found["rows"])
    assert found["newest_is_online"]


@pytest.mark.parametrize("own", [{"ttl": "30 days"}, {"available_after": "2 hours"}])
@pytest.mark.parametrize("spine", [*KINDS, "TIMESTAMP_NS"])
def test_entity_rows_at_infinity_cost_no_other_row_its_value(tmp_path, spine, own):
    """An infinity minus a duration is itself; the card has its text."""
    store = project(tmp_path, "TIMESTAMP", "2024-01-20", **own)
    moments = ("2024-02-01", "infinity", "-infinity")
    rows = [f"select 1 as id, {spine} '{moment}' as event_timestamp" for moment in moments]
    job = store.get_historical_features(entity_df=" union all ".join(rows), features=["v:x"])

    job.to_parquet(tmp_path / "set.parquet")

    table = pq.read_table(tmp_path / "set.parquet")
    found = {str(row["event_timestamp"])[:10]: row["x"] for row in python_rows(table)}
    late = None if "ttl" in own else 1.5
    assert {"2024-02-01": 1.5, "infinity": late, "-infinity": None} == found
    card = json.loads((tmp_path / "set.card.json").read_text())
    assert ("-infinity", "infinity") == (card["first"], card["last"])


@pytest.mark.parametrize("kind", [*KINDS, "TIMESTAMP_S", "TIMESTAMP_NS"])
def test_an_infinity_of_every_type_is_its_name(kind):
    """The numbers that stand for it differ in width and unit."""
    sql = f"select unnest(['infinity', '-infinity'])::{kind} as at"

    found = python_rows(duckdb.sql(sql).to_arrow_table())

    assert ["infinity", "-infinity"] == [row["at"] for row in found]
