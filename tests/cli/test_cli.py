"""The command line as its users type it: real project, real warehouse, real Redis server."""

from __future__ import annotations

import json
import shutil
from io import StringIO

import pytest
from rich.console import Console

from featurestore.cli import main
from featurestore.project.manifest import load_manifest

pytestmark = pytest.mark.whole

NOW = "2013-12-30T20:00"
PLANE = "tailnum=N14228"


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command; return its exit code, what it printed and what it said."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return stopped.value.code or 0, printed.out, printed.err

    return run


@pytest.fixture
def here(example_project, monkeypatch):
    """Stand in the example project, as a user does."""
    monkeypatch.chdir(example_project.project_dir)
    monkeypatch.setenv("FEATURESTORE_WAREHOUSE", str(example_project.warehouse))
    monkeypatch.setenv("DBT_TARGET_PATH", str(example_project.target_dir))
    monkeypatch.setenv("DBT_PROFILES_DIR", str(example_project.project_dir))


@pytest.mark.parametrize("kind", ["views", "features", "entities", "services"])
def test_list_names_everything(here, run, kind):
    """`list` prints each kind of definition, and the same as JSON."""
    code, out, _ = run("list", kind, "--format", "json")
    rows = json.loads(out)
    _, table, _ = run("list", kind)

    assert code == 0
    assert len(rows) >= 1
    assert [] == [row for row in rows if next(iter(row.values())) not in table]


@pytest.mark.parametrize(
    "name", ["plane_features", "plane_features:seats", "route", "flight_delay"]
)
def test_show_describes_each_kind(here, run, name):
    """`show` finds a view, a feature, an entity and a service by name."""
    code, out, _ = run("show", name)
    _, as_json, _ = run("show", name, "--format", "json")

    assert code == 0
    assert name in out
    assert "kind" in json.loads(as_json)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "plane_featurs"], "Did you mean 'plane_features'?"),
        (["show", "plane_features:seat"], "Did you mean 'seats'?"),
        (["sql", "ref:flight_delay_labels", "-s", "flight_dely"], "Did you mean 'flight_delay'?"),
        (["sql", "ref:flight_delay_label", "-s", "flight_delay"], "'flight_delay_labels'"),
        (["sql", "nonsense words", "-s", "flight_delay"], "neither a SELECT"),
        (
            ["sql", "select 1 as x", "-f", "plane_features:seats"],
            "no time column",
        ),
        (["sql", "select 1 as x"], "either features or a feature service"),
        (
            ["why", "plane_features:seats", "-k", "tail=1", "--at", "2013-01-01"],
            "not a join key",
        ),
        (["why", "plane_features:seats", "-k", PLANE, "--at", "yesterday"], "is not a timestamp"),
        (["why", "seats", "-k", PLANE, "--at", "2013-01-01"], "is not a feature reference"),
        (
            ["train", "missing.parquet", "-f", "plane_features:seats"],
            "No such file",
        ),
    ],
)
def test_wrong_input_is_one_clear_line(here, run, arguments, message):
    """A user's mistake exits with 1 and says what to do, without a traceback."""
    code, out, err = run(*arguments)

    assert code == 1
    assert message in err
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize(
    "arguments", [["no-such-command"], ["list", "nothing"], ["sync", "--now", "soon"]]
)
def test_wrong_usage_exits_with_2(here, run, arguments):
    """A wrong command, argument or option is a matter of usage."""
    assert run(*arguments)[0] == 2


def test_outside_a_project_the_remedy_is_said(run, tmp_path, monkeypatch):
    """Without dbt_project.yml the message names the folder and the option."""
    monkeypatch.chdir(tmp_path)
    code, _, err = run("list")

    assert code == 1
    assert "dbt_project.yml" in err
    assert "--project-dir" in err


def test_validate_is_content_with_the_example(here, run):
    """The example project has no problem, in the manifest or in the warehouse."""
    code, _, err = run("validate")

    assert code == 0
    assert "All good" in err


def test_validate_without_a_warehouse_is_unreachable(here, run, tmp_path, monkeypatch):
    """A warehouse file that is missing exits with 3; `--no-connect` does not need it."""
    monkeypatch.setenv("FEATURESTORE_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))

    assert run("validate")[0] == 3
    assert run("validate", "--no-connect")[0] == 0


def test_validate_reports_every_problem(here, run, example_project, tmp_path, monkeypatch):
    """Two broken views are reported together, each with its file."""
    manifest = json.loads(example_project.manifest.read_text(encoding="utf-8"))
    for name in ("plane_features", "route_features"):
        node = manifest["nodes"][f"model.featurestore.{name}"]
        for meta in (node["meta"], node["config"]["meta"]):
            meta["featurestore"]["tll"] = "1 day"
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path))
    code, out, _ = run("validate", "--no-connect", "--format", "json")
    problems = json.loads(out)

    assert code == 1
    assert ["plane_features", "route_features"] == sorted(p["resource"] for p in problems)
    assert all("Did you mean 'ttl'?" in problem["remedy"] for problem in problems)


