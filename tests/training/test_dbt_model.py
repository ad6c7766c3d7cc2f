"""A training set as a dbt model: `ref()`s, a yml, and a diff when it is written again."""

from __future__ import annotations

import duckdb
import jinja2
import pandas as pd
import pytest
import yaml

from featurestore.errors import EntityFrameError, PlanError
from tests.support.builders import Table, column, model, tiny_project

COLUMNS = {"tailnum": "varchar", "observed_at": "timestamp", "delay": "double"}
ENTITIES = {"tailnum": "varchar", "event_timestamp": "timestamp"}
ROWS = "SELECT tailnum, event_timestamp FROM flights WHERE tailnum <> 'N9'"


@pytest.fixture
def store(tmp_path):
    """Return a store with a view, a versioned one, and entity rows in a model."""
    described = [*(column(name, kind) for name, kind in COLUMNS.items())]
    described[2]["description"] = "Minutes late."
    versioned = model("fare_features", COLUMNS)
    versioned |= {
        "unique_id": "model.shop.fare_features.v2",
        "version": 2,
        "latest_version": 2,
    }
    return tiny_project(
        tmp_path,
        [model(columns=described), versioned, model("flights", ENTITIES, meta={})],
        {
            "plane_features": Table(COLUMNS, [("N1", "2024-02-01", 1.5)]),
            "fare_features": Table(COLUMNS, [("N1", "2024-02-01", 2.5)]),
            "flights": Table(ENTITIES, [("N1", "2024-03-01")]),
        },
    )


def test_models_become_refs(store, tmp_path):
    """The views, one of them versioned, and the entity rows' model become `ref()`s."""
    features = ["plane_features:delay", "fare_features:delay"]
    job = store.get_historical_features(ROWS, features, full_feature_names=True)
    job.to_dbt_model("models/training_set.sql")
    sql = (tmp_path / "models" / "training_set.sql").read_text()

    assert "{{ ref('plane_features') }} AS history" in sql
    assert "{{ ref('fare_features', v=2) }} AS history" in sql
    assert "FROM {{ ref('flights') }} AS flights" in sql
    assert '"warehouse"' not in sql


def test_the_model_gives_the_same_rows(store, tmp_path):
    """With its `ref()`s resolved, the file's statement gives the training set."""
    job = store.get_historical_features("ref:flights", "plane_features:delay")
    job.to_dbt_model("models/training_set.sql")
    sql = (tmp_path / "models" / "training_set.sql").read_text().partition("-#}")[2]
    for name in ("plane_features", "flights"):
        sql = sql.replace(f"{{{{ ref('{name}') }}}}", name)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        built = connection.sql(sql).to_arrow_table()

    assert job.to_arrow().to_pylist() == built.to_pylist()


def built(folder, relations=None):
    """Return the rows of `models/t.sql`, rendered by dbt's template engine with these relations."""

    def ref(*names, v=None):
        name = ".".join([*names[-1:], *([f"v{v}"] if v else [])])
        return (relations or {}).get(name, f'"main"."{name}"')

    text = (folder / "models" / "t.sql").read_text()
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        return connection.sql(jinja2.Template(text).render(ref=ref)).to_arrow_table().to_pylist()


@pytest.fixture
def orders(tmp_path):
    """Return a store with a view of three planes, and ninety orders in a model."""
    planes = [(f"N{n}", "2024-02-01", float(n)) for n in range(3)]
    sold = [(f"N{n}", "2024-03-01") for n in range(90)]
    return tiny_project(
        tmp_path,
        [model(), model("orders", ENTITIES, meta={}), model("Orders_", ENTITIES, meta={})],
        {
            "plane_features": Table(COLUMNS, planes),
            "orders": Table(ENTITIES, sold),
            "Orders_": Table(ENTITIES, sold[:7]),
        },
    )


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        (
            "SELECT o.* FROM (orders o JOIN plane_features p ON p.tailnum = o.tailnum)",
            3,
        ),
        ("SELECT * FROM orders TABLESAMPLE RESERVOIR (5 ROWS) REPEATABLE (1)", 5),
        ("SELECT * FROM orders AS o TABLESAMPLE RESERVOIR (5 ROWS) REPEATABLE (1)", 5),
        ("SELECT a AS tailnum, b AS event_timestamp FROM orders AS o (a, b)", 90),
        ("SELECT main.orders.tailnum, orders.event_timestamp FROM warehouse.main.orders", 90),
        ("FROM ((orders))", 90),
        ("SELECT * FROM orders UNION ALL (SELECT * FROM orders_)", 97),
        ("WITH orders AS (SELECT * FROM orders LIMIT 4) SELECT * FROM Orders", 4),
        ('WITH "ORDERS" AS (SELECT * FROM orders_) SELECT * FROM orders', 7),
        ("SELECT * FROM (WITH orders AS (FROM orders_) FROM orders) UNION ALL FROM orders", 97),
        (
            "WITH RECURSIVE orders AS (FROM orders_ UNION FROM orders) FROM orders",
            7,
        ),
        (
            "SELECT * FROM (SELECT *, 1 AS n FROM orders) PIVOT (sum(n) FOR n IN (1))",
            90,
        ),
        ("SELECT *, '{{ 1 + 1 }} {% if %} {# none #} {{{' AS note FROM orders", 90),
        ("SELECT * FROM orders -- {{ ref('nothing') }}", 90),
    ],
)
def test_the_model_has_the_rows_of_the_job(orders, tmp_path, rows, count):
    """Every part of the entity query reaches the model."""
    job = orders.get_historical_features(rows, "plane_features:delay")
    job.to_dbt_model("models/t.sql")
    found = built(tmp_path, {"Orders_": '"warehouse"."main"."Orders_"'})

    assert count == len(found)
    assert sorted(map(str, job.to_arrow().to_pylist())) == sorted(map(str, found))


