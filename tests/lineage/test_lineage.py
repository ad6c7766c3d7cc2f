"""Lineage through models, from sources to services, on real and on built manifests."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from featurestore.cli.app import app
from featurestore.errors import RegistryError
from featurestore.lineage.dependents import dependents_of
from featurestore.lineage.graph import ColumnId, build_lineage, find_column
from featurestore.lineage.picture import svg
from featurestore.project.manifest import load_manifest
from featurestore.project.result_cache import ResultCache
from featurestore.registry.build_registry import build_registry
from tests.support.builders import PROJECT, column, manifest_json, model, service

pytestmark = pytest.mark.whole

PLANES = {"tailnum": "varchar", "observed_at": "timestamp", "delay": "double"}


def sql(name: str, code: str | None, needs: tuple[str, ...] = (), **fields):
    """Return a model that computes something and is not a feature view."""
    node = {
        "compiled_code": code,
        "raw_code": fields.pop("raw_code", code or ""),
        "depends_on": {"nodes": list(needs)},
        **fields,
    }
    return model(name, {}, meta={}, node=node)


def view(code: str | None, needs: tuple[str, ...], columns=PLANES, **own):
    """Return the feature view `plane_features`."""
    node = {"compiled_code": code, "raw_code": code or "", "depends_on": {"nodes": list(needs)}}
    return model(columns=columns, node={**node, **own.pop("node", {})}, **own)


def source(name: str, *columns: str, relation: str = "") -> dict:
    return {
        "unique_id": f"source.{PROJECT}.raw.{name}",
        "source_name": "raw",
        "name": name,
        "relation_name": relation or f'"warehouse"."raw"."{name}"',
        "columns": {c: column(c) for c in columns},
    }


def write(folder, *models, sources=(), **parts):
    """Write a manifest with sources, and read it."""
    path = folder / "manifest.json"
    folder.mkdir(exist_ok=True)
    found = manifest_json(*models, **parts)
    found["sources"] = {one["unique_id"]: one for one in sources}
    path.write_text(json.dumps(found), encoding="utf-8")
    return load_manifest(path)


FLIGHTS = f"source.{PROJECT}.raw.flights"
STAGED = f"model.{PROJECT}.stg_flights"
VIEW = f"model.{PROJECT}.plane_features"
STAGING = (
    'select tail as tailnum, at as observed_at, late as delay from "warehouse"."raw"."flights"'
)
FEATURES = 'select tailnum, observed_at, delay from "warehouse"."main"."stg_flights"'


def project(folder, staging=STAGING, features=FEATURES, **parts):
    models = (sql("stg_flights", staging, (FLIGHTS,)), view(features, (STAGED,)))
    return write(folder, *models, sources=[source("flights")], **parts)


def sources_of(graph, name="delay"):
    edges = graph.upstream(ColumnId(VIEW, name))
    return sorted(str(e.source) for e in edges if e.source.node.startswith("source."))


def test_a_feature_is_traced_through_models(tmp_path):
    graph = build_lineage(project(tmp_path))

    assert [f"{FLIGHTS}.late"] == sources_of(graph)
    assert {} == dict(graph.untraced)


@pytest.mark.parametrize("other", ["other", "zoo"])
def test_a_packages_model_of_one_name_is_a_node_of_its_own(tmp_path, other):
    """A view that reads a package's model is traced through it; the name means the root's."""
    theirs = {
        "unique_id": f"model.{other}.stg_flights",
        "relation_name": '"warehouse"."two"."stg_flights"',
    }
    staged = [
        sql("stg_flights", STAGING.replace("late", "early"), (FLIGHTS,)),
        sql("stg_flights", STAGING, (FLIGHTS,), **theirs),
    ]
    features = view(FEATURES.replace('"main"', '"two"'), (theirs["unique_id"],))
    read = write(tmp_path, *staged, features, sources=[source("flights")])
    graph = build_lineage(read)
    reached = dependents_of(graph, read, build_registry(read), ColumnId(FLIGHTS, "late"))

    assert [f"{FLIGHTS}.late"] == sources_of(graph)
    assert ["plane_features:delay"] == [hit.name for hit in reached]
    assert ColumnId(STAGED, "delay") == find_column(read, "stg_flights.delay")
    assert theirs["unique_id"] == find_column(read, f"{theirs['unique_id']}.delay").node


def test_a_source_that_is_an_expression_is_matched_by_it(tmp_path):
    """dbt-duckdb writes a file as a call; spaces and line breaks in it do not matter."""
    relation = "read_csv(\n  'flights.csv',  header = true)"
    call = "read_csv('flights.csv', header=true)"
    staging = f"select tail as tailnum, at as observed_at, late as delay from {call}"
    models = (sql("stg_flights", staging, (FLIGHTS,)), view(FEATURES, (STAGED,)))
    read = write(tmp_path, *models, sources=[source("flights", relation=relation)])

    assert [f"{FLIGHTS}.late"] == sources_of(build_lineage(read))


QUOTED = """select tail as tailnum, at as observed_at, "lateMinutes" as "delayMinutes"
from raw.flights"""
NAMED = {**dict.fromkeys(["tailnum", "observed_at"]), "delayMinutes": "double"}


@pytest.mark.parametrize("documented", [("tail", "at", "lateMinutes"), ()])
@pytest.mark.parametrize("adapter", ["postgres", "snowflake", "duckdb"])
def test_a_column_in_quotes_is_traced_by_its_documented_name(tmp_path, adapter, documented):
    """A yml writes a name without quotes: it means the quoted column, wherever it is read."""
    features = 'select tailnum, observed_at, "delayMinutes" from main.stg_flights'
    models = (
        sql("stg_flights", QUOTED, (FLIGHTS,), relation_name="main.stg_flights"),
        view(features, (STAGED,), NAMED),
    )
    flights = source("flights", *documented, relation="raw.flights")
    read = write(tmp_path, *models, sources=[flights], adapter=adapter)
    graph = build_lineage(read)
    late = ColumnId(FLIGHTS, "lateminutes")
    reached = dependents_of(graph, read, build_registry(read), late)

    assert {} == dict(graph.untraced)
    assert [str(late)] == sources_of(graph, "delayminutes")
    assert ["plane_features:delayMinutes"] == [hit.name for hit in reached]
    assert ColumnId(STAGED, "delayminutes") == find_column(read, "stg_flights.delayMinutes")


def test_columns_that_differ_in_case_alone_are_both_meant(tmp_path):
    features = (
        'select tailnum, observed_at, delay as "Delay", late as "DELAY" from main.stg_flights'
    )
    staging = "select tail as tailnum, at as observed_at, late, delay from raw.flights"
    models = (
        sql("stg_flights", staging, (FLIGHTS,), relation_name="main.stg_flights"),
        view(features, (STAGED,)),
    )
    flights = source("flights", relation="raw.flights")
    graph = build_lineage(write(tmp_path, *models, sources=[flights], adapter="postgres"))

    assert [f"{FLIGHTS}.delay", f"{FLIGHTS}.late"] == sources_of(graph)
    assert "'delay' may mean" in graph.why_untraced(ColumnId(VIEW, "delay"))


def test_a_catalog_tells_columns_apart(tmp_path):
    """Of two sources without declared columns, dbt's catalog says which has the column."""
    staging = (
        "select tail as tailnum, at as observed_at, late as delay"
        ' from "warehouse"."raw"."flights" f'
        ' join "warehouse"."raw"."planes" p on f.tail = p.id'
    )
    planes = f"source.{PROJECT}.raw.planes"
    models = (sql("stg_flights", staging, (FLIGHTS, planes)), view(FEATURES, (STAGED,)))
    read = write(tmp_path, *models, sources=[source("flights"), source("planes")])
    unsure = build_lineage(read)
    catalog = {
        "sources": {
            FLIGHTS: {"columns": {"tail": {}, "at": {}}},
            planes: {"columns": {"LATE": {}, "id": {}}},
        }
    }
    (tmp_path / "catalog.json").write_text(json.dumps(catalog), encoding="utf-8")

    assert "may come from" in unsure.untraced[ColumnId(STAGED, "delay")]
    assert [f"{FLIGHTS}.late", f"{planes}.late"] == sources_of(unsure)
    assert [f"{planes}.late"] == sources_of(build_lineage(read))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"original_file_path": "models/stg_flights.py"}, "a Python model"),
        ({"compiled_code": None}, "not compiled"),
        ({"compiled_code": "select ("}, "cannot be read"),
        ({"compiled_code": "pivot x on y using sum(z)"}, "is a PIVOT, not a SELECT"),
    ],
)
def test_what_cannot_be_traced_says_why(tmp_path, fields, why):
    """Tracing ends there, and the features behind it are possible dependents."""
    staged = {**sql("stg_flights", STAGING, (FLIGHTS,)), **fields}
    read = write(tmp_path, staged, view(FEATURES, (STAGED,)), sources=[source("flights")])
    graph = build_lineage(read)
    found = dependents_of(graph, read, build_registry(read), ColumnId(FLIGHTS, "late"))

    assert why in graph.why_untraced(ColumnId(STAGED, "delay"))
    assert {"possible"} == {hit.how for hit in found}
    assert "plane_features:delay" in {hit.name for hit in found}


