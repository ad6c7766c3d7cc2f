"""The catalog in dbt docs: its blocks are true, link to pages that exist, and leak nowhere."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest

from featurestore import FeatureStore
from featurestore.catalog.docs_blocks import MARK, block_name, catalog_markdown, how_to_use
from featurestore.catalog.output_files import blocks_path, refuse_second_overview
from featurestore.errors import FeatureStoreError
from featurestore.registry.view_meta import HOW_TO_USE
from tests.support.builders import COLUMNS, Table, column, model, registry, service, tiny_project
from tests.support.example_fixture import ROOT, dbt

pytestmark = pytest.mark.whole

NASTY = "Share | of {{ ref('nothing') }} <b>, {% enddocs %} and {# more."
LINK = re.compile(r"\]\(#!/(\w+)/([^)]+)\)")


def docs(folder, *arguments):
    """Run the command in a project; return its exit code and what it said."""
    command = [sys.executable, "-m", "featurestore.cli", "docs", "--no-connect", *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout, result.stderr


@pytest.fixture
def project(tmp_path):
    """A project of one view."""
    tiny_project(tmp_path, [model()])
    return tmp_path


def test_the_overview_lists_views_and_services():
    """Each view and service has a row in a table, with a link to its page."""
    views = [
        model(ttl="30 days", node={"description": "One plane. And more."}),
        model("ship_features", entities={"ship": "tailnum"}),
    ]
    found = registry(*views, exposures=[service("delays", ["plane_features:*"])]).checked()
    text = catalog_markdown(found)

    assert "{% docs __overview__ %}" in text
    assert "2 features in 2 views, used by 1 feature service." in text
    assert (
        "| [plane_features](#!/model/model.shop.plane_features) | plane | 1 | 30 days |  |"
        " One plane. |" in text
    )
    assert "| [delays](#!/exposure/exposure.shop.delays) | 1 | [plane_features](" in text


def test_a_view_has_a_block_that_says_how_to_use_it():
    """Keys, ttl, owner, tags, users and code stand in the block of the view."""
    view = model(
        "plane_features",
        [*(column(*pair) for pair in COLUMNS.items()), column("email", "varchar", pii=True)],
        ttl="30 days",
        available_after="1 hour",
        config={"group": "fleet", "tags": ["gold"]},
    )
    groups = [{"name": "fleet", "owner": {"name": "Fleet team"}}]
    found = registry(view, exposures=[service("delays", ["plane_features:*"])], groups=groups)
    text = how_to_use(found.checked(), found.view("plane_features"))

    for line in (
        "| entities | plane by `tailnum` |",
        "| event timestamp | `observed_at` |",
        "| known after | 1 hour |",
        "| ttl | 30 days |",
        "| owner | Fleet team |",
        "| tags | gold |",
        "| personal data | `email` |",
        "| used by | [delays](#!/exposure/exposure.shop.delays) |",
        '    features=["plane_features:delay"],',
        "    from {% raw %}{{ ref('plane_features') }}{% endraw %}",
    ):
        assert line in text.splitlines()


@pytest.mark.parametrize("unique_id", ["plane_features", "model", "model.plane_features"])
def test_an_id_of_another_form_is_of_this_project(unique_id):
    """A tool that writes its own manifest may leave out the full stops."""
    found = registry({**model(), "unique_id": unique_id}).checked()

    text = how_to_use(found, found.view("plane_features"))

    assert "ref('plane_features')" in text


@pytest.mark.parametrize(("adapter", "key"), [("bigquery", "`group`"), ("snowflake", '"GROUP"')])
def test_the_sql_of_a_block_is_in_the_warehouses_dialect(adapter, key):
    """Double quotes make a text on BigQuery, and another name on Snowflake."""
    view = model(
        "v",
        {"group": "int", "at": "timestamp", "x": "int"},
        entities={"one": "group"},
        event_timestamp="at",
    )
    found = registry(view, adapter=adapter).checked()

    assert f"select {key}, " in how_to_use(found, found.view("v"))


def test_the_page_is_the_same_from_kept_lineage(tmp_path):
    """The SQL is read once: the next page shows what was kept of it."""
    sql = "select tailnum, observed_at, delay from warehouse.main.flights"
    tiny_project(tmp_path, [model(node={"compiled_code": sql})])
    kept = tmp_path / "target" / "featurestore" / "lineage.json"
    page = tmp_path / "target" / "catalog.html"
    assert 0 == docs(tmp_path, "--now", "2024-03-01")[0]
    first, stored = page.read_text(encoding="utf-8"), kept.read_text(encoding="utf-8")
    assert 0 == docs(tmp_path, "--now", "2024-03-01")[0]

    assert "warehouse.main.flights" in first
    assert first == page.read_text(encoding="utf-8")
    assert stored == kept.read_text(encoding="utf-8")


def test_the_python_of_a_block_runs(tmp_path):
    """The code to copy does what it says, but for the name of the labels."""
    columns = {"tailnum": "varchar", "event_timestamp": "timestamp"}
    tables = {
        "plane_features": Table(COLUMNS, [("N1", "2024-02-01", 1.5)]),
        "my_labels": Table(columns, [("N1", "2024-03-01")]),
    }
    store = tiny_project(tmp_path, [model()], tables)
    text = how_to_use(store.registry, store.registry.view("plane_features"))
    code = re.search(r"```python\n(.*?)\n\nvalues", text, re.DOTALL)[1]
    scope = {}
    exec(code.replace("FeatureStore()", f"FeatureStore({str(tmp_path)!r})"), scope)
    sql = re.search(r"```sql\n(.*?)```", text, re.DOTALL)[1]
    with store.warehouse() as warehouse:
        relation = re.sub(r"{% raw %}.*{% endraw %}", "plane_features", sql)
        newest = warehouse.stream(relation).read_all()

    assert [1.5] == scope["training_set"]["delay"].tolist()
    assert [1.5] == newest["delay"].to_pylist()


def test_a_packages_view_is_referred_to_by_its_package():
    """`ref()` names the package: the root project may have a model of the same name."""
    found = registry(model(node={"unique_id": "model.other.plane_features"})).checked()

    text = how_to_use(found, found.view("plane_features"))
    assert "{{ ref('other', 'plane_features') }}" in text


def test_a_version_is_referred_to_by_its_number():
    """`ref()` takes the version apart from the name, and so does the block's name."""
    found = registry(model(node={"version": 2, "latest_version": 2})).checked()
    view = found.view("plane_features")

    assert "{{ ref('plane_features', v='2') }}" in how_to_use(found, view)
    assert "plane_features_v2__how_to_use" == block_name(view)


