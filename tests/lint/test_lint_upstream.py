"""Leaks of the models behind a feature view: intermediate models, marts and snapshots."""

from __future__ import annotations

import pytest

from tests.lint.test_lint import grain_test
from tests.support.builders import PROJECT, model, tiny_project

TOTAL = """select tailnum, observed_at,
  sum(delay) over (partition by tailnum) as delay
from db.flights"""
MART = """select
  tailnum,
  sum(delay) as delay,
  min(observed_at) as first
from db.flights group by 1"""
NEWEST = """select * from db.flow
qualify row_number() over (partition by tailnum order by observed_at desc, delay) = 1"""
PREVIOUS = """select tailnum, observed_at,
  lag(delay) over (partition by tailnum order by observed_at) as delay
from db.flow"""
LAST = """select tailnum, max(observed_at) as observed_at, max(delay) as delay
from db.flow group by 1"""


def _table(name: str, sql: str = "", *needs: str, **node):
    """Return a model that is not a feature view."""
    own = {
        "relation_name": f'"db"."{name}"',
        "compiled_code": sql,
        "raw_code": sql,
        "depends_on": {"nodes": [f"model.{PROJECT}.{need}" for need in needs]},
    }
    return model(name, meta={}, node={**own, **node})


def _view(sql: str, *needs: str, ids=(), **own):
    nodes = [*(f"model.{PROJECT}.{need}" for need in needs), *ids]
    depends = {"compiled_code": sql, "raw_code": sql, "depends_on": {"nodes": nodes}}
    return model("plane_features", node=depends, **own)


FLIGHTS = _table("flights")


@pytest.fixture
def lint(tmp_path):
    """Lint a project; return where each rule fired."""

    def lint(*models):
        store = tiny_project(tmp_path, [*models, FLIGHTS, grain_test()])
        return [(p.code, p.path, p.line, p.resource) for p in store.lint().problems]

    return lint


@pytest.mark.parametrize("between", [[], ["step"]], ids=["directly", "through another"])
def test_a_leak_in_a_model_whose_rows_are_passed_on_is_found(lint, between):
    """The view's own SQL is fine; the line is that of the model to mend."""
    steps = [_table("step", "select * from db.flow", "flow") for _ in between]
    needed = "step" if between else "flow"
    view = _view(f"select tailnum, observed_at, delay * 2 as delay from db.{needed}", needed)

    assert [("FS002", "models/flow.sql", 2, "plane_features")] == lint(
        view, *steps, _table("flow", TOTAL, "flights")
    )


@pytest.mark.parametrize(
    "sql",
    [LAST, NEWEST, "select tailnum, observed_at, 1 as delay from db.flow", PREVIOUS],
    ids=["aggregated", "newest", "not taken", "of earlier rows"],
)
def test_where_the_view_chooses_or_does_not_take_it_nothing_is_said(lint, sql):
    """The total is known at the newest row; a column that the view does not take is harmless."""
    assert [] == lint(_view(sql, "flow"), _table("flow", TOTAL, "flights"))


def test_a_mart_of_totals_joined_to_each_event_is_found(lint):
    """One row per plane, unique as a test says, and yet its total holds the flights to come."""
    sql = (
        "select f.tailnum, f.observed_at, m.delay from db.flights as f"
        " left join db.planes as m on m.tailnum = f.tailnum"
    )
    one_row = {
        **grain_test("planes", kind="unique"),
        "column_name": "tailnum",
        "test_metadata": {"name": "unique", "kwargs": {"column_name": "tailnum"}},
    }

    assert [("FS005", "models/planes.sql", 3, "plane_features")] == lint(
        _view(sql, "flights", "planes"), _table("planes", MART, "flights"), one_row
    )
    bounded = MART.replace("group by", "where observed_at < timestamp '2020-01-01' group by")
    assert [] == lint(
        _view(sql, "flights", "planes"), _table("planes", bounded, "flights"), one_row
    )
    first = sql.replace("m.delay", "m.first as delay")
    assert [] == lint(_view(first, "flights", "planes"), _table("planes", MART, "flights"), one_row)


def test_a_feature_view_behind_is_linted_for_itself_alone(lint):
    flow = model("flow", node=_table("flow", TOTAL, "flights") | {"config": model()["config"]})
    found = lint(_view("select * from db.flow", "flow"), flow, grain_test("flow"))

    assert [("FS002", "models/flow.sql", 2, "flow")] == found


def test_kept_results_know_the_models_behind(lint):
    """A change two models up is seen at once."""
    view = _view("select tailnum, observed_at, delay from db.step", "step")
    step = _table("step", "select * from db.flow", "flow")
    fine = "select tailnum, observed_at, delay from db.flights"

    assert [] == lint(view, step, _table("flow", fine, "flights"))
    assert ["FS002"] == [code for code, *_ in lint(view, step, _table("flow", TOTAL, "flights"))]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("s.dbt_valid_to is null", ["FS004"]),
        ("f.observed_at >= s.dbt_valid_from and f.observed_at < s.dbt_valid_to", []),
    ],
)
def test_the_present_state_of_a_snapshot_is_none_of_the_past(lint, condition, expected):
    """What dbt calls the unique key of a snapshot does not make it a table without times."""
    snapshot = _table("planes") | {
        "unique_id": f"snapshot.{PROJECT}.planes",
        "resource_type": "snapshot",
        "config": {"materialized": "snapshot", "unique_key": "tailnum"},
        "columns": {},
    }
    sql = (
        "select f.tailnum, f.observed_at, s.maker as delay from db.flights as f"
        f" left join db.planes as s on s.tailnum = f.tailnum and {condition}"
    )
    view = _view(sql, "flights", ids=[f"snapshot.{PROJECT}.planes"])

    assert expected == [code for code, *_ in lint(view, snapshot)]
