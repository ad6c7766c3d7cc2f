"""The catalog of a large project: small files, and the pictures that its page draws."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pytest

from featurestore.catalog.docs_blocks import catalog_markdown
from featurestore.catalog.page import catalog_page
from featurestore.catalog.statistics import Measured
from featurestore.lineage.graph import ColumnId, build_lineage
from featurestore.lineage.picture import svg
from tests.support.builders import COLUMNS, model, service, tiny_project
from tests.support.chromium import after_scripts
from tests.support.large_project import large_project

NOW = datetime(2024, 3, 1, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"


def page_of(store):
    """Return the page of a project, without statistics."""
    graph = build_lineage(store.manifest, store.registry)
    return catalog_page(store.registry, graph, Measured(), NOW)


def test_the_page_grows_with_the_features_and_not_with_what_lies_behind_them(tmp_path):
    """Each feature adds about as much to a large page as to a small one."""
    small, large = (page_of(large_project(tmp_path / str(n), n)) for n in (21, 201))
    added = (len(large) - len(small)) / ((201 - 21) * 18)

    assert added < 15_000_000 / 34_000
    assert "all_trades" in large


@pytest.mark.slow
def test_34_000_features_fit_into_one_page(tmp_path):
    """The page stays below 15 MB, and the docs blocks below 1 MB."""
    store = large_project(tmp_path, 1_861)

    assert len(page_of(store).encode()) < 15_000_000
    assert len(catalog_markdown(store.registry).encode()) < 1_000_000


def test_blocks_of_many_views_have_no_code(tmp_path):
    """Beyond 200 views they hold the facts alone: dbt reads every block whenever it parses."""
    few, many = (large_project(tmp_path / str(n), n).registry for n in (181, 221))

    assert "```python" in catalog_markdown(few)
    assert "```" not in catalog_markdown(many)
    assert "| event timestamp | `block_time` |" in catalog_markdown(many)
    assert len(catalog_markdown(many)) / 221 < 500


@pytest.fixture
def branched(tmp_path):
    """Return a project with a join, a union, a chain, an unknown table and a service."""
    sql = {
        "raw_delays": "select tailnum, observed_at, delay from warehouse.main.flights",
        "raw_costs": "select tailnum, observed_at, cost as delay from warehouse.main.bills",
        "both": 'select * from "warehouse"."main"."raw_delays" union all'
        ' select * from "warehouse"."main"."raw_costs"',
        "plane_features": "select b.tailnum, b.observed_at, b.delay + d.delay + count(*) as delay"
        ' from "warehouse"."main"."both" b join "warehouse"."main"."raw_delays" d using (tailnum)'
        " group by all",
    }
    inputs = {"both": ["raw_delays", "raw_costs"], "plane_features": ["both", "raw_delays"]}
    models = [
        model(
            name,
            COLUMNS,
            node={
                "compiled_code": text,
                "depends_on": {"nodes": [f"model.shop.{one}" for one in inputs.get(name, [])]},
            },
            **({} if name == "plane_features" else {"meta": {}}),
        )
        for name, text in sql.items()
    ]
    return tiny_project(tmp_path, models, exposures=[service("delays", ["plane_features:delay"])])


@pytest.mark.whole
def test_the_page_draws_what_the_command_draws(branched, tmp_path):
    """Every box, word and line of the page's picture is at the place of the one made by Python."""
    graph = build_lineage(branched.manifest, branched.registry)
    column = ColumnId("model.shop.plane_features", "delay")
    expected = ET.fromstring(
        svg(graph, column, services={"delays": [column]}, views=["model.shop.plane_features"])
    )
    path = tmp_path / "catalog.html"
    path.write_text(catalog_page(branched.registry, graph, Measured(), NOW), encoding="utf-8")
    shown = after_scripts(path, "feature=plane_features:delay", folder=tmp_path)
    drawn = shown.all("svg", **{"class": "lineage"})[0]

    assert 7 == len([one for one in expected.iter(f"{SVG}rect") if one.get("class") == "box"])
    for tag, names in (("rect", ("x", "y", "width", "height")), ("text", ("x", "y"))):
        ours = sorted(_numbers(one.attributes, names) for one in drawn.all(tag))
        theirs = sorted(_numbers(one.attrib, names) for one in expected.iter(f"{SVG}{tag}"))
        assert theirs == ours
    assert sorted(" ".join(one.itertext()) for one in expected.iter(f"{SVG}text")) == sorted(
        one.text for one in drawn.all("text")
    )
    assert sorted(one.attrib["d"] for one in expected.iter(f"{SVG}path")) == sorted(
        one.attributes["d"] for one in drawn.all("path")
    )


def _numbers(attributes, names):
    return [attributes.get(name, "") for name in names]


@pytest.mark.whole
def test_a_picture_of_many_tables_shows_the_nearest_and_says_so(tmp_path):
    """All are drawn by the command that the note names."""
    store = large_project(tmp_path, 201)
    path = tmp_path / "catalog.html"
    path.write_text(page_of(store), encoding="utf-8")
    shown = after_scripts(path, "feature=mart_3:fee_1", folder=tmp_path)
    boxes = shown.all("svg", **{"class": "lineage"})[0].all("rect", **{"class": "box"})

    # The view, the union of all, ten unions, and for each of those 16 views on 16 sources.
    assert "The nearest 60 of 332 tables." in shown.text
    assert "featurestore lineage 'mart_3:fee_1'" in shown.text
    assert 60 == len(boxes)


@pytest.mark.whole
def test_rows_far_below_are_drawn_when_the_reader_comes_near(tmp_path):
    """A large page starts with some rows, and a link to the last view draws that one too."""
    path = tmp_path / "catalog.html"
    path.write_text(page_of(large_project(tmp_path, 201)), encoding="utf-8")
    start = after_scripts(path, folder=tmp_path)
    linked = after_scripts(path, "feature=trades_9:fee_1", folder=tmp_path)
    rows = [[r.attributes["data-reference"] for r in p.all("details", **{"class": "feature"})]
            for p in (start, linked)]  # fmt: skip

    assert "3618 features" == start.all("p", id="count")[0].text
    assert 480 < len(rows[0]) < 1_000
    assert "trades_9:fee_1" not in rows[0]
    assert "trades_9:fee_1" in rows[1]
    assert re.search("select tx_id, block_time, fee_1", linked.text)