def test_the_blocks_are_no_part_of_a_view_s_own_words():
    """A description that ends with the block is read without it."""
    found = registry(model(node={"description": f"One plane.\n{HOW_TO_USE}\n\n| a | b |"}))

    assert "One plane." == found.checked().view("plane_features").description


def test_the_command_writes_then_finds_nothing_to_do(project):
    """A second run changes nothing, and the check is content."""
    path = project / "models" / "featurestore_catalog.md"

    assert 0 == docs(project)[0]
    assert path.read_text(encoding="utf-8").startswith(MARK)
    assert (project / "target" / "catalog.html").is_file()
    before = path.stat().st_mtime_ns
    assert "is up to date" in docs(project)[2]
    assert before == path.stat().st_mtime_ns
    assert 0 == docs(project, "--check")[0]


def test_the_check_shows_what_is_stale(project):
    """It exits with 1 and a diff, writes nothing, and says what to run."""
    docs(project)
    (project / "target" / "catalog.html").unlink()
    tiny_project(project, [model(ttl="3 days")])
    code, out, err = docs(project, "--check")

    assert 1 == code
    assert "-| ttl | any age |" in out
    assert "+| ttl | 3 days |" in out
    assert "is stale" in err
    assert "Run `featurestore docs`" in err
    assert not (project / "target" / "catalog.html").exists()


def test_the_check_fails_where_nothing_was_written(project):
    """A missing file is stale too."""
    assert 1 == docs(project, "--check")[0]