def test_every_model_that_a_query_reads_becomes_a_ref(orders, tmp_path):
    """A CTE hides a model outside itself only, so the model within it is still a `ref()`."""
    rows = "WITH orders AS (SELECT * FROM orders) SELECT * FROM ORDERS UNION FROM orders_"
    orders.get_historical_features(rows, "plane_features:delay").to_dbt_model("models/t.sql")
    sql = (tmp_path / "models" / "t.sql").read_text()

    assert 1 == sql.count("ref('orders')")
    assert "FROM {{ ref('Orders_') }} AS orders_" in sql


def test_names_that_begin_alike_are_two_models(tmp_path):
    """The views `a`, `a_` and version 1 of `a` each become their own `ref()`."""
    versioned = model("a") | {"unique_id": "model.shop.a.v1", "version": 1, "latest_version": 1}
    versioned["relation_name"] = '"warehouse"."main"."a_v1"'
    names = ("a_", "a_v1_", "b", "b_")
    rows = {name: [("N1", "2024-02-01", float(n))] for n, name in enumerate(("a_v1", *names))}
    store = tiny_project(
        tmp_path,
        [versioned, *map(model, names)],
        {name: Table(COLUMNS, listed) for name, listed in rows.items()},
    )
    asked = "SELECT 'N1' AS tailnum, TIMESTAMP '2024-03-01' AS event_timestamp"
    features = [f"{name}:delay" for name in ("a", *names)]
    job = store.get_historical_features(asked, features, full_feature_names=True)
    job.to_dbt_model("models/t.sql")

    assert job.to_arrow().to_pylist() == built(tmp_path, {"a.v1": '"main"."a_v1"'})


def in_schema(schema, name, *, of="warehouse"):
    """Return a model whose table lies in a schema of its own."""
    relation = {"relation_name": f'"{of}"."{schema}"."flights"'}
    return model(name, ENTITIES, meta={}, node=relation)


def test_a_short_name_means_the_table_that_the_job_reads(tmp_path):
    """A model of the same name in another schema is not the hand-made table of the query."""
    store = tiny_project(
        tmp_path,
        [model(), in_schema("marts", "flights")],
        {"plane_features": Table(COLUMNS), "flights": Table(ENTITIES, [("N1", "2024-03-01")])},
    )
    job = store.get_historical_features("SELECT * FROM flights", "plane_features:delay")
    job.to_dbt_model("models/t.sql")

    assert "FROM flights" in (tmp_path / "models" / "t.sql").read_text()
    assert 1 == len(built(tmp_path))


def test_a_short_name_in_other_capitals_is_the_same_table(store, tmp_path):
    """Capitals make no other table, and neither does a quoted spelling."""
    rows = 'SELECT * FROM FLIGHTS UNION ALL SELECT * FROM "Flights"'
    store.get_historical_features(rows, "plane_features:delay").to_dbt_model("models/t.sql")

    assert 2 == (tmp_path / "models" / "t.sql").read_text().count("{{ ref('flights') }} AS ")


