"""The compiled SQL of models, sources and tests, from a manifest that dbt wrote."""

from __future__ import annotations

import pytest

from featurestore.errors import NotCompiled
from featurestore.project.manifest import load_manifest
from featurestore.project.nodes import CompiledNode
from featurestore.sql.compiled import parsed
from tests.support.example_fixture import ExampleProject


def node(sql: str | None) -> CompiledNode:
    return CompiledNode(
        unique_id="model.shop.a",
        name="a",
        resource_type="model",
        original_file_path="models/a.sql",
        compiled_code=sql,
    )


@pytest.fixture
def manifest(example_project: ExampleProject):
    return load_manifest(example_project.manifest)


@pytest.mark.whole
def test_a_model_of_the_example_is_a_query(manifest):
    compiled = manifest.compiled("model.featurestore.plane_features")
    tree = parsed(compiled, manifest.dialect)

    assert {"flights", "planes"} <= {cte.alias for cte in tree.ctes}
    assert "model.featurestore.stg_nycflights__flights" in compiled.depends_on.nodes


@pytest.mark.whole
def test_sources_and_tests_are_read(manifest):
    assert manifest.sources["source.featurestore.nycflights.flights"].name == "flights"
    tests = [t for t in manifest.data_tests() if t.attached_node and t.test_metadata]
    assert {
        t.test_metadata.kwargs["event_timestamp"]
        for t in tests
        if t.test_metadata.name == "unique_entity_timestamp"
        and t.attached_node == "model.featurestore.plane_features"
    } == {"observed_at"}


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (None, "`dbt parse` does not compile"),
        ("select (", "cannot be parsed as duckdb"),
        ("create table x (a int)", "is a CREATE, not a SELECT"),
    ],
)
def test_what_is_no_query_is_said(sql, said):
    with pytest.raises(NotCompiled, match=said) as error:
        parsed(node(sql), "duckdb")
    assert "models/a.sql" in str(error.value)
