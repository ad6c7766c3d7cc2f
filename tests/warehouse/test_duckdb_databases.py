"""dbt-duckdb's databases: attached ones, a DuckLake, and views over files of the project."""

from __future__ import annotations

import contextlib

import duckdb
import pytest
import yaml

from featurestore import FeatureStore
from featurestore.errors import WarehouseUnavailable
from featurestore.values.dbt_profile import Profile
from featurestore.warehouse import connect
from tests.support.builders import column, model, tiny_project
from tests.support.example_fixture import dbt

ROWS = "select 1 as id, timestamp '2024-01-01' as at, 5 as v"
FROM_FILE = "create view f as from read_parquet('f.parquet')"
MEMORY = {"path": ":memory:", "attach": [{"path": "warehouse.duckdb", "alias": "ware"}]}
SPINE = "select 1 as id, timestamp '2024-02-01' as event_timestamp"


@pytest.fixture
def shop(tmp_path):
    """Return the folder of a project with a table and a view over a file of the project."""
    folder = tmp_path / "shop"
    columns = [column("id"), column("at"), column("v")]
    view = model("f", columns, entities={"e": "id"}, event_timestamp="at")
    tiny_project(folder, [view], {"t": ROWS})
    with contextlib.chdir(folder), duckdb.connect("warehouse.duckdb") as connection:
        connection.execute(f"copy ({ROWS}) to 'f.parquet'")
        connection.execute(FROM_FILE)
    return folder


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Stand in another folder than the project's."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def read(folder, settings, sql, *, write=False):
    """Return the first value of a query on a target."""
    profile = Profile("shop", "dev", "duckdb", settings, folder)
    warehouse = connect(profile, write=write)
    try:
        return warehouse.stream(sql).read_all().to_pylist()[0]["v"]
    finally:
        warehouse.close()


def test_a_relative_location_starts_in_the_project(shop, elsewhere):
    """A training set is the same wherever the process runs."""
    found = FeatureStore(shop).get_historical_features(SPINE, ["f:v"]).to_arrow()

    assert [5] == found["v"].to_pylist()


def test_a_pattern_that_is_typed_starts_where_the_process_runs(shop, elsewhere):
    """The entity rows are the caller's own."""
    duckdb.execute(f"copy ({SPINE}) to 'spine1.parquet'")

    found = FeatureStore(shop).get_historical_features("from 'spine*.parquet'", ["f:v"]).to_arrow()

    assert [5] == found["v"].to_pylist()


def test_a_file_of_the_same_name_is_not_read_instead(shop, elsewhere):
    """DuckDB would take it, and its values would be other ones."""
    (elsewhere / "f.parquet").write_bytes((shop / "f.parquet").read_bytes())

    with pytest.raises(WarehouseUnavailable, match=r"view f reads the file 'f\.parquet'"):
        read(shop, {"path": "warehouse.duckdb"}, "from f")


@pytest.mark.parametrize(
    "settings",
    [
        MEMORY,
        {"attach": [{"path": "warehouse.duckdb", "alias": "ware"}]},
        {**MEMORY, "attach": [*MEMORY["attach"], {"path": ":memory:", "read_only": True}]},
        {
            "path": ":memory:",
            "database": "ware",
            "attach": [{"path": ":memory:"}, *MEMORY["attach"]],
        },
    ],
    ids=["in memory", "without a path", "beside a read-only one", "named"],
)
def test_a_target_in_memory_builds_in_what_it_attaches(shop, elsewhere, settings):
    """Names without a database mean the attached file, for writers too."""
    assert 5 == read(shop, settings, "from ware.main.t")
    assert 5 == read(shop, settings, "from t")
    profile = Profile("shop", "dev", "duckdb", settings, shop)
    with contextlib.closing(connect(profile, write=True)) as warehouse:
        warehouse.write_table("main.built", "select 7 as v")
    assert 7 == read(shop, {"path": "warehouse.duckdb"}, "from built")


def test_an_attached_file_may_have_no_alias(shop):
    """DuckDB names it, as it does for dbt."""
    assert 5 == read(shop, {"attach": [{"path": "warehouse.duckdb"}]}, "from warehouse.main.t")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"path": ":memory:"}, "in memory"),
        ({"attach": [{"path": "gone.duckdb"}]}, r"shop/gone\.duckdb does not exist"),
        ({"attach": [{"path": "a", "alias": "a"}, {"path": "b", "alias": "b"}]}, "a, b.*database:"),
        ({"path": "ducklake:gone.ducklake"}, r"shop/gone\.ducklake does not exist"),
        ({"path": "ducklake:sqlite:gone.sqlite"}, r"shop/gone\.sqlite does not exist"),
    ],
)
def test_what_cannot_be_opened_is_named(shop, elsewhere, settings, says):
    """The message has the file that was looked for."""
    with pytest.raises(WarehouseUnavailable, match=says):
        read(shop, settings, "select 1 as v")


@pytest.mark.whole
def test_dbt_builds_in_an_attached_file_and_in_a_file_of_its_own(shop, elsewhere):
    """What dbt builds, a training set reads, from any folder."""
    models = shop / "models"
    models.mkdir()
    settings = "{{ config(materialized='external', location='out.parquet') }}"
    (models / "f.sql").write_text(f"{settings} {ROWS.replace('5', '6')}", encoding="utf-8")
    meta = {"featurestore": {"entities": {"e": "id"}, "event_timestamp": "at"}}
    documented = [{"name": name} for name in ("id", "at", "v")]
    declared = {"name": "f", "config": {"meta": meta}, "columns": documented}
    (models / "f.yml").write_text(yaml.safe_dump({"models": [declared]}), encoding="utf-8")
    target = {**MEMORY, "type": "duckdb", "schema": "main", "database": "ware"}
    profiles = {"shop": {"target": "dev", "outputs": {"dev": target}}}
    (shop / "profiles.yml").write_text(yaml.safe_dump(profiles), encoding="utf-8")

    built = dbt(shop, "build")
    assert built.returncode == 0, built.stdout
    found = FeatureStore(shop).get_historical_features(SPINE, ["f:v"]).to_arrow()

    assert [6] == found["v"].to_pylist()


@pytest.fixture
def lake(shop):
    """Return the path of a DuckLake in the project, with a table in files below it."""
    with contextlib.chdir(shop), duckdb.connect() as connection:
        try:
            connection.execute("LOAD ducklake")
        except duckdb.Error:
            pytest.skip("DuckDB's extension ducklake is not installed")
        connection.execute("ATTACH 'ducklake:meta.ducklake' AS made (DATA_PATH 'files/')")
        connection.execute(f"CREATE TABLE made.t AS {ROWS}")
    return "ducklake:meta.ducklake"


def test_a_ducklake_is_a_main_database(shop, elsewhere, lake):
    """By its path or attached; its files lie where dbt ran."""
    attached = {"attach": [{"path": lake, "alias": "lake"}], "database": "lake"}

    assert 5 == read(shop, {"path": lake}, "from meta.main.t")
    assert 5 == read(shop, attached, "from t", write=True)
