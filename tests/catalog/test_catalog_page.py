"""The catalog's page: what it says is true, it searches and filters, and nothing in it is code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlglot

from featurestore.catalog.histogram import histogram
from featurestore.catalog.page import catalog_page
from featurestore.catalog.read_statistics import measure_views
from featurestore.catalog.statistics import Measured, measure_view, statistics_sql
from featurestore.lineage.graph import LineageGraph, build_lineage
from featurestore.registry.warehouse_types import with_types
from tests.support.builders import COLUMNS, Table, column, model, registry, service, tiny_project
from tests.support.chromium import after_scripts
from tests.support.example_fixture import ROOT

pytestmark = pytest.mark.whole

NOW = datetime(2014, 1, 1, 12, tzinfo=UTC)
NASTY = "<script>document.title = 'broken'</script> \"quoted\" & '{{ braces }}'"
TYPES = {
    "tailnum": "varchar",
    "observed_at": "timestamp",
    "delay": "double",
    "late": "boolean",
    "landed_on": "date",
    "seats": "integer",
    "maker": "varchar",
    "email": "varchar",
    "salary": "double",
    "tags": "varchar[]",
}
PERSONAL = ("email", "salary")


def plane(**own):
    """Return a model with a feature of each kind."""
    columns = [
        column(name, kind, **({"pii": True} if name in PERSONAL else {}))
        for name, kind in TYPES.items()
    ]
    return model("plane_features", columns, **own)


def rows(count=200):
    """Return rows with known statistics."""
    return [
        (
            f"N{number}",
            f"2014-01-01 {number % 10:02}:00:00",
            None if number % 4 == 0 else float(number),
            number % 5 == 0,
            f"2013-01-{number % 28 + 1:02}",
            number % 2,
            "Boeing" if number % 2 else "Airbus",
            f"{number}@example.com",
            float(1000 + number),
            ["a"],
        )
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def page(example_project, tmp_path_factory):
    """Write the page of the example project by the command, and return the file."""
    path = tmp_path_factory.mktemp("catalog") / "catalog.html"
    folder = str(example_project.project_dir)
    written = ["--html", str(path), "--markdown", str(path.with_suffix(".md")), "--no-overview"]
    result = subprocess.run(
        [sys.executable, "-m", "featurestore.cli", "docs", *written, "--project-dir", folder],
        env={**os.environ, "FEATURESTORE_NOW": "2014-01-01T12:00"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == result.returncode, result.stderr
    return path


def shown(element):
    """Return the references of the features that can be seen."""
    return [
        row.attributes["data-reference"]
        for row in element.all("details")
        if "data-reference" in row.attributes and "hidden" not in row.attributes
    ]


def test_it_is_one_page_without_a_network(page):
    """No address of another place is in it, and the browser is told to ask for none."""
    text = page.read_text(encoding="utf-8")

    assert {"http://www.w3.org/2000/svg"} == set(re.findall(r"https?://[^\s\"'<)]+", text))
    assert "default-src 'none'" in text
    assert not re.search(r"<(?:link|script|img|iframe)[^>]+(?:src|href)=\"(?!data:)", text)


def test_it_shows_every_feature(page, tmp_path):
    """Without a search all features are there; an open one has its numbers, pictures and code."""
    first = "plane_features:arr_delay_avg_7d"
    whole = after_scripts(page, f"feature={first}", folder=tmp_path)
    found = shown(whole)

    assert 40 == len(found)
    assert "40 features" == whole.all("p", id="count")[0].text
    row = next(r for r in whole.all("details") if r.attributes.get("data-reference") == first)
    assert row.all("svg", **{"class": "spark"})
    assert row.all("svg", **{"class": "lineage"})
    assert f'features=["{first}"]' in row.text
    assert "flight_delay" in row.text


def test_the_search_is_in_the_address(page, tmp_path):
    """Words and filters narrow the list together, and the address alone says all of it."""
    found = after_scripts(page, "q=arr+delay&entity=plane", folder=tmp_path)

    assert ["plane_features:arr_delay_avg_7d", "plane_features:arr_delay_avg_30d"] == shown(found)
    assert "2 of 40 features" == found.all("p", id="count")[0].text
    assert ["view-plane_features"] == [
        section.attributes["id"]
        for section in found.all("section")
        if "hidden" not in section.attributes and section.attributes["id"] != "services"
    ]


@pytest.mark.parametrize(
    ("state", "count"),
    [
        ("owner=Meteorology", 10),
        ("service=flight_delay", 22),
        ("view=route_features", 6),
        ("q=no+such+thing", 0),
        ("entity=nobody", 40),
    ],
)
def test_each_filter_filters(page, tmp_path, state, count):
    """Each filter leaves its features; one that names nothing of this project leaves all."""
    found = after_scripts(page, state, folder=tmp_path)

    assert count == len(shown(found))
    assert (count == 0) == ("hidden" not in found.all("p", id="none")[0].attributes)


def test_a_link_opens_one_feature(page, tmp_path):
    """A link to a feature opens it, even where the rest of the address hides it."""
    found = after_scripts(page, "q=wind&feature=plane_features:seats", folder=tmp_path)
    opened = [
        r for r in found.all("details") if "open" in r.attributes and "data-view" in r.attributes
    ]

    assert ["plane_features:seats"] == [row.attributes["data-reference"] for row in opened]
    assert "plane_features:seats" in shown(found)


def test_typing_searches_and_writes_the_address(page, tmp_path):
    """What is typed and chosen is found at once, and a person may copy the address."""
    script = """
      const q = document.getElementById("q");
      document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "/", bubbles: true}));
      document.title = document.activeElement === q ? "focused" : "lost";
      q.value = "Visibility"; q.dispatchEvent(new Event("input", {bubbles: true}));
      const entity = document.querySelector("select[name=entity]");
      entity.value = "airport"; entity.dispatchEvent(new Event("input", {bubbles: true}));
      document.querySelector(".feature:not([hidden]) summary").click();
      document.title += " " + location.hash;
    """
    found = after_scripts(page, script=script, folder=tmp_path)

    assert ["airport_weather_features:visibility_mi"] == shown(found)[:1]
    assert (
        "focused #q=Visibility&entity=airport&feature=airport_weather_features:visibility_mi"
        == found.all("title")[0].text
    )


def test_escape_clears_the_search(page, tmp_path):
    """The whole list is one key away."""
    script = """
      const q = document.getElementById("q");
      q.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape", bubbles: true}));
    """
    found = after_scripts(page, "q=wind&entity=airport", script=script, folder=tmp_path)

    assert 40 == len(shown(found))


def test_everything_has_a_name_for_those_who_hear_it(page, tmp_path):
    """Each picture has a title, each field a label, each id is one of a kind."""
    whole = after_scripts(page, folder=tmp_path)
    elements = [e for tag in ("details", "section", "input", "p", "main") for e in whole.all(tag)]
    ids = [element.attributes["id"] for element in elements if "id" in element.attributes]

    assert [] == [s for s in whole.all("svg") if not s.all("title") or not s.all("title")[0].text]
    fields = len(whole.all("select")) + len(whole.all("input"))
    assert fields == len([label for label in whole.all("label") if label.text])
    assert len(ids) == len(set(ids))
    assert "en" == whole.all("html")[0].attributes["lang"]


def test_nothing_written_by_people_is_code(tmp_path):
    """Descriptions, owners, tags and odd names are shown as they are, and run as nothing."""
    name = 'odd "name" <b>'
    columns = [column("tailnum", "varchar"), column("observed_at", "timestamp"),
               {**column(name, "double"), "description": NASTY, "tags": [NASTY]}]  # fmt: skip
    found = registry(
        model("plane_features", columns, node={"description": NASTY}, config={"group": "fleet"}),
        exposures=[service("delays", [f"plane_features:{name}"], description=NASTY)],
        groups=[{"name": "fleet", "owner": {"name": NASTY}}],
    ).checked()
    text = catalog_page(found, LineageGraph(frozenset()), Measured(), NOW)
    path = tmp_path / "catalog.html"
    path.write_text(text, encoding="utf-8")
    seen = after_scripts(path, folder=tmp_path)

    assert "shop · feature catalog" == seen.all("title")[0].text
    assert [f"plane_features:{name}"] == shown(seen)
    assert " ".join(NASTY.split()) in seen.text
    scripts = [one.attributes.get("type") for one in seen.all("script")]
    assert ["application/json", "application/json", None] == scripts
    assert [] == seen.all("b", title="")
    assert [NASTY] == [o.text for o in seen.all("option") if o.text.startswith("<script>")][:1]


def test_without_a_connection_the_page_says_so(example_project):
    """It has no numbers then, and tells why; the lineage is still there."""
    from featurestore import FeatureStore

    store = FeatureStore(example_project.project_dir)
    graph = build_lineage(store.manifest, store.registry)
    text = catalog_page(store.registry, graph, Measured(), NOW)

    assert "Made without a connection to the warehouse" in text
    assert 'class="spark"' not in text
    assert '"bars"' not in text
    assert '"label":"nycflights.flights"' in text


def test_a_table_that_is_missing_costs_its_numbers_only(tmp_path):
    """The view is shown without statistics, and with the reason."""
    other = model("missing_features", entities={"ship": "tailnum"})
    store = tiny_project(tmp_path, [plane(), other], {"plane_features": Table(TYPES, rows())})
    with store.warehouse() as warehouse:
        typed, measured = measure_views(store.registry, warehouse)
    text = catalog_page(typed, LineageGraph(frozenset()), measured, NOW)

    assert ["plane_features"] == list(measured.views)
    assert "dbt build --select missing_features" in measured.failures["missing_features"]
    assert "No statistics: The table" in text


@pytest.fixture
def measured(tmp_path):
    """Measure a view with known statistics."""
    store = tiny_project(tmp_path, [plane()], {"plane_features": Table(TYPES, rows())})
    with store.warehouse() as warehouse:
        view = with_types(store.registry.view("plane_features"), warehouse)
        return measure_view(view, warehouse)


def test_the_numbers_are_those_of_the_table(measured):
    """Rows, the newest event, shares of NULL, ranges and shares of true are exact."""
    features = measured.features

    assert (200, 200) == (measured.rows, measured.sampled)
    assert datetime(2014, 1, 1, 9, tzinfo=UTC) == measured.newest
    assert 0.25 == features["delay"].null_rate
    assert ("1", "199") == (features["delay"].low, features["delay"].high)
    assert ("2013-01-01", "2013-01-28") == (features["landed_on"].low, features["landed_on"].high)
    assert (0.8, 0.2) == features["late"].bars
    assert 2 == features["maker"].distinct
    assert features["tags"].distinct is None


def test_a_distribution_has_the_shape_of_the_values(measured):
    """Evenly spread values give even bars, two values give two bars, and all add up to one."""
    even, two = measured.features["delay"].bars, measured.features["seats"].bars

    assert 1 == pytest.approx(sum(even), abs=0.01)
    assert max(even) < 1.6 * min(even)
    assert [0.5, 0.5] == pytest.approx([two[0], two[-1]], abs=0.05)
    assert sum(two[1:-1]) < 0.05


@pytest.mark.parametrize("name", PERSONAL)
def test_personal_data_shows_no_value(measured, name):
    """Of personal data there is the share of NULL and a count, and nothing that is a value."""
    found = measured.features[name]

    assert ("", "", ()) == (found.low, found.high, found.bars)
    assert 0.0 == found.null_rate


def test_a_big_table_is_sampled(tmp_path):
    """Features are measured on about as many rows as asked for; rows and newest on all."""
    store = tiny_project(tmp_path, [plane()], {"plane_features": Table(TYPES, rows(2000))})
    with store.warehouse() as warehouse:
        view = with_types(store.registry.view("plane_features"), warehouse)
        found = measure_view(view, warehouse, sample_rows=500)

    assert 2000 == found.rows
    assert 300 < found.sampled < 700
    assert datetime(2014, 1, 1, 9, tzinfo=UTC) == found.newest


def test_an_empty_table_has_no_numbers(tmp_path):
    """No row, no division by zero."""
    store = tiny_project(tmp_path, [plane()], {"plane_features": Table(TYPES)})
    with store.warehouse() as warehouse:
        found = measure_view(
            with_types(store.registry.view("plane_features"), warehouse), warehouse
        )

    assert (0, None) == (found.rows, found.newest)
    assert (0.0, ()) == (found.features["delay"].null_rate, found.features["delay"].bars)


def test_values_that_are_no_numbers_spoil_nothing(tmp_path):
    """NaN and the infinite are left out of the picture."""
    sql = (
        "SELECT 'N1' AS tailnum, TIMESTAMP '2014-01-01' AS observed_at, unnest(['nan'::double,"
        " 'inf'::double, '-inf'::double, 1, 2, 3]) AS delay"
    )
    store = tiny_project(tmp_path, [model()], {"plane_features": sql})
    with store.warehouse() as warehouse:
        found = measure_view(
            with_types(store.registry.view("plane_features"), warehouse), warehouse
        )

    assert 1 == pytest.approx(sum(found.features["delay"].bars), abs=0.01)


@pytest.mark.parametrize("kind", ["double", "float"])
@pytest.mark.parametrize(
    ("values", "ends"), [("'1', 'nan', '3', NULL", ("1", "3")), ("'nan', NULL", ("", ""))]
)
def test_nan_is_neither_the_least_nor_the_greatest_value(tmp_path, kind, values, ends):
    """The range of a feature is one of numbers; NaN alone gives none."""
    rows = f"unnest([{values}]::{kind}[]) AS delay"
    sql = f"SELECT 'N1' AS tailnum, TIMESTAMP '2014-01-01' AS observed_at, {rows}"
    columns = {**COLUMNS, "delay": kind}
    store = tiny_project(tmp_path, [model(columns=columns)], {"plane_features": sql})
    with store.warehouse() as warehouse:
        found = measure_view(store.registry.view("plane_features"), warehouse)

    delay = found.features["delay"]
    assert ends == (delay.low, delay.high)


@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "snowflake", "bigquery", "spark"])
def test_the_statement_is_one_of_each_dialect(dialect):
    """Every dialect's statement can be read as such, asks once, and takes a sample."""
    view = registry(plane()).checked().view("plane_features")
    tree = sqlglot.parse_one(statistics_sql(view, dialect, share=0.1), dialect=dialect)

    assert tree.find(sqlglot.exp.TableSample) is not None
    assert {"rows_in_all", "newest", "rows_sampled", "known0"} <= set(tree.named_selects)


