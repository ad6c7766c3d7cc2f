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


def _unique(name: str, column: str = "tailnum"):
    return {
        **grain_test(name, kind="unique"),
        "column_name": column,
        "test_metadata": {"name": "unique", "kwargs": {"column_name": column}},
    }


def test_a_mart_of_totals_is_found_where_both_sides_are_unique(lint):
    """One row for one row: the total of the key still holds the flights to come."""
    planes = _table("built", "select tailnum, observed_at from db.raw")
    sql = (
        "select b.tailnum, b.observed_at, m.delay from db.built as b"
        " left join db.planes as m on m.tailnum = b.tailnum"
    )
    mart = _table("planes", MART, "flights")
    tests = (_unique("planes"), _unique("built"))

    assert [("FS005", "models/planes.sql", 3, "plane_features")] == lint(
        _view(sql, "built", "planes"), mart, planes, *tests
    )


@pytest.mark.parametrize(("picked", "expected"), [("max(name)", []), ("count(*)", ["FS005"])])
def test_a_dimension_that_picks_a_name_is_not_a_total(lint, picked, expected):
    """A crew is not the entity: its name is looked up, and its number of flights is a leak."""
    sql = (
        "select b.tailnum, b.observed_at, c.delay from db.built as b"
        " left join db.crews as c on c.crew_id = b.crew_id"
    )
    crews = f"select crew_id, {picked} as delay from db.flights group by 1"
    built = _table("built", "select tailnum, crew_id, observed_at from db.raw")
    models = (_table("crews", crews, "flights"), built, _unique("crews", "crew_id"))

    assert expected == [code for code, *_ in lint(_view(sql, "built", "crews"), *models)]


@pytest.mark.parametrize(
    ("picked", "expected"), [("max(maker_name)", []), ("max(seats)", ["FS005"])]
)
def test_what_a_thing_is_called_is_not_a_total(lint, picked, expected):
    mart = f"select tailnum, {picked} as delay from db.flights group by 1"
    sql = (
        "select f.tailnum, f.observed_at, m.delay from db.flights as f"
        " left join db.planes as m on m.tailnum = f.tailnum"
    )

    found = lint(_view(sql, "flights", "planes"), _table("planes", mart, "flights"))
    assert expected == [code for code, *_ in found]


@pytest.mark.parametrize(
    ("picked", "expected"),
    [
        ("max(p.maker)", []),
        ("any_value(p.maker)", []),
        ("max(f.maker)", ["FS005"]),
        ("max(weight)", ["FS005"]),
        ("max(p.seats + f.seats)", ["FS005"]),
        ("max(f.home_country)", []),
        ("any_value(f.country_code)", []),
        ("max(f.last_country)", ["FS005"]),
        ("count(f.country)", ["FS005"]),
    ],
)
def test_an_attribute_that_a_group_repeats_is_not_a_total(lint, picked, expected):
    """A column that either table may have is not known to be the dimension's."""
    sql = (
        f"select f.tailnum, min(f.observed_at) as observed_at, {picked} as delay"
        " from db.flights as f join db.planes as p on p.tailnum = f.tailnum group by 1"
    )
    planes = _table("planes", "select tailnum, maker, seats from db.raw") | {"columns": {}}
    test = _unique("planes", "tailnum")

    found = [code for code, *_ in lint(_view(sql, "flights", "planes"), planes, test)]
    assert expected == [code for code in found if code != "FS009"]


def test_totals_in_an_ephemeral_model_are_found(lint):
    """The SQL of an ephemeral model is inlined into its reader, which then reads its tables."""
    total = "select tailnum, count(*) as delay from db.flights group by 1"
    nested = {"config": {"materialized": "ephemeral"}, "relation_name": None}
    steps = [_table("totals", total, "flights", **nested), _table("step", "", "totals", **nested)]
    sql = (
        f"with __dbt__cte__totals as (\n{total}\n),\n"
        "__dbt__cte__step as (select * from __dbt__cte__totals)\n"
        "select b.tailnum, b.observed_at, t.delay from db.built as b"
        " left join __dbt__cte__step as t on t.tailnum = b.tailnum"
    )
    built = _table("built", "select tailnum, observed_at from db.raw")

    found = lint(_view(sql, "built", "step"), built, *steps)
    assert ["FS005"] == [code for code, *_ in found]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select tailnum, date '2024-01-01' as flown_date from db.raw", ["FS005"]),
        ("select tailnum, cast(flown as date) as flown_date from db.raw", ["FS005"]),
        ("select tailnum, date_trunc('day', t) as flown_date from db.raw", ["FS005"]),
        ("select tailnum, flown_at as flown_date from db.raw", ["FS005"]),
        ("select tailnum, flown_date from db.raw order by flown_date", ["FS005"]),
        ("select tailnum, flown_date, max(flown_date) over () as l from db.raw", ["FS005"]),
        ("select tailnum, flown_date from db.raw", []),
        ("select tailnum, cast(birth_date as date) as birth_date from db.raw", []),
    ],
)
def test_a_date_without_a_type_is_a_time_if_sql_treats_it_as_one(lint, sql, expected):
    """Two models up: the table that is counted only passes the date on."""
    raw = _table("raw")
    name = "birth_date" if "birth_date" in sql else "flown_date"
    days = _table("days", f"select tailnum, {name} from db.dated", "dated") | {"columns": {}}
    dated = _table("dated", sql, "raw") | {"columns": {}}
    view = _view(
        "select b.tailnum, b.observed_at, t.delay from db.built as b"
        " left join (select tailnum, count(*) as delay from db.days group by 1) as t"
        " on t.tailnum = b.tailnum",
        *("built", "days"),
    )
    built = _table("built", "select tailnum, observed_at from db.raw")

    assert expected == [code for code, *_ in lint(view, built, days, dated, raw | {"columns": {}})]


