"""Before anything is published, each command says which views cannot be."""

from __future__ import annotations

import json

import pytest
import yaml

from featurestore.cli import main
from tests.support.builders import manifest_json, model

COLUMNS = {"tailnum": "varchar", "observed_at": "timestamp"}
TYPED = model("odd_features", {**COLUMNS, "extra": "map(varchar, int)"})
PLAIN = model("plane_features", {**COLUMNS, "seats": "int"})


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in a project of some models on some adapter."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "300")
    (tmp_path / "target").mkdir()

    def run(adapter, models, *arguments):
        target = {"type": adapter, "path": ":memory:"}
        profiles = {"shop": {"target": "dev", "outputs": {"dev": target}}}
        for name, text in (
            ("dbt_project.yml", yaml.safe_dump({"name": "shop", "profile": "shop"})),
            ("profiles.yml", yaml.safe_dump(profiles)),
            ("target/manifest.json", json.dumps(manifest_json(*models, adapter=adapter))),
        ):
            (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(SystemExit) as stopped:
            main(list(arguments))
        printed = capsys.readouterr()
        return stopped.value.code or 0, printed.out, printed.err

    return run


def test_a_warehouse_without_connection_is_told(run):
    """`list`, `show` and `validate` name the warehouse; the words of a table stay short."""
    reason = "featurestore has no connection to this kind of warehouse"
    code, out, err = run("athena", [PLAIN], "list")

    assert (0, True) == (code, "'plane_features' cannot be published: athena: not written" in err)
    assert reason in err
    assert "unpublishable" not in out
    rows = json.loads(run("athena", [PLAIN], "list", "--format", "json")[1])
    assert reason in rows[0]["unpublishable"]
    assert reason in run("athena", [PLAIN], "show", "plane_features")[1]
    code, _, err = run("athena", [PLAIN], "validate", "--no-connect")
    assert 0 == code
    assert "Warning: dbt_project.yml" in err
    assert "no feature view can be published from athena" in err
    assert 1 == run("athena", [PLAIN], "validate", "--no-connect", "--strict")[0]


def test_a_type_that_cannot_be_published_is_told(run):
    """With the cast to write, and without a connection."""
    words = "Cast it to JSON text in the model"
    _, _, err = run("duckdb", [TYPED, PLAIN], "list")

    assert "'odd_features' cannot be published: column 'extra' is map" in err
    assert words in err
    assert "'plane_features'" not in err
    assert words in run("duckdb", [TYPED], "show", "odd_features")[1]
    code, _, err = run("duckdb", [TYPED, PLAIN], "validate", "--no-connect")
    assert (1, 1) == (code, err.count(words))


def test_a_view_that_is_not_online_is_not_told(run):
    """It says itself that it is not published."""
    offline = model("odd_features", {**COLUMNS, "extra": "map(varchar, int)"}, online=False)

    assert (0, "") == run("athena", [offline], "list")[::2]
    assert 0 == run("athena", [offline], "validate", "--no-connect", "--strict")[0]


def test_init_tells_it_before_a_model_is_tagged(run, tmp_path):
    """The first moment at which it matters."""
    model_file = tmp_path / "models" / "plain.sql"
    model_file.parent.mkdir()
    model_file.write_text("select 1 as tailnum, 2 as observed_at, 3 as seats")
    node = model("plain", {}, meta={}, path="models/plain.sql")
    arguments = ["init", "-m", "plain", "-e", "plane=tailnum", "--event-timestamp", "observed_at"]
    code, _, err = run("athena", [node], *arguments, "-f", "seats", "--dry-run")

    assert 0 == code, err
    assert "'plain' cannot be published from this target" in err
