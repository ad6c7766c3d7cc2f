"""After `dbt build --select x`, the SQL of other models is what dbt compiled before."""

from __future__ import annotations

import os

import pytest

from featurestore import FeatureStore
from featurestore.cli import main
from featurestore.project.manifest import load_manifest
from tests.support.builders import PROJECT, column, model, tiny_project

SQL = "select id, at, max(v) over (partition by id) as v from warehouse.main.raw"
TABLES = dict.fromkeys(("left_out", "raw"), "select 1 id, timestamp '2024-01-01' as at, 1 v")


@pytest.fixture
def partial(tmp_path):
    """Return a project whose manifest lacks the SQL of a view, and the file of an earlier run."""
    needs = {"nodes": [f"model.{PROJECT}.raw"]}
    view = model(
        "left_out",
        [column("id"), column("at"), column("v")],
        entities={"e": "id"},
        event_timestamp="at",
        node={"original_file_path": "models/left_out.sql", "depends_on": needs},
    )
    raw = model("raw", meta={}, node={"relation_name": "warehouse.main.raw"})
    tiny_project(tmp_path, [view, raw], TABLES)
    for folder, age in (("models", 60), (f"target/compiled/{PROJECT}/models", 0)):
        file = tmp_path / folder / "left_out.sql"
        file.parent.mkdir(parents=True)
        file.write_text(SQL, encoding="utf-8")
        _age(file, age)
    _age(tmp_path / "dbt_project.yml", 60)
    return tmp_path


def _age(file, seconds):
    then = file.stat().st_mtime - seconds
    os.utime(file, (then, then))


def compiled(folder):
    """Return the SQL of the view as the lint and lineage read it."""
    manifest = load_manifest(folder / "target" / "manifest.json", folder)
    return manifest.compiled(f"model.{PROJECT}.left_out")


def test_sql_of_an_earlier_run_is_read(partial):
    """The lint finds what it found after the whole build, and lineage traces the column."""
    store = FeatureStore(partial)
    report = store.lint()

    assert ("left_out",) == report.linted
    assert any(problem.code for problem in report.problems)


@pytest.mark.parametrize("changed", ["models/left_out.sql", "dbt_project.yml", "macros/m.sql"])
def test_sql_older_than_the_model_is_not_read(partial, changed):
    """The model, a variable or a macro may give other SQL now."""
    (partial / "macros").mkdir()
    (partial / "macros" / "m.sql").write_text("", encoding="utf-8")
    _age(partial / "macros" / "m.sql", 60)
    assert SQL == compiled(partial).compiled_code

    _age(partial / changed, -120)

    assert compiled(partial).compiled_code is None


def test_sql_of_another_target_is_not_read(partial):
    """It names the tables of that target."""
    file = partial / "target" / "compiled" / PROJECT / "models" / "left_out.sql"
    file.write_text(SQL.replace("warehouse.main", "prod.main"), encoding="utf-8")

    assert compiled(partial).compiled_code is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "Not checked: SQL that dbt has not compiled."),
        (["--no-connect"], "Not checked: the tables (--no-connect), SQL that dbt"),
        (["--no-lint"], "Not checked: the SQL (--no-lint)."),
    ],
)
def test_what_was_not_looked_at_is_not_good(partial, capsys, options, says):
    """The verdict names it."""
    (partial / "target" / "compiled" / PROJECT / "models" / "left_out.sql").unlink()

    with pytest.raises(SystemExit) as stopped:
        main(["validate", "--project-dir", str(partial), *options])

    said = capsys.readouterr().err
    assert not stopped.value.code
    assert "No problem found: 1 feature view" in said
    assert says in said
    assert "All good" not in said