def test_an_ephemeral_model_is_a_node_of_its_own(tmp_path):
    inner = sql("mid", STAGING, (FLIGHTS,), relation_name=None)
    inner["config"]["materialized"] = "ephemeral"
    code = f"with __dbt__cte__mid as ({STAGING}) select * from __dbt__cte__mid"
    read = write(
        tmp_path, inner, view(code, (f"model.{PROJECT}.mid",)), sources=[source("flights")]
    )
    edges = build_lineage(read).upstream(ColumnId(VIEW, "delay"))

    assert {f"model.{PROJECT}.mid.delay", f"{FLIGHTS}.late"} == {str(e.source) for e in edges}


def test_a_snapshot_has_columns_of_dbts_own(tmp_path):
    snapshot = sql("planes_history", STAGING, (FLIGHTS,), resource_type="snapshot")
    snapshot["unique_id"] = f"snapshot.{PROJECT}.planes_history"
    history = '"warehouse"."main"."planes_history"'
    code = f"select tailnum, dbt_valid_from as observed_at, delay from {history}"
    read = write(
        tmp_path, snapshot, view(code, (snapshot["unique_id"],)), sources=[source("flights")]
    )
    graph = build_lineage(read)

    assert [f"{FLIGHTS}.late"] == sources_of(graph)
    assert "snapshot" in graph.untraced[ColumnId(snapshot["unique_id"], "dbt_valid_from")]


