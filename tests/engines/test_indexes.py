"""The indexes of PostgreSQL: which of them find the newest row of a key, and what follows."""

from __future__ import annotations

import pytest

from featurestore.warehouse.abilities import Index, indexes_of
from tests.engines import projects
from tests.engines.postgres_engine import Postgres

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]
TABLE = '"shop"."public"."plane_features"'
ENTITIES = "SELECT tailnum, label, happened_at AS event_timestamp FROM labels"


@pytest.fixture(scope="module")
def engine():
    """Return a server that runs."""
    engine = Postgres()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def store(engine, tmp_path_factory):
    """Return the project on it."""
    home = projects.postgres_home(engine)
    return projects.write_project(tmp_path_factory.mktemp("postgres") / "project", home)


@pytest.fixture
def index(engine):
    """Return a function that creates an index, which the end of the test drops."""
    made = []

    def create(columns, *, unique="", rest="", table="plane_features"):
        made.append(f"index_{len(made)}")
        engine.connection.execute(f"CREATE {unique} INDEX {made[-1]} ON {table} {columns} {rest}")

    yield create
    for name in made:
        engine.connection.execute(f"DROP INDEX {name}")


@pytest.mark.parametrize(
    ("columns", "rest", "expected"),
    [
        ("(tailnum, observed_at)", "", [Index(("tailnum", "observed_at"))]),
        ("(tailnum, observed_at DESC)", "", [Index(("tailnum", "observed_at"))]),
        ("(tailnum, observed_at)", "INCLUDE (delay)", [Index(("tailnum", "observed_at"))]),
        ("(tailnum)", "", [Index(("tailnum",))]),
        ("(tailnum, observed_at DESC NULLS LAST)", "", []),
        ("(tailnum, observed_at)", "WHERE delay IS NULL", []),
        ("(lower(tailnum), observed_at)", "", []),
        ('(tailnum COLLATE "C", observed_at)', "", []),
        ("(tailnum text_pattern_ops, observed_at)", "", []),
        ("USING hash (tailnum)", "", []),
    ],
)
def test_only_an_index_that_a_plain_comparison_can_use_counts(
    store, index, columns, rest, expected
):
    """The whole table, the columns themselves, in their own collation and order."""
    index(columns, rest=rest)
    with store.warehouse() as warehouse:
        assert expected == list(indexes_of(warehouse, TABLE))


def test_a_unique_index_is_known_as_one(store, index):
    """PostgreSQL refuses a second row, so ties cannot happen."""
    index("(tailnum, observed_at, written_at, delay)", unique="UNIQUE")
    with store.warehouse() as warehouse:
        assert [True] == [one.unique for one in indexes_of(warehouse, TABLE)]


def test_a_view_has_no_index(store, engine):
    """The index of the table below a view does not count."""
    engine.connection.execute("CREATE OR REPLACE VIEW planes_now AS SELECT * FROM plane_features")
    with store.warehouse() as warehouse:
        assert [] == list(indexes_of(warehouse, '"shop"."public"."planes_now"'))
        assert [] == list(indexes_of(warehouse, '"shop"."public"."nothing"'))


def test_lateral_is_chosen_where_the_index_is(store, index):
    """Without the index both sides are sorted; the rows are the same."""
    job = store.get_historical_features(ENTITIES, ["plane_features:*"])
    sorted_, rows = job.explain()[0].strategy, job.to_arrow().to_pylist()
    index("(tailnum, observed_at)")
    job = store.get_historical_features(ENTITIES, ["plane_features:*"])

    assert ("union", "lateral") == (sorted_, job.explain()[0].strategy)
    assert sorted(rows, key=repr) == sorted(job.to_arrow().to_pylist(), key=repr)


def test_a_key_of_another_type_cannot_use_the_index(store, engine, index):
    """PostgreSQL would convert the column of the history, and read all of it for each row."""
    index("(tailnum, observed_at)")
    text = store.get_historical_features(ENTITIES, ["plane_features:delay"])
    wide = ENTITIES.replace("tailnum,", "CAST(NULL AS numeric) AS number, 'A' AS src,")
    engine.connection.execute("CREATE INDEX route ON route_features (src, number, day)")
    route = store.get_historical_features(wide, ["route_features:miles"])
    small = store.get_historical_features(wide.replace("numeric", "smallint"), ["route_features:*"])
    engine.connection.execute("DROP INDEX route")

    assert ["lateral", "", "lateral"] == [
        job.plan.joins[0].strategy for job in (text, route, small)
    ]


def test_a_unique_index_spares_the_ties(store, index):
    """Each shape returns the same rows, by a shorter statement."""
    entities = "SELECT 'A' AS src, n AS number, TIMESTAMP '2024-03-09' AS event_timestamp FROM"
    request = (f"{entities} generate_series(1, 3) AS t (n)", ["route_features:miles"])
    names = ("union", "interval", "window", "lateral")
    before = [store.get_historical_features(*request, strategy=name) for name in names]
    index("(number, src, day)", unique="UNIQUE", table="route_features")
    after = [store.get_historical_features(*request, strategy=name) for name in names]

    for long, short in zip(before, after, strict=True):
        assert len(short.to_sql()) < len(long.to_sql())
        assert sorted(map(repr, long.to_arrow().to_pylist())) == sorted(
            map(repr, short.to_arrow().to_pylist())
        )


@pytest.mark.parametrize("unique", ["", "UNIQUE"])
@pytest.mark.parametrize("strategy", ["union", "interval", "window", "lateral"])
def test_blanks_at_the_end_of_a_key_make_two_keys_only_where_they_are_kept(
    store, engine, index, strategy, unique
):
    """A `char(n)` has no blanks, so it is the key without them: one row for each entity row."""
    run = engine.connection.execute
    run("DELETE FROM route_features WHERE miles > 90")
    run("ALTER TABLE route_features ALTER src TYPE varchar(3)")
    run("INSERT INTO route_features VALUES ('B', 1, '2024-03-05', 91), ('B ', 1, '2024-03-05', 92)")
    index("(number, src, day)", unique=unique, table="route_features")
    rows = "SELECT CAST('B' AS char(3)) AS src, 1::bigint AS number, now() AS event_timestamp"
    job = store.get_historical_features(rows, ["route_features:miles"], strategy=strategy)

    assert [91] == job.to_arrow()["miles"].to_pylist()
    assert (1, 1) == (job.explain()[0].entity_rows, job.explain()[0].matched)


def test_a_table_with_heirs_is_not_unique(store, engine):
    """A query of the parent reads the rows of its heirs too, which its index does not have."""
    engine.connection.execute("CREATE TABLE parent (k int PRIMARY KEY)")
    with store.warehouse() as warehouse:
        assert [Index(("k",), unique=True)] == list(indexes_of(warehouse, "public.parent"))
        engine.connection.execute("CREATE TABLE heir () INHERITS (parent)")
        assert [] == list(indexes_of(warehouse, "public.parent"))


def test_the_index_of_a_partitioned_table_is_one_of_all_its_rows(store, engine):
    """PostgreSQL keeps it in every partition."""
    engine.connection.execute(
        "CREATE TABLE parts (k int, at timestamp, PRIMARY KEY (k, at)) PARTITION BY RANGE (at)"
    )
    engine.connection.execute("CREATE TABLE part PARTITION OF parts DEFAULT")
    with store.warehouse() as warehouse:
        assert [Index(("k", "at"), unique=True)] == list(indexes_of(warehouse, "public.parts"))