@pytest.mark.parametrize(
    "arguments",
    [
        ["lineage", "plane_features:seats"],
        ["diff", "--state", "target"],
        ["validate", "--no-connect"],
        ["docs", "--no-connect", "--no-overview"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_terminal_shows_which_model_is_read(
    here, run, example_project, tmp_path, monkeypatch, arguments
):
    """Whoever waits for the SQL to be read sees a bar; a log gets nothing of it."""
    models = load_manifest(example_project.manifest).model_ids
    if arguments[0] == "docs":
        files = ["--markdown", tmp_path / "blocks.md", "--html", tmp_path / "page.html"]
        arguments = [*arguments, *files]
    code, out, err = run(*arguments)
    screen = Console(file=StringIO(), force_terminal=True, width=200)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("featurestore.cli.progress.stderr", screen)
    drawn = screen.file

    assert (0, out) == run(*arguments)[:2]
    assert "Reading models" in drawn.getvalue()
    assert any(f" {name}" in drawn.getvalue() for name in models)
    assert 0 == code
    assert "Reading models" not in err


def test_sql_prints_what_train_runs(here, run):
    """`sql` prints one statement that the warehouse accepts."""
    from featurestore import FeatureStore

    arguments = ("ref:flight_delay_labels", "-s", "flight_delay", "--full-feature-names")
    code, out, _ = run("sql", *arguments)
    with FeatureStore().warehouse() as warehouse:
        rows = warehouse.stream(f"SELECT count(*) AS n FROM ({out})").read_all()["n"][0].as_py()
        spine = warehouse.stream("SELECT count(*) AS n FROM flight_delay_labels").read_all()

    assert code == 0
    assert spine["n"][0].as_py() == rows


def test_train_writes_parquet(here, run, tmp_path):
    """`train --output` writes the rows it says it wrote."""
    import pyarrow.parquet as pq

    target = tmp_path / "out" / "training.parquet"
    entities = "select * from flight_delay_labels limit 100"
    code, _, err = run("train", entities, "-f", "plane_features:seats", "-o", target)

    assert code == 0
    assert "100 rows" in err
    assert pq.read_table(target).num_rows == 100


def test_train_previews_as_json(here, run):
    """Without a target, `train` shows rows; as JSON, all of them."""
    entities = "select * from flight_delay_labels limit 3"
    code, out, _ = run("train", entities, "-f", "plane_features:seats", "--format", "json")

    assert code == 0
    assert len(json.loads(out)) == 3


def test_why_puts_the_chosen_row_first(here, run):
    """`why` explains one value, the chosen row first."""
    arguments = ["why", "plane_features:seats", "-k", PLANE, "--at", "2013-07-01T12:00"]
    code, out, _ = run(*arguments, "--format", "json")
    verdicts = [row["verdict"] for row in json.loads(out)]

    assert code == 0
    assert verdicts[0] == "chosen"
    assert "chosen" not in verdicts[1:]


def test_sync_then_get(
    here, run, example_project, redis_server, redis_client, tmp_path, monkeypatch
):
    """`sync` publishes, reports as JSON, and `get` reads values with a status each."""
    warehouse = tmp_path / "warehouse.duckdb"
    shutil.copy(example_project.warehouse, warehouse)
    monkeypatch.setenv("FEATURESTORE_WAREHOUSE", str(warehouse))
    monkeypatch.setenv("FEATURESTORE_REDIS_URL", redis_server)
    monkeypatch.setenv("FEATURESTORE_NOW", NOW)
    code, out, _ = run("sync", "--view", "plane_features", "--format", "json")
    report = json.loads(out)
    got, values, _ = run("get", "-f", "plane_features:*", "-e", PLANE, "--format", "json")
    _, table, _ = run("get", "-f", "plane_features:*", "-e", PLANE, "-e", "tailnum=NONE")

    assert (code, got) == (0, 0)
    assert report["views"][0]["written"] > 1000
    assert json.loads(values)["seats__status"] == ["PRESENT"]
    assert "NOT_FOUND" in table


def test_redis_down_exits_with_3(here, run, monkeypatch):
    """An online store that is not there exits with 3 and names the address, not the password."""
    monkeypatch.setenv("FEATURESTORE_REDIS_URL", "redis://:secret@localhost:1/0")
    code, _, err = run("get", "-f", "plane_features:seats", "-e", PLANE)

    assert code == 3
    assert "localhost:1" in err
    assert "secret" not in err
