"""Services with request fields, wherever a project is inspected."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from featurestore.catalog.page import catalog_page
from featurestore.catalog.statistics import Measured
from featurestore.cli.app import app
from featurestore.lineage.graph import LineageGraph
from tests.lineage.test_lineage import FEATURES, FLIGHTS, PLANES, STAGED, STAGING, source, sql, view
from tests.support.builders import Table, model, service, tiny_project

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
COLUMNS = {"tailnum": "varchar", "observed_at": "timestamp", "delay": "bigint", "seats": "integer"}
ON_DEMAND = {"over": "delay + asked", "is_more": {"expression": "over > seats"}}


def project(folder, on_demand=ON_DEMAND, types=COLUMNS, tables=None):
    exposure = service(
        "delays",
        ["plane_features:*"],
        request={"asked": {"type": "bigint", "pii": True}},
        on_demand=on_demand,
        owner={"name": "Ann"},
    )
    return tiny_project(folder, [model(columns=types)], tables, exposures=[exposure])


def run(store, *arguments):
    """Run a command with JSON as its output."""
    here = ["--project-dir", str(store.project.folder), "--format", "json"]
    found = CliRunner().invoke(app, [*arguments, *here])
    assert 0 == found.exit_code, found.stderr
    return json.loads(found.stdout)


def test_list_and_show_have_what_is_computed(tmp_path):
    """`list` names it; `show` has the expressions, and the types as far as they are declared."""
    store = project(tmp_path)
    (listed,) = run(store, "list", "services")
    shown = run(store, "show", "delays")

    assert ({"asked": "int64"}, ["over", "is_more"]) == (listed["request"], listed["on_demand"])
    assert {"over": "delay + asked", "is_more": "over > seats"} == shown["on_demand"]
    assert {"over": "int64", "is_more": "boolean"} == shown["on_demand_types"]
    assert ["asked", "over", "is_more"] == shown["personal_data"]


def test_types_that_only_the_warehouse_knows_are_left_out(tmp_path):
    """`show` reads no warehouse."""
    shown = run(project(tmp_path, types=dict.fromkeys(COLUMNS)), "show", "delays")

    assert {} == shown["on_demand_types"]


@pytest.mark.parametrize("connect", [True, False])
def test_validate_checks_every_expression(tmp_path, connect):
    """Each wrong one is reported; one that reads a wrong one is not."""
    wrong = {
        "a": {"expression": "delay > asked", "data_type": "bigint"},
        "b": "tan(delay)",
        "c": "b + 1",
        "d": "seats > 1",
    }
    store = project(tmp_path, wrong, tables={"plane_features": Table(COLUMNS)})
    found = [str(each) for each in store.validate(connect=connect, lint=False)]
    about = [text for text in found if "on_demand" in text]

    assert 2 == len(about)
    assert "models/exposures.yml: delays: on_demand 'a' is boolean, but is declared as" in about[0]
    assert "on_demand 'b'" in about[1]


def test_validate_takes_the_types_of_the_warehouse(tmp_path):
    """Where none are declared, only a connection finds what is wrong."""
    undeclared = dict.fromkeys(COLUMNS)
    tables = {"plane_features": Table({**COLUMNS, "seats": "varchar"})}
    store = project(tmp_path, {"x": "seats > asked"}, undeclared, tables)
    with_it, without = (
        [str(each) for each in store.validate(connect=connect, lint=False)]
        for connect in (True, False)
    )

    assert [True] == ["on_demand 'x'" in text for text in with_it]
    assert not any("on_demand" in text for text in without)


def test_the_catalog_shows_what_is_computed(tmp_path):
    """The page lists each service's request fields and expressions, escaped."""
    store = project(tmp_path, {"is_less": "delay < asked"})
    page = catalog_page(store.registry, LineageGraph(frozenset()), Measured(), NOON)

    assert "<code>asked</code> int64" in page
    assert "<code>is_less</code> = <code>delay &lt; asked</code>" in page


@pytest.fixture
def traced(tmp_path):
    """Return a project whose service computes from a feature that lineage follows to a source."""
    exposure = service(
        "delays",
        ["plane_features:delay"],
        request={"asked": "double"},
        on_demand={"is_late": "delay > asked", "is_early": "not is_late"},
        owner={"name": "Ann"},
    )
    models = (sql("stg_flights", STAGING, (FLIGHTS,)), view(FEATURES, (STAGED,), PLANES))
    return tiny_project(tmp_path, models, sources=[source("flights")], exposures=[exposure])


def test_lineage_goes_through_the_service(traced):
    """An on-demand feature descends from raw columns and from the request."""
    found = run(traced, "lineage", "delays:is_early")
    kinds = {column["name"]: column["kind"] for column in found["columns"]}

    assert {"delays.is_early", "delays.is_late", "delays.asked", "plane_features.delay"} <= {*kinds}
    assert "service" == kinds["delays.asked"]
    assert "source" in kinds.values()
    assert {"delays"} == {name for names in found["services"].values() for name in names}
    assert 2 == len(run(traced, "lineage", "delays")["services"])


def test_a_raw_column_reaches_the_on_demand_feature(traced):
    """`--upstream` names it with its service and owner."""
    hits = run(traced, "lineage", "--upstream", "plane_features.delay")["hits"]
    found = {hit["name"]: (hit["kind"], hit["services"], hit["owner"]) for hit in hits}

    assert ("on-demand feature", ["delays"], "Ann") == found["delays:is_late"]
    assert ("on-demand feature", ["delays"], "Ann") == found["delays:is_early"]


def test_an_unknown_on_demand_feature_is_refused(traced):
    """The error names the service and the nearest name."""
    here = ["--project-dir", str(traced.project.folder)]
    found = CliRunner().invoke(app, ["lineage", "delays:is_latte", *here])

    assert 1 == found.exit_code
    assert "Did you mean 'is_late'?" in found.stderr