@pytest.mark.parametrize(
    ("quantiles", "expected"),
    [([], ()), ([5.0], (1.0,)), ([0, 1, 2, 3], (0.25, 0.25, 0.25, 0.25))],
)
def test_a_histogram_of_few_quantiles(quantiles, expected):
    """It begins where there is something to show."""
    assert expected == histogram(quantiles, bins=4)


def test_freshness_is_held_against_the_views_own_limit(tmp_path):
    """A view that is older than its limit is stale; the filter knows it."""
    own = {"freshness": {"warn_after": "1 hour", "error_after": "1 day"}}
    store = tiny_project(tmp_path, [plane(**own)], {"plane_features": Table(TYPES, rows())})
    with store.warehouse() as warehouse:
        typed, found = measure_views(store.registry, warehouse)
    states = [
        re.search(r'"freshness":"([^"]+)"', catalog_page(typed, LineageGraph(frozenset()), found,
                                                            NOW + timedelta(hours=hours)))[1]
        for hours in (-3, 0, 48)
    ]  # fmt: skip

    assert ["fresh", "late", "stale"] == states


def test_the_templates_travel_in_the_wheel():
    """The package contains the files that are not Python, too."""
    from hatchling.builders.wheel import WheelBuilder

    listed = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    folder = Path("featurestore/catalog/templates")

    names = ("catalog.html", "catalog.css", "catalog.js", "elements.js", "lineage.js", "rows.js")
    assert {str(folder / name) for name in names} <= listed
