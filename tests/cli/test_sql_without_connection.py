"""`sql` needs no connection: dbt's files declare the types, or one error names what is missing."""

from __future__ import annotations

import json
import sys

import pytest
import sqlglot
import yaml

from featurestore.cli import main
from tests.support.builders import manifest_json, model

PLANES = {"tailnum": "varchar", "observed_at": "timestamp", "seats": "int", "delay": "double"}
LABELS = {"tailnum": "varchar", "happened_at": "timestamp", "label": "boolean"}
ARGUMENTS = ["-f", "plane_features:seats", "-f", "plane_features:delay"]
GRAMMARS = {"datafusion": "postgres"}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in a project of some models on some adapter, without any server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "target").mkdir()

    def run(adapter, planes, labels, *arguments):
        models = [model("plane_features", planes), model("labels", labels, meta={})]
        profiles = {"shop": {"target": "dev", "outputs": {"dev": {"type": adapter, "token": "t"}}}}
        for name, text in (
            ("dbt_project.yml", yaml.safe_dump({"name": "shop", "profile": "shop"})),
            ("profiles.yml", yaml.safe_dump(profiles)),
            ("target/manifest.json", json.dumps(manifest_json(*models, adapter=adapter))),
        ):
            (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(SystemExit) as stopped:
            main(["sql", *arguments])
        printed = capsys.readouterr()
        return stopped.value.code or 0, printed.out, printed.err

    return run


@pytest.mark.parametrize("adapter", ["redshift", "databricks", "trino", "clickhouse", "datafusion"])
@pytest.mark.parametrize(
    "entities",
    [
        ["ref:labels", "--event-timestamp", "happened_at"],
        ["SELECT tailnum, happened_at AS event_timestamp FROM labels WHERE label"],
    ],
)
def test_the_statement_is_printed_without_a_connection(run, monkeypatch, adapter, entities):
    """It parses in the dialect, and standard error says where the types come from."""
    for name in ("clickhouse_connect", "databricks", "redshift_connector", "trino"):
        monkeypatch.setitem(sys.modules, name, None)
    code, out, err = run(adapter, PLANES, LABELS, *entities, *ARGUMENTS)

    assert 0 == code, err
    assert "The statement is written from the declared types." in err
    tree = sqlglot.parse_one(out, dialect=GRAMMARS.get(adapter, adapter))
    assert ["seats", "delay"] == tree.named_selects[-2:]
    assert {"tailnum"} <= set(tree.named_selects)


def test_missing_types_are_one_error(run):
    """It names each column of each view."""
    code, out, err = run(
        "trino", {**PLANES, "seats": None, "delay": None}, LABELS,
        "ref:labels", "--event-timestamp", "happened_at", *ARGUMENTS,
    )  # fmt: skip

    assert (1, "") == (code, out)
    assert "seats, delay has none" in " ".join(err.split())
    assert "data_type" in err


def test_a_column_of_a_query_without_a_type_is_named(run):
    """A cast gives it one."""
    sql = "SELECT tailnum, {} AS event_timestamp FROM elsewhere"
    code, _, err = run("trino", PLANES, LABELS, sql.format("x"), *ARGUMENTS)

    assert 1 == code
    assert "tailnum, event_timestamp" in err
    sql = "SELECT CAST(a AS VARCHAR) AS tailnum, CAST(x AS TIMESTAMP) AS event_timestamp FROM b"
    assert 0 == run("trino", PLANES, LABELS, sql, *ARGUMENTS)[0]


def test_counting_needs_a_connection(run):
    """`--explain` reads the tables."""
    arguments = ["ref:labels", "--event-timestamp", "happened_at", *ARGUMENTS, "--explain"]
    code, _, err = run("datafusion", PLANES, LABELS, *arguments)

    assert 1 == code
    assert "cannot connect through the dbt adapter 'datafusion'" in " ".join(err.split())