def test_an_incremental_model_does_not_depend_on_itself(tmp_path):
    this = '"warehouse"."main"."plane_features"'
    code = f"{FEATURES} where observed_at > (select max(observed_at) from {this})"
    graph = build_lineage(project(tmp_path, features=code))

    assert not [e for e in graph.edges if e.source.node == e.target.node]


def test_a_table_that_dbt_does_not_know_is_named(tmp_path):
    read = project(tmp_path, staging=STAGING.replace("flights", "elsewhere"))
    with ResultCache(tmp_path, "lineage") as cache:
        first = build_lineage(read, cache=cache)

    assert {"warehouse.raw.elsewhere"} == set(first.untraced)
    assert first == build_lineage(read, cache=ResultCache(tmp_path, "lineage"))


def test_a_second_run_reads_no_sql(tmp_path, monkeypatch):
    """The cache gives the same graph, and notices what changes."""
    first = build_lineage(project(tmp_path), cache=(cache := ResultCache(tmp_path, "lineage")))
    cache.save()
    with monkeypatch.context() as patched:
        patched.setattr("featurestore.lineage.model_tracer.parsed", None)
        second = build_lineage(project(tmp_path), cache=ResultCache(tmp_path, "lineage"))
    changed = project(tmp_path, staging=STAGING.replace("late", "later"))
    third = build_lineage(changed, cache=ResultCache(tmp_path, "lineage"))

    assert first == second
    assert [f"{FLIGHTS}.later"] == sources_of(third)


