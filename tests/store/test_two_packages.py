"""Two dbt packages may use one name: the root project's node wins, and two views are a problem."""

from __future__ import annotations

import json

import duckdb
import pytest

from featurestore import FeatureStore
from featurestore.errors import PlanError
from tests.support.example_fixture import dbt

pytestmark = [pytest.mark.whole, pytest.mark.xdist_group("dbt")]

TARGET = {"type": "duckdb", "path": "warehouse.duckdb", "schema": "main"}
META = {"featurestore": {"entities": {"customer": "id"}, "event_timestamp": "at_"}}
SERVICE = {
    "exposures": [
        {
            "name": "sales",
            "type": "ml",
            "owner": {"name": "Ann"},
            "config": {"meta": {"featurestore": {"features": ["orders:x"]}}},
        }
    ]
}
ROWS = "SELECT i AS id, TIMESTAMP '2024-06-01' AS event_timestamp FROM range(1, 3) t(i)"


def write(folder, files):
    """Write files; JSON is YAML."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))


def orders(number, meta=None):
    """Return the files of a model `orders` with one row."""
    declared = {
        "name": "orders",
        "config": {"materialized": "table", "meta": meta or {}},
        "columns": [{"name": "id"}, {"name": "at_"}, {"name": "x"}],
    }
    sql = f"select {number} as id, timestamp '2024-0{number}-01' as at_, {number}.0::double as x"
    return {"models/orders.sql": sql, "models/orders.yml": {"models": [declared]}}


def run(folder, *arguments):
    """Run dbt, which must succeed."""
    result = dbt(folder, *arguments)
    assert 0 == result.returncode, result.stdout + result.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Build a project whose feature view has the name of a package's plain model."""
    # In the manifest, the package's nodes come first and last: its name alone must not decide.
    folder = tmp_path_factory.mktemp("shop")
    write(
        folder,
        {
            "dbt_project.yml": {
                "name": "shop",
                "profile": "shop",
                "models": {"other": {"+schema": "two"}, "zoo": {"+schema": "three"}},
            },
            "profiles.yml": {"shop": {"target": "dev", "outputs": {"dev": TARGET}}},
            "packages.yml": {"packages": [{"local": "other"}, {"local": "zoo"}]},
            **orders(1, META),
        },
    )
    for number, name in enumerate(("other", "zoo"), start=2):
        write(folder / name, {"dbt_project.yml": {"name": name}, **orders(number)})
    run(folder, "deps")
    run(folder, "build")
    return folder


@pytest.fixture
def store(folder):
    """Open the project."""
    return FeatureStore(folder)


def test_a_name_means_the_root_projects_model(store):
    """`ref:orders` reads the project's own table, as dbt's `ref('orders')` does."""
    job = store.get_historical_features(
        "ref:orders", "orders:x", event_timestamp="at_", full_feature_names=True
    )

    assert [(1, 1.0)] == [(row["id"], row["orders__x"]) for row in job.to_arrow().to_pylist()]


def test_a_unique_id_means_a_packages_model(store):
    """A model whose name the root project uses too is found by its id."""
    job = store.get_historical_features(
        "ref:model.zoo.orders", "orders:x", event_timestamp="at_", full_feature_names=True
    )

    assert [(3, None)] == [(row["id"], row["orders__x"]) for row in job.to_arrow().to_pylist()]


@pytest.mark.parametrize("name", ["orders", "main.orders", "main_two.orders", "main_three.orders"])
def test_no_packages_table_is_replaced(store, name):
    """The table of every model is dbt's, in every package."""
    with pytest.raises(PlanError, match=r"is dbt's model\.\w+\.orders"):
        store.get_historical_features(ROWS, "orders:x").to_table(name, overwrite=True)


def test_each_model_becomes_its_own_ref(store, folder):
    """A `ref()` names the package where the name alone would mean the root project's model."""
    rows = "SELECT z.id, z.at_ AS event_timestamp, '{{ 1 }}' AS note FROM (main_three.orders z"
    job = store.get_historical_features(f"{rows} CROSS JOIN orders)", "orders:x")
    job.to_dbt_model("models/t.sql", overwrite=True)
    run(folder, "build", "--select", "t")
    sql = (folder / "models" / "t.sql").read_text()
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        built = connection.sql("FROM main.t").to_arrow_table()

    assert "{{ ref('zoo', 'orders') }} AS z" in sql
    assert "{{ ref('orders') }} AS orders" in sql
    assert "{{ ref('orders') }} AS history" in sql
    assert job.to_arrow().to_pylist() == built.to_pylist()


def test_two_views_or_services_of_one_name_are_problems(folder):
    """No feature view and no service is lost silently: both declarations are named."""
    write(folder, {"models/sales.yml": SERVICE})
    write(folder / "other", {**orders(2, META), "models/sales.yml": SERVICE})
    run(folder, "parse")
    problems = [str(problem) for problem in FeatureStore(folder).declared.problems]

    assert 2 == len(problems)
    for kind, name, problem in zip(
        ("model", "exposure"), ("orders", "sales"), problems, strict=True
    ):
        assert f"its name is taken by {kind}.shop.{name}" in problem
        assert f"this is {kind}.other.{name}" in problem