def test_the_file_may_be_moved(project):
    """The file that was written before is found again, wherever it lies among the models."""
    docs(project)
    moved = project / "models" / "docs" / "catalog.md"
    moved.parent.mkdir()
    (project / "models" / "featurestore_catalog.md").rename(moved)

    assert moved == blocks_path(project)
    assert 0 == docs(project, "--check")[0]


def test_a_second_overview_is_refused(project):
    """A project with an overview of its own keeps it, and is told how."""
    own = project / "models" / "overview.md"
    own.parent.mkdir()
    own.write_text("{% docs __overview__ %}\nOurs.\n{% enddocs %}\n", encoding="utf-8")
    code, _, err = docs(project)

    assert 1 == code
    assert f"the block `__overview__` in {own.relative_to(project)}" in err
    assert "--no-overview" in err
    assert 0 == docs(project, "--no-overview")[0]
    assert "__overview__" not in blocks_path(project).read_text(encoding="utf-8")
    with pytest.raises(FeatureStoreError):
        refuse_second_overview(project, blocks_path(project))


def test_a_file_of_somebody_else_stays(project):
    """A file that the command did not write is never replaced."""
    notes = project / "notes.md"
    notes.write_text("Ours.", encoding="utf-8")
    code, _, err = docs(project, "--markdown", str(notes))

    assert (1, "Ours.") == (code, notes.read_text(encoding="utf-8"))
    assert "was not written by `featurestore docs`" in err


def test_the_example_s_file_is_fresh(example_project):
    """The file beside the example's models says what the project says."""
    store = FeatureStore(example_project.project_dir)
    written = (ROOT / "models" / "example" / "featurestore_catalog.md").read_text(encoding="utf-8")

    assert catalog_markdown(store.registry) == written


def test_dbt_shows_the_catalog(example_project):
    """The blocks are read, every link leads to a node, each view's page says how to use it."""
    content = json.loads(example_project.manifest.read_text(encoding="utf-8"))
    blocks = {
        block["name"]: block["block_contents"]
        for block in content["docs"].values()
        if block["package_name"] == "featurestore"
    }
    links = {link for text in blocks.values() for link in LINK.findall(text)}
    pages = {"model": content["nodes"], "exposure": content["exposures"]}

    assert {"model", "exposure"} == {kind for kind, _ in links}
    assert [] == [link for link in links if link[1] not in pages[link[0]]]
    for view in FeatureStore(example_project.project_dir).registry.feature_views.values():
        shown = content["nodes"][view.unique_id]["description"]
        assert HOW_TO_USE in shown
        assert f"{{{{ ref('{view.name}') }}}}" in shown
        assert HOW_TO_USE not in view.description


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """Write the docs of another project that has this package, with words that dbt could read."""
    folder = tmp_path_factory.mktemp("docs") / "shop"
    shutil.copytree(ROOT / "tests" / "macros" / "consumer_project", folder)
    (folder / "packages.yml").write_text(f"packages:\n  - local: {ROOT}\n", encoding="utf-8")
    for command in ("deps", "parse"):
        result = dbt(folder, command)
        assert 0 == result.returncode, result.stdout + result.stderr
    return folder


def test_the_example_does_not_leak(consumer):
    """Whoever installs the package keeps their own first page of dbt docs."""
    content = json.loads((consumer / "target" / "manifest.json").read_text(encoding="utf-8"))

    assert ["doc.dbt.__overview__"] == list(content["docs"])


def test_words_that_look_like_code_are_words_to_dbt(consumer):
    """Braces, bars and tags of a description come out of dbt as they went in."""
    path = consumer / "target" / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    node = content["nodes"]["model.shop.customer_features"]
    node["description"] = NASTY
    path.write_text(json.dumps(content), encoding="utf-8")
    code, _, err = docs(consumer)
    assert 0 == code, err
    result = dbt(consumer, "parse", "--no-partial-parse")
    assert 0 == result.returncode, result.stdout
    written = json.loads(path.read_text(encoding="utf-8"))["docs"]["doc.shop.__overview__"]

    assert (
        "Share &#124; of &#123;&#123; ref('nothing') }} &lt;b>, &#123;% enddocs %} and &#123;# more"
        in written["block_contents"]
    )
