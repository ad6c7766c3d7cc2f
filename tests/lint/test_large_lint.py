"""The lint of a large project: each model is read once, however many views it lies behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import pytest
import sqlglot

from featurestore import FeatureStore
from featurestore.lint import manifest_index, processes
from tests.support.large_project import large_project

VIEWS = 81
MODELS = VIEWS + 1


@pytest.fixture
def store(tmp_path):
    """Open a project with views that have all others behind them."""
    return large_project(tmp_path, VIEWS, features=4)


def counting(monkeypatch, place, name, key):
    """Count the calls of a function by a part of their first argument."""
    calls, real = Counter(), getattr(place, name)

    def counted(first, *rest, **named):
        calls[key(first)] += 1
        return real(first, *rest, **named)

    monkeypatch.setattr(place, name, counted)
    return calls


def test_each_model_is_parsed_once(store, monkeypatch):
    """The SQL of a view and of the models behind it is parsed for all views together."""
    sql = {store.manifest.compiled(one).compiled_code for one in store.manifest.all_model_ids}
    parsed = counting(monkeypatch, sqlglot, "parse_one", str)
    report = store.lint()

    assert (VIEWS, MODELS) == (len(report.linted), len(sql))
    assert dict.fromkeys(sql, 1) == {text: parsed[text] for text in sql}


def test_each_file_is_looked_at_once(store, monkeypatch):
    """The hash of what lies behind a view is made of the hashes of its inputs."""
    seen = counting(monkeypatch, manifest_index, "lines_before", str)
    store.lint()
    store.lint()

    assert {2} == set(seen.values())
    assert MODELS == len(seen)


def test_a_model_behind_many_views_is_read_into_blocks_once(store, monkeypatch):
    """Beside its blocks there is the look at the columns that it selects."""
    read = counting(monkeypatch, manifest_index, "read_blocks", id)
    store.lint()

    assert {1, 2} >= set(read.values())


def test_a_change_far_behind_a_view_is_found_by_its_next_lint(tmp_path):
    """A view's kept result depends on all tables behind it, the farthest included."""
    large_project(tmp_path, 41, features=2).lint()
    kept = tmp_path / "target" / "featurestore" / "lint.json"
    before = json.loads(kept.read_text(encoding="utf-8"))
    path = tmp_path / "target" / "manifest.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("r.amount_0, 0) * 1.5", "r.amount_0, 0) * 2", 1))
    FeatureStore(tmp_path).lint()
    after = json.loads(kept.read_text(encoding="utf-8"))

    # The first view of the first family, the union, the join, the aggregate, and both marts with
    # the union of all families that they read.
    assert (41, 41, 7) == (len(before), len(after), len(after.keys() - before.keys()))


@pytest.fixture
def shared(monkeypatch):
    """Share any two views between two processes; return the programs that were started."""
    started, real = [], subprocess.Popen
    monkeypatch.setattr(processes, "_LEAST_VIEWS", 1)
    monkeypatch.setattr(processes, "_cores", lambda: 2)
    monkeypatch.setattr(
        subprocess, "Popen", lambda *args, **named: started.append(args) or real(*args, **named)
    )
    return started


def test_processes_find_what_one_finds(tmp_path, shared, monkeypatch):
    """Each core takes a share, and this process parses nothing."""
    told = []
    store = large_project(tmp_path / "shared", 41, features=2)
    parsed = counting(monkeypatch, sqlglot, "parse_one", str)
    found = store.lint(progress=lambda *now: told.append(now))
    monkeypatch.setattr(processes, "_cores", lambda: 1)

    assert (2, 0) == (len(shared), len(parsed))
    assert found == large_project(tmp_path / "alone", 41, features=2).lint()
    assert list(range(1, 42)) == [number for _, number, _ in told]
    assert 41 == len({view for view, *_ in told})


def test_views_of_a_process_that_fails_are_linted_here(tmp_path, shared, monkeypatch):
    """A program that does not start, or ends early, costs time and no finding."""
    found = []
    for number, program in enumerate(("/no/such/python", "/bin/false", sys.executable)):
        monkeypatch.setattr(sys, "executable", program)
        found.append(large_project(tmp_path / str(number), 21, features=2).lint())

    assert found[0] == found[1] == found[2]
    assert 21 == len(found[0].linted)