def test_a_name_that_fits_two_models_is_refused(tmp_path):
    """Two models of one name in two databases: the query must say which one it reads."""
    here, there = in_schema("main", "flights"), in_schema("main", "other", of="attached")
    tables = {"plane_features": Table(COLUMNS), "flights": Table(ENTITIES)}
    store = tiny_project(tmp_path, [model(), here, there], tables)
    job = store.get_historical_features("SELECT * FROM flights", "plane_features:delay")

    with pytest.raises(EntityFrameError, match=r"'flights' fits two models: model\.shop\.flights "):
        job.to_dbt_model("models/t.sql")


def test_a_description_keeps_its_braces(tmp_path):
    """A description with braces stays that text when dbt renders the yml."""
    described = [column(name, kind) for name, kind in COLUMNS.items()]
    described[2]["description"] = "From {{ minutes }}."
    store = tiny_project(tmp_path, [model(columns=described)], {"plane_features": Table(COLUMNS)})
    asked = "SELECT 'N1' AS tailnum, TIMESTAMP '2024-03-01' AS event_timestamp"
    store.get_historical_features(asked, "plane_features:delay").to_dbt_model("models/t.sql")
    text = (tmp_path / "models" / "t.yml").read_text()
    (written,) = yaml.safe_load(text)["models"]

    assert "From {{ minutes }}." == jinja2.Template(written["columns"][2]["description"]).render()


def test_the_yml_has_types_and_descriptions(store, tmp_path):
    """The yml lists each column with its type, and a feature with its description."""
    store.get_historical_features(ROWS, "plane_features:delay").to_dbt_model("models/t.sql")
    (written,) = yaml.safe_load((tmp_path / "models" / "t.yml").read_text())["models"]

    assert "t" == written["name"]
    assert written["config"]["contract"]["enforced"]
    assert {"name": "delay", "data_type": "double", "description": "Minutes late."} in written[
        "columns"
    ]


def test_a_second_run_changes_nothing(store):
    """The diff is empty for the same training set, and shows the change of another one."""
    job = store.get_historical_features(ROWS, "plane_features:delay")
    other = store.get_historical_features(ROWS, "plane_features:delay", feature_timestamps=True)

    assert "+++" in job.to_dbt_model("models/t.sql")
    assert "" == job.to_dbt_model("models/t.sql")
    assert "+  plane_features._event_timestamp AS plane_features__event_timestamp" in (
        other.to_dbt_model("models/t.sql")
    )


def test_a_cte_named_like_a_model_is_left_alone(store, tmp_path):
    """A CTE hides a model of the same name."""
    rows = f"WITH flights AS ({ROWS.replace('flights', 'main.flights')}) SELECT * FROM flights"
    store.get_historical_features(rows, "plane_features:delay").to_dbt_model("models/t.sql")
    sql = (tmp_path / "models" / "t.sql").read_text()

    assert 1 == sql.count("ref('flights')")


def test_a_data_frame_cannot_be_a_model(store):
    """Dbt cannot read a data frame, so it is refused."""
    frame = pd.DataFrame({"tailnum": ["N1"], "event_timestamp": pd.to_datetime(["2024-03-01"])})

    with pytest.raises(EntityFrameError, match="cannot read a data frame"):
        store.get_historical_features(frame, "plane_features:delay").to_dbt_model("models/t.sql")


def test_somebody_elses_file_is_not_overwritten(store, tmp_path):
    """A model that a person wrote stays, unless `overwrite` is true."""
    path = tmp_path / "models" / "t.sql"
    path.parent.mkdir()
    path.write_text("select 1")
    job = store.get_historical_features(ROWS, "plane_features:delay")

    with pytest.raises(PlanError, match="featurestore did not write it"):
        job.to_dbt_model("models/t.sql")
    assert "select 1" == path.read_text()
    assert "-select 1" in job.to_dbt_model("models/t.sql", overwrite=True)


def test_somebody_elses_yml_is_not_overwritten(store, tmp_path):
    """A yml that a person wrote stays, though no model of the name exists."""
    path = tmp_path / "models" / "t.yml"
    path.parent.mkdir()
    path.write_text("version: 2")
    job = store.get_historical_features(ROWS, "plane_features:delay")

    with pytest.raises(PlanError, match=r"t\.yml exists, and featurestore did not write it"):
        job.to_dbt_model("models/t.sql")
    assert [path] == list(path.parent.iterdir())
    job.to_dbt_model("models/t.sql", overwrite=True)
    assert "" == job.to_dbt_model("models/t.sql")


def test_a_model_is_a_sql_file(store):
    """A file name with another ending is refused."""
    with pytest.raises(PlanError, match=r"must end in \.sql, got .*t\.yml"):
        store.get_historical_features(ROWS, "plane_features:delay").to_dbt_model("models/t.yml")
