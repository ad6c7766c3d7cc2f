"""`--target` with a manifest of another target: refused, with dbt's real files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from featurestore import FeatureStore
from featurestore.cli.app import app
from featurestore.errors import ManifestOfOtherTarget, RelationNotBuilt, TargetWarning
from tests.support.builders import PLANES, ROW, model, tiny_project
from tests.support.example_fixture import dbt

FEATURE = ["f:v"]
ENTITY = "select 1 as id, timestamp '2024-02-01' as event_timestamp"
PER_ENVIRONMENT = """{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ generate_schema_name_for_env(custom_schema_name, node) }}
{%- endmacro %}
"""
"""As dbt documents it: https://docs.getdbt.com/docs/build/custom-schemas."""
MODEL = """select 1 as id, timestamp '2024-01-01' as ts, '{{ target.name }}' as v"""
YML = """models:
  - name: f
    config: {materialized: table, meta: {featurestore: {entities: {e: id}, event_timestamp: ts}}}
    columns: [{name: id}, {name: ts}, {name: v}]
"""


def _project(folder: Path, *, macro: str = "", schema: str = "", files: bool = False) -> Path:
    """Write a project with the targets dev and prod: a schema each, or a file each."""
    outputs = {
        name: {
            "type": "duckdb",
            "path": f"{name if files else 'w'}.duckdb",
            "schema": "main" if files else name,
        }
        for name in ("dev", "prod")
    }
    project = {"name": "shop", "profile": "shop", "version": "1.0"}
    if schema:
        project["models"] = {"shop": {"+schema": schema}}
    texts = {
        "dbt_project.yml": yaml.safe_dump(project),
        "profiles.yml": yaml.safe_dump({"shop": {"target": "dev", "outputs": outputs}}),
        "models/f.sql": MODEL,
        "models/f.yml": YML,
        "macros/schemas.sql": macro,
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def _dbt(folder: Path, *arguments: str) -> None:
    result = dbt(folder, *arguments)
    assert 0 == result.returncode, result.stdout


def _value(folder: Path, target: str | None) -> str:
    job = FeatureStore(folder, target).get_historical_features(ENTITY, FEATURE)
    return job.to_arrow().column("v").to_pylist()[0]


def _refused(folder: Path, target: str | None, remedy: str) -> None:
    with pytest.raises(ManifestOfOtherTarget, match="written for another target") as refusal:
        _value(folder, target)
    assert f"Run `dbt parse --target {remedy}`." == refusal.value.remedy


@pytest.mark.whole
@pytest.mark.xdist_group("dbt")
@pytest.mark.parametrize(
    "project",
    [
        {},
        {"schema": "marts"},
        {"files": True},
        {"macro": PER_ENVIRONMENT},
        {"macro": PER_ENVIRONMENT, "schema": "marts"},
    ],
    ids=str,
)
def test_each_target_reads_its_own_tables(tmp_path, project):
    """The manifest of the last `dbt` is used by its own target, and refused by the other one."""
    folder = _project(tmp_path, **project)
    _dbt(folder, "build", "--target", "prod")

    assert "prod" == _value(folder, "prod")
    _refused(folder, "dev", "dev")
    _refused(folder, None, "dev")
    _dbt(folder, "build")
    assert "dev" == _value(folder, None)
    _refused(folder, "prod", "prod")


@pytest.mark.whole
@pytest.mark.xdist_group("dbt")
def test_the_remedy_helps(tmp_path):
    """After `dbt parse` with the target, its tables are read, without a build."""
    folder = _project(tmp_path)
    _dbt(folder, "build", "--target", "prod")
    _dbt(folder, "build", "--target", "dev")
    _refused(folder, "prod", "prod")

    _dbt(folder, "parse", "--target", "prod")

    assert "prod" == _value(folder, "prod")


@pytest.mark.whole
@pytest.mark.xdist_group("dbt")
def test_a_manifest_that_does_not_tell_gives_one_warning(tmp_path):
    """`dbt parse` leaves no results, and the macro's schema is not the target's."""
    folder = _project(tmp_path, macro=PER_ENVIRONMENT, schema="marts")
    _dbt(folder, "build", "--target", "prod")
    _dbt(folder, "parse", "--target", "prod")

    with pytest.warns(TargetWarning, match="dbt parse --target prod") as warned:
        assert "prod" == _value(folder, "prod")
    assert 1 == len(warned)


COMMANDS = [
    ["sync"],
    ["sync", "--dry-run"],
    ["status"],
    ["verify"],
    ["purge", "--yes"],
    ["validate", "--connect"],
    ["train", ROW, "-f", "plane_features:delay"],
    ["train", "-f", "plane_features:delay"],
    ["why", "plane_features:delay", "-k", "tailnum=N1", "--at", "2024-03-01"],
]


def _two_targets(folder: Path, schema: str | None) -> Path:
    """Write a project without dbt, whose default target is dev, in the schema main."""
    node = {"schema": schema, "database": "warehouse"} if schema else {}
    tiny_project(folder, [model(node=node)], {"plane_features": PLANES})
    path = folder / "profiles.yml"
    profiles = yaml.safe_load(path.read_text())
    outputs = profiles["shop"]["outputs"]
    outputs["prod"] = {**outputs["dev"], "schema": "prod"}
    path.write_text(json.dumps(profiles))
    return folder


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_that_reads_tables_refuses(tmp_path, redis_server, command):
    """One line on standard error, exit code 1, and nothing in Redis."""
    folder = _two_targets(tmp_path, "main")
    environment = {"FEATURESTORE_REDIS_URL": redis_server}
    arguments = [*command, "--project-dir", str(folder), "--target", "prod"]

    result = CliRunner().invoke(app, arguments, env=environment)

    assert (
        "Error: The manifest was written for another target than 'prod': it names the table"
        ' "warehouse"."main"."plane_features", and the target builds in warehouse.prod.'
        " Run `dbt parse --target prod`.\n"
    ) == result.stderr
    assert 1 == result.exit_code


def test_without_names_only_a_named_target_is_warned_about(tmp_path):
    """Silence for the default target; one line for another one."""
    folder = _two_targets(tmp_path, None)
    why = [*COMMANDS[-1], "--project-dir", str(folder)]

    assert "" == CliRunner().invoke(app, why).stderr
    told = CliRunner().invoke(app, [*why, "--target", "prod"])
    assert 0 == told.exit_code
    assert 1 == told.stderr.count("\n")
    assert told.stderr.startswith("Warning: The manifest does not tell whether")


def test_a_missing_table_may_be_of_another_target(tmp_path):
    """If the manifest does not tell its target, the remedy names `dbt parse` too."""
    store = tiny_project(tmp_path, [model()], {})

    with pytest.raises(RelationNotBuilt) as missing:
        store.get_historical_features(ROW, ["plane_features:delay"])

    assert (
        "Run `dbt build --select plane_features`. If the manifest was written for another target,"
        " run `dbt parse --target dev`."
    ) == missing.value.remedy


def test_a_dry_run_shows_the_tables(tmp_path, redis_server, redis_client):
    """The table of each view is in the report."""
    folder = _two_targets(tmp_path, "main")

    report = FeatureStore(folder, redis_url=redis_server).sync(dry_run=True)

    relations = {view.view: view.relation for view in report.views}
    assert '"warehouse"."main"."plane_features"' == relations["plane_features"]
