"""Every word that an engine itself lists works as the name of a key, a feature and a view."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from featurestore.registry.definitions import Column, Entity, Feature, FeatureView, ServiceMember
from featurestore.sql.dialects.keywords import keywords
from featurestore.sql.latest_rows import latest_rows
from featurestore.sql.plan import Spine
from featurestore.sql.planning import make_plan
from featurestore.sql.point_in_time import point_in_time
from tests.engines.clickhouse_engine import ClickHouse
from tests.engines.datafusion_engine import DataFusion
from tests.engines.duckdb_engine import DuckDB, SnowflakeOnDuckDB
from tests.engines.laws import typed
from tests.engines.postgres_engine import Postgres
from tests.engines.spark_engine import Spark

pytestmark = [
    pytest.mark.engines,
    # Drivers warn about themselves.
    pytest.mark.filterwarnings("default"),
]

NOON = datetime(2024, 6, 1, 12)  # noqa: DTZ001, naive timestamps are in UTC
KEY, EVENT = "order", "to"
WORDS = {
    ClickHouse: "SELECT lower(keyword) AS word FROM system.keywords",
    DuckDB: "SELECT keyword_name AS word FROM duckdb_keywords()",
    SnowflakeOnDuckDB: "SELECT keyword_name AS word FROM duckdb_keywords()",
    Postgres: "SELECT word FROM pg_get_keywords()",
    Spark: "SELECT lower(keyword) AS word FROM sql_keywords()",
}


@pytest.fixture(scope="module", params=(DataFusion, *WORDS), ids=lambda make: make.__name__)
def engine(request):
    """Return an engine, started once."""
    engine = request.param()
    yield engine
    engine.close()


def words_of(engine):
    """Return the words that an engine lists; DataFusion lists none, so it gets ours."""
    query = WORDS.get(type(engine))
    listed = [row["word"] for row in engine.rows(query)] if query else keywords()
    return sorted({w for w in listed if re.fullmatch("[a-z_][a-z0-9_]*", w)} - {KEY, EVENT})


def view_of(engine, words, name="group"):
    """Create a table with one row, whose columns are named by words, and return its view."""
    types = {KEY: "bigint", EVENT: "timestamp", **dict.fromkeys(words, "bigint")}
    row = {KEY: 1, EVENT: NOON, **{word: number for number, word in enumerate(words)}}
    columns = {column: Column(column, typed(engine, of)) for column, of in types.items()}
    return FeatureView(
        name=name,
        unique_id=f"model.shop.{name}",
        relation=engine.create("words", types, [row]),
        path="models/views.yml",
        entities=(Entity("one", (columns[KEY],)),),
        features=tuple(Feature(word, columns[word].data_type) for word in words),
        event_timestamp=columns[EVENT],
    )


def training_set(engine, view):
    """Build the training set of one entity row with all features, by their plain names."""
    types = {KEY: "bigint", EVENT: "timestamp"}
    source = engine.create("entity_rows", types, [{KEY: 1, EVENT: NOON}])
    columns = {name: typed(engine, of) for name, of in types.items()}
    members = [ServiceMember(view.name, view.feature_names)]
    spine = Spine(source, False, columns, EVENT)
    return rows(
        engine,
        point_in_time(make_plan(engine.dialect, spine, members, {view.name: view})),
    )


def rows(engine, sql):
    """Run a query, with names as the project spells them."""
    return [{name.lower(): value for name, value in row.items()} for row in engine.rows(sql)]


def test_every_word_is_the_name_of_a_feature(engine):
    """Each feature has its own value, in a training set and among the newest rows."""
    words = words_of(engine)
    view = view_of(engine, words)
    expected = {word: number for number, word in enumerate(words)}
    built = training_set(engine, view)
    newest = rows(engine, latest_rows(view, engine.dialect, NOON))

    assert len(words) > 100
    assert [expected] == [{word: row[word] for word in words} for row in built]
    assert [expected] == [{word: row[word] for word in words} for row in newest]


@pytest.mark.parametrize("name", ["order", "primary", "outer", "recursive", "fetch", "table"])
def test_a_word_is_the_name_of_a_view(engine, name):
    """A statement names its CTE after the view."""
    built = training_set(engine, view_of(engine, ["check", "cast"], name))

    assert [(0, 1)] == [(row["check"], row["cast"]) for row in built]
