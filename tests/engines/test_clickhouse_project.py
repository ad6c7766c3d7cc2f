"""A whole project on ClickHouse, beside the same project on DuckDB."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pyarrow import parquet

from featurestore.catalog.statistics import statistics_sql
from featurestore.errors import RelationNotBuilt
from featurestore.registry.warehouse_types import with_types
from tests.engines import projects
from tests.engines.clickhouse_server import ClickHouseServer
from tests.engines.projects import at
from tests.engines.test_warehouses import EVERYTHING, FRAME, QUERY

pytestmark = [
    pytest.mark.engines,
    pytest.mark.proves("whole project", engine="clickhouse"),
    pytest.mark.filterwarnings("default"),
]
# ClickHouse has no binary type, and no list that is NULL.
FRAME = FRAME.drop_columns(["raw", "things"]).append_column(
    "things", pa.array([[1], [], [], [2, 3], [4], [5], [6]])
)
TABLES = {
    name: (types, [{**row, "hops": row["hops"] or []} if "hops" in row else row for row in rows])
    for name, (types, rows) in projects.TABLES.items()
}


@pytest.fixture(scope="module")
def duckdb(tmp_path_factory):
    """Return the project on DuckDB."""
    folder = tmp_path_factory.mktemp("duckdb")
    return projects.write_project(folder / "project", projects.duckdb_home(folder, TABLES))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return the project on ClickHouse."""
    server = ClickHouseServer(password=projects.PASSWORD)
    folder = tmp_path_factory.mktemp("clickhouse") / "project"
    yield projects.write_project(folder, projects.clickhouse_home(server, TABLES))
    server.close()


def plain(table):
    """Return rows in an order of their own, as ClickHouse can hold them.

    Every instant has a zone and counts microseconds, and a missing list is empty.
    """
    lists = [field.name for field in table.schema if pa.types.is_list(field.type)]
    rows = [{name: _plain(value) for name, value in row.items()} for row in table.to_pylist()]
    rows = [row | {name: row[name] or [] for name in lists} for row in rows]
    return sorted(rows, key=lambda row: [str(value) for value in row.values()])


def _plain(value):
    if not isinstance(value, datetime):
        return value
    value = getattr(value, "to_pydatetime", lambda: value)()
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


REQUESTS = [
    (FRAME, {}),
    (FRAME, {"feature_timestamps": True, "full_feature_names": True}),
    (
        FRAME.select(["tailnum", "event_timestamp"]),
        {"features": "plane_features:*", "as_known": True},
    ),
    (QUERY, {"features": "plane_features:*"}),
    ("ref:labels", {"features": "plane_features:*", "event_timestamp": "happened_at"}),
    (None, {"features": "plane_features:*"}),
    (None, {"features": "plane_features:*", "start": at(1), "end": at(21)}),
    (None, {"features": "plane_features:*", "start": at(1), "end": at(21), "every": "1 day"}),
]


@pytest.mark.parametrize(("entities", "options"), REQUESTS)
def test_a_training_set_has_the_values_that_duckdb_gives(store, duckdb, entities, options):
    """From a frame, a query, a model, the views' own instants and a grid."""
    options = {"features": EVERYTHING, **options}
    found, expected = (
        one.get_historical_features(entities, **options).to_arrow() for one in (store, duckdb)
    )

    assert expected.column_names == found.column_names
    assert plain(expected) == plain(found)


def test_every_output_works(store, duckdb, tmp_path):
    """File, table, card, explanation and reason."""
    job = store.get_historical_features(FRAME, EVERYTHING)
    expected = duckdb.get_historical_features(FRAME, EVERYTHING)
    path = tmp_path / "training.parquet"

    assert job.to_parquet(path) == FRAME.num_rows
    assert plain(expected.to_arrow()) == plain(parquet.read_table(path))
    assert store.check_training_set(path.with_suffix(".card.json")) == []
    assert [view.match_rate for view in job.card().views] == [
        view.match_rate for view in expected.card().views
    ]
    assert job.to_table("training_set") == FRAME.num_rows
    with store.warehouse() as warehouse:
        assert plain(expected.to_arrow()) == plain(
            warehouse.stream("SELECT * FROM training_set").read_all()
        )
    assert (
        store.check_training_set(
            store.project.target_path / "featurestore" / "training_set.card.json"
        )
        == []
    )
    assert [view.matched for view in job.explain()] == [v.matched for v in expected.explain()]
    why = [
        plain(one.why("plane_features:delay", {"tailnum": "N1"}, at(21), as_known=True))
        for one in (store, duckdb)
    ]
    assert why[0] == why[1]


def test_the_catalog_has_statistics(store, duckdb):
    """Counts, ranges and quantiles of each feature; a sample has some of the rows."""
    measured = []
    for one in (store, duckdb):
        view = one.registry.feature_views["plane_features"]
        with one.warehouse() as warehouse:
            typed = with_types(view, warehouse)
            sql = statistics_sql(typed, warehouse.dialect)
            measured.append(warehouse.stream(sql).read_all().to_pylist()[0])
            sampled = statistics_sql(typed, warehouse.dialect, share=0.5)
            assert warehouse.stream(sampled).read_all()["rows_in_all"].to_pylist() == [7]
    found, expected = measured

    for name in ("rows_in_all", "rows_sampled", "known0", "distinct0", "low0", "high0"):
        assert expected[name] == found[name]
    assert found["quantiles0"][0] == 1.5


def test_a_project_is_valid(store):
    """The declared columns are compared with the server's own catalog."""
    assert store.validate() == []
    with pytest.raises(RelationNotBuilt, match="nowhere"):
        store.get_historical_features("nowhere", "plane_features:delay")