@pytest.mark.parametrize("kept", [{}, {"columns": {}}, ["x"], 1, {"rows": "abcd", "columns": {}}])
def test_kept_lineage_of_another_form_is_not_used(tmp_path, kept):
    """A cache file of another form is not used."""
    first = build_lineage(project(tmp_path), cache=(cache := ResultCache(tmp_path, "lineage")))
    cache.save()
    cache.path.write_text(json.dumps(dict.fromkeys(json.loads(cache.path.read_text()), kept)))

    assert first == build_lineage(project(tmp_path), cache=ResultCache(tmp_path, "lineage"))


def test_dependents_of_a_source_column(tmp_path):
    exposures = [service("delays", ["plane_features:delay"], owner={"name": "Ann"})]
    read = project(tmp_path, exposures=exposures)
    graph = build_lineage(read)
    found = dependents_of(graph, read, build_registry(read), ColumnId(FLIGHTS, "late"))

    assert [("plane_features:delay", "feature", "direct", ("delays",))] == [
        (hit.name, hit.kind, hit.how, hit.services) for hit in found
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raw.flight.late", "Did you mean 'raw.flights'"),
        ("stg_flights.delai", "Did you mean 'delay'"),
    ],
)
def test_a_misspelt_column_gets_a_suggestion(tmp_path, text, said):
    with pytest.raises(RegistryError, match=said):
        find_column(project(tmp_path), text)


def test_the_picture_is_xml_with_every_column_once(tmp_path):
    """Names are escaped, untraced columns are marked, and lines join boxes."""
    graph = build_lineage(project(tmp_path))
    target = ColumnId(VIEW, "delay")
    picture = svg(graph, target, services={"a<b": [target]}, views=[VIEW], title="x & y")
    root = ET.fromstring(picture)
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]

    assert {"late", "delay", "raw.flights", "feature view", "a<b"} <= set(texts)
    assert 3 == len(re.findall("<path", picture))


def cli(example_project, *arguments):
    return CliRunner().invoke(
        app, ["lineage", *arguments, "--project-dir", str(example_project.project_dir)]
    )


def test_the_example_is_traced_without_a_gap(example_project):
    """Every feature of the example, built by dbt, leads to a source, and nothing is in doubt."""
    manifest = load_manifest(example_project.manifest)
    graph = build_lineage(manifest)

    assert {} == dict(graph.untraced)
    for feature in build_registry(manifest).feature_views["plane_features"].feature_names:
        edges = graph.upstream(ColumnId("model.featurestore.plane_features", feature))
        assert any(edge.source.node.startswith("source.") for edge in edges), feature


def test_the_command_line_shows_a_tree(example_project):
    result = cli(example_project, "plane_features:seats")

    assert 0 == result.exit_code
    assert "nycflights.planes.seats  source" in result.output
    assert "used by flight_delay" in result.output


def test_the_command_line_says_who_is_hit(example_project):
    result = cli(example_project, "--upstream", "nycflights.flights.arr_delay", "--format", "json")
    found = {hit["name"]: hit for hit in json.loads(result.stdout)["hits"]}

    assert "direct" == found["plane_features:arr_delay_avg_7d"]["how"]
    assert "label" == found["flight_delay_labels.arrived_late"]["kind"]
    assert "plane_features:dep_delay_avg_7d" not in {
        name for name, hit in found.items() if hit["how"] == "direct"
    }


def test_the_command_line_draws(example_project, tmp_path):
    result = cli(example_project, "plane_features", "--output", str(tmp_path / "a.svg"))

    assert 0 == result.exit_code
    ET.parse(tmp_path / "a.svg")


def test_a_key_is_called_a_key_and_a_column_a_column(example_project):
    """The kind follows the name of a column, and the error for an unknown column says column."""

    def said(*arguments: str) -> str:
        result = cli(example_project, *arguments)
        return " ".join(f"{result.output} {result.exception}".split())

    assert "plane_features:tailnum key" in said("plane_features:tailnum")
    assert "Unknown column 'tailnun' in stg_nycflights__flights" in said(
        "--upstream", "stg_nycflights__flights.tailnun"
    )