def test_a_set_of_columns_that_is_unique_together_ties_one_row(lint):
    """A dimension with a row per tenant and plane has no later rows."""
    sql = (
        "select f.tailnum, f.observed_at, max(p.maker) as delay from db.flights as f left join"
        " db.planes as p on p.tenant = f.tenant and p.tailnum = f.tailnum group by 1, 2"
    )
    planes = _table("planes", "select tenant, tailnum, maker, built_at from db.raw")
    both = {
        **grain_test("planes", kind="unique"),
        "test_metadata": {
            "name": "unique_combination_of_columns",
            "kwargs": {"combination_of_columns": ["tenant", "tailnum"]},
        },
    }

    assert ["FS004"] == [code for code, *_ in lint(_view(sql, "flights", "planes"), planes)]
    assert [] == lint(_view(sql, "flights", "planes"), planes, both)


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


AHEAD = """select tailnum, observed_at,
  lead(delay) over (partition by tailnum order by observed_at) as delay
from db.flights"""
PASSED_ON = "select tailnum, observed_at, delay from db.flow"


def _flow(sql=AHEAD, **own):
    return _table("flow", sql, "flights", **own)


def _as_a_view(**own):
    """Return the model behind as a feature view, which is linted by itself."""
    node = {**_flow(**own), "resource_type": "model"}
    declared = model("flow")
    return {**node, "config": declared["config"], "columns": declared["columns"]}


CHANGES = {
    "it stops being a feature view": (_as_a_view(), _flow()),
    "it becomes a feature view": (_flow(), _as_a_view()),
    "its file moves": (_flow(), _flow(original_file_path="models/marts/flow.sql")),
    "its package is another": (
        _flow(raw_code=""),
        _flow(raw_code="", package_name="another"),
    ),
    "its own text is another": (_flow(), _flow(raw_code=f"-- a comment\n{AHEAD}")),
    "its SQL is another": (_flow(), _flow(AHEAD.replace("lead", "lag"))),
    "it is a view on another table": (_flow(), _flow(relation_name='"db"."stream"')),
    "it reads nothing that dbt knows": (_flow(), _flow(depends_on={"nodes": []})),
}


@pytest.mark.parametrize("change", CHANGES)
def test_kept_results_are_those_of_a_fresh_lint(tmp_path, change):
    """Any change of a model behind is linted: the cache hides no finding and keeps no old one."""
    before, after = CHANGES[change]
    view = _view(PASSED_ON, "flow")
    lint = {"kept": [], "fresh": []}
    for folder, steps in (("kept", [before, after]), ("fresh", [after])):
        for step in steps:
            store = tiny_project(tmp_path / folder, [view, step, FLIGHTS, grain_test()])
            lint[folder] = [(p.code, p.path, p.line, p.resource) for p in store.lint().problems]

    assert lint["fresh"] == lint["kept"]


def test_a_line_moves_with_the_head_of_the_file(tmp_path):
    """The manifest does not tell of empty lines at the head of a file: dbt leaves them out."""
    path = tmp_path / "models" / "flow.sql"
    path.parent.mkdir()
    lines = []
    for head in ("", "\n\n\n"):
        path.write_text(head + AHEAD, encoding="utf-8")
        store = tiny_project(tmp_path, [_view(PASSED_ON, "flow"), _flow(), FLIGHTS, grain_test()])
        lines.append([p.line for p in store.lint().problems if p.code == "FS001"])

    assert [[2], [5]] == lines
