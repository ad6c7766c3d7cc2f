"""The lint of views with many models behind them: each model is checked once."""

from __future__ import annotations

import json

from featurestore import FeatureStore
from featurestore.lint import problem_finder, processes
from tests.lint.test_large_lint import counting
from tests.support.builders import PROJECT, model, tiny_project

LEAK = """select tailnum, observed_at,
  lead(delay) over (partition by tailnum order by observed_at) as delay
from db.flights"""
TOTAL = "select tailnum, sum(delay) as delay from db.flights group by 1"
FLIGHTS = {"tailnum": None, "observed_at": "timestamp", "delay": None}


def node(name, sql, *needs, **own):
    """Return a model; a feature view unless `meta` is empty."""
    fields = {
        "relation_name": f"db.{name}",
        "compiled_code": sql,
        "raw_code": sql,
        "depends_on": {"nodes": [f"model.{PROJECT}.{need}" for need in needs]},
    }
    return model(name, {"tailnum": None, "observed_at": None, "delay": None}, node=fields, **own)


def flights():
    """Return the events behind everything."""
    return {**node("flights", "", meta={}), "columns": model(columns=FLIGHTS)["columns"]}


def leaks(store, code):
    """Return the views and the files of a rule's findings."""
    return [(p.resource, p.path) for p in store.lint().problems if p.code == code]


def test_a_leak_behind_many_views_is_looked_for_once(tmp_path, monkeypatch):
    """Its place in a file is worked out once, and each view reports it."""
    views = [
        node(f"view_{n}", "select tailnum, observed_at, delay from db.leak", "leak")
        for n in range(9)
    ]
    placed = counting(monkeypatch, problem_finder, "place", lambda one: one.name)
    store = tiny_project(tmp_path, [*views, node("leak", LEAK, "flights", meta={}), flights()])

    assert [(f"view_{n}", "models/leak.sql") for n in range(9)] == leaks(store, "FS001")
    assert {"leak": 1} == dict(placed)


def test_a_chain_longer_than_the_recursion_limit_is_followed(tmp_path):
    """A leak 1,100 models behind a view is a leak in the view."""
    copy = "select tailnum, observed_at, delay from db.step_{}"
    steps = [
        node(f"step_{n}", copy.format(n - 1), f"step_{n - 1}", meta={}) for n in range(1, 1100)
    ]
    nodes = [node("view", copy.format(1099), "step_1099"), *steps]
    nodes += [node("step_0", LEAK, "flights", meta={}), flights()]

    assert [("view", "models/step_0.sql")] == leaks(tiny_project(tmp_path, nodes), "FS001")


def test_a_total_is_found_once_though_many_ways_lead_to_it(tmp_path):
    """Forty layers of two models that both read both below: 2^40 ways to the total."""
    sql = "select a.tailnum, a.delay + b.delay as delay from db.{0}_0 as a join db.{0}_1 as b"
    layers = [
        node(f"m{n}_{side}", f"{sql.format(f'm{n - 1}')} using (tailnum)", *below, meta={})
        for n in range(1, 40)
        for below in [(f"m{n - 1}_0", f"m{n - 1}_1")]
        for side in (0, 1)
    ]
    ends = [node(f"m0_{side}", TOTAL, "flights", meta={}) for side in (0, 1)]
    view = node(
        "view",
        "select f.tailnum, f.observed_at, m.delay from db.flights as f"
        " join db.m39_0 as m on m.tailnum = f.tailnum",
        *("m39_0", "flights"),
    )
    store = tiny_project(tmp_path, [view, *layers, *ends, flights()])

    assert [("view", f"models/m0_{side}.sql") for side in (0, 1)] == leaks(store, "FS005")


def test_a_process_reads_the_sql_of_earlier_runs(tmp_path, monkeypatch):
    """`dbt build -s x` leaves the SQL of other models out of the manifest, not out of `target`."""
    views = [node(f"view_{n}", LEAK, "flights") for n in range(4)]
    tiny_project(tmp_path, [*views, flights()])
    manifest = tmp_path / "target" / "manifest.json"
    written = json.loads(manifest.read_text(encoding="utf-8"))
    for one in views:
        sql = written["nodes"][one["unique_id"]].pop("compiled_code")
        for folder in ("", f"target/compiled/{PROJECT}"):
            path = tmp_path / folder / one["original_file_path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(sql, encoding="utf-8")
    manifest.write_text(json.dumps(written), encoding="utf-8")
    monkeypatch.setattr(processes, "_LEAST_VIEWS", 1)
    monkeypatch.setattr(processes, "_cores", lambda: 2)
    here = counting(monkeypatch, problem_finder, "place", lambda one: one.name)

    assert 4 == len(leaks(FeatureStore(tmp_path), "FS001"))
    assert not here
