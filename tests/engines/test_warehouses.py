"""A whole project on PostgreSQL and on Spark, beside the same project on DuckDB."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from pyarrow import csv, parquet

from featurestore import FeatureStore
from featurestore.errors import (
    EntityFrameError,
    MissingExtra,
    RelationNotBuilt,
    UnsupportedDialect,
    WarehouseError,
    WarehouseUnavailable,
)
from featurestore.values.lossy_types import publishable_cast
from tests.engines import projects
from tests.engines.postgres_engine import Postgres
from tests.engines.projects import SECRET, at, naive
from tests.engines.spark_engine import Spark

pytestmark = [
    pytest.mark.engines,
    pytest.mark.proves("whole project", by="store"),
    pytest.mark.filterwarnings("default"),
]
EVERYTHING = ["plane_features:*", "route_features:*"]
FRAME = pa.table({
    "tailnum": pa.array(["N1", "N1", "N1", "ñ'\"2", None, "N4", "N1"], pa.large_string()),
    "src": pa.array(["A", "A", "B", "A", None, "A", "A"]).dictionary_encode(),
    "number": pa.array([1, 2, 1, 1, 1, None, 1], pa.uint8()),
    "event_timestamp": pa.array(
        [at(10, 6), at(10, 5), at(21), at(14, 3, 1), at(9), at(9), None],
        pa.timestamp("us", "America/New_York"),
    ),
    "Mixed Case": pa.array([Decimal("1.50"), None, *[Decimal(0)] * 5], pa.decimal128(12, 4)),
    "select": pa.array([True, None, False, True, False, True, False]),
    "wide": pa.array([2**64 - 1, 0, 1, 2, 3, 4, 5], pa.uint64()),
    "day": pa.array([at(1).date()] * 7, pa.date64()),
    "nanos": pa.array([1_000] * 7, pa.timestamp("ns")),
    "things": pa.array([[1], [], None, [2, 3], [4], [5], [6]], pa.large_list(pa.int32())),
    "raw": pa.array([b"\x00\xff", None, b"", b"a", b"b", b"c", b"d"], pa.large_binary()),
})  # fmt: skip
QUERY = """
    SELECT tailnum, label, happened_at AS event_timestamp FROM labels
    UNION ALL SELECT tailnum, label, happened_at FROM labels WHERE label
"""


@pytest.fixture(scope="module")
def duckdb(tmp_path_factory):
    """Return the project on DuckDB."""
    folder = tmp_path_factory.mktemp("duckdb")
    return projects.write_project(folder / "project", projects.duckdb_home(folder))


@pytest.fixture(scope="module")
def postgres_engine():
    """Return a server that runs."""
    engine = Postgres()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def postgres_home(postgres_engine):
    """Return where the tables are on PostgreSQL."""
    return projects.postgres_home(postgres_engine)


@pytest.fixture(scope="module")
def postgres(postgres_home, tmp_path_factory):
    """Return the project on PostgreSQL."""
    return projects.write_project(tmp_path_factory.mktemp("postgres") / "project", postgres_home)


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    """Return the project on Spark."""
    engine = Spark()
    folder = tmp_path_factory.mktemp("spark")
    home = projects.spark_home(engine, folder / "tables")
    yield projects.write_project(folder / "project", home)
    engine.close()


@pytest.fixture(params=["postgres", "spark"])
def store(request):
    """Return the project on each warehouse."""
    return request.getfixturevalue(request.param)


def rows(table):
    """Return rows in an order of their own, each value as what it is."""
    return sorted(table.to_pylist(), key=repr)


def same(left, right):
    """Compare two training sets, value for value and name for name."""
    assert left.column_names == right.column_names
    assert rows(left) == rows(right)


OPTIONS = [
    {},
    {"feature_timestamps": True, "full_feature_names": True},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_a_data_frame_gets_the_values_that_duckdb_gives(store, duckdb, options):
    """Columns of odd types go there and back, in the order of the frame."""
    found = store.get_historical_features(FRAME, EVERYTHING, **options).to_arrow()
    expected = duckdb.get_historical_features(FRAME, EVERYTHING, **options).to_arrow()

    assert expected.to_pylist() == found.to_pylist()
    assert [1.5, 3.5] == [
        found["delay" if not options else "plane_features__delay"][i].as_py() for i in (1, 0)
    ]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_entity_rows_may_come_from_a_file(store, duckdb, suffix, tmp_path):
    """A file of this machine gives the same training set on every warehouse."""
    path = tmp_path / f"entities.{suffix}"
    frame = pa.table({
        "tailnum": ["N1", "N4", None],
        "label": pa.array([1, None, 3], pa.int64()),
        "event_timestamp": pa.array([naive(10, 6), naive(21), None], pa.timestamp("s")),
    })  # fmt: skip
    if suffix == "csv":
        csv.write_csv(frame, path, csv.WriteOptions(quoting_style="none"))
    else:
        parquet.write_table(frame, path)
    found, expected = (
        one.get_historical_features(path, "plane_features:*").to_arrow() for one in (store, duckdb)
    )

    same(expected, found)


def test_as_known_leaves_out_what_was_written_later(store, duckdb):
    """A row written after the instant is as if it were not there."""
    frame = FRAME.select(["tailnum", "event_timestamp"])
    found, expected = (
        one.get_historical_features(frame, "plane_features:delay", as_known=True).to_arrow()
        for one in (store, duckdb)
    )

    assert expected.to_pylist() == found.to_pylist()


@pytest.mark.parametrize("entities", [QUERY, "ref:labels"])
def test_entity_rows_may_be_there_already(store, duckdb, entities):
    """A query or a model gives its rows, duplicates and NULL keys included."""
    options = {} if entities == QUERY else {"event_timestamp": "happened_at"}
    found, expected = (
        one.get_historical_features(entities, "plane_features:*", **options).to_arrow()
        for one in (store, duckdb)
    )

    same(expected, found)


@pytest.mark.parametrize(
    "period",
    [
        {},
        {"start": at(1), "end": at(21)},
        {"start": at(1), "end": at(21), "every": "1 day"},
        {"start": at(10), "end": at(11), "every": timedelta(hours=1, microseconds=1)},
    ],
)
def test_entity_rows_may_be_made_of_the_views(store, duckdb, period):
    """A grid, the views' own instants, or now."""
    found, expected = (
        one.get_historical_features(features="plane_features:*", **period).to_arrow()
        for one in (store, duckdb)
    )

    # Spark has no conversion that is independent of the session's zone, so its instants are naive.
    zone = found.schema.field("event_timestamp").type.tz
    if zone is None:
        place = expected.column_names.index("event_timestamp")
        column = expected["event_timestamp"].cast(pa.timestamp("us"))
        expected = expected.set_column(place, "event_timestamp", column)
    same(expected, found)
    assert found.num_rows


def test_a_second_upload_or_stage_takes_the_place_of_the_first(store):
    """On one connection; a table of dbt that has the name stays."""
    with store.warehouse() as warehouse:
        for rows in ([1, 2], [3]):
            warehouse.upload("labels", pa.table({"x": rows}))
            warehouse.stage("staged", "SELECT x FROM labels")
            staged = warehouse.stream("SELECT x FROM staged").read_all()
            assert rows == staged["x"].to_pylist()
    with store.warehouse() as warehouse:
        assert "happened_at" in warehouse.columns("labels")


def test_the_statement_stands_in_the_dialect_of_the_warehouse(postgres, spark):
    """It has no ASOF join, and names are quoted as the engine does."""
    statements = [
        one.get_historical_features(FRAME, EVERYTHING).to_sql() for one in (postgres, spark)
    ]

    assert ["ASOF" in sql for sql in statements] == [False, False]
    assert '"Mixed Case"' in statements[0]
    assert "`Mixed Case`" in statements[1]


def test_a_frame_has_nullable_types(store):
    """Pandas keeps an integer with gaps an integer."""
    frame = store.get_historical_features(FRAME, EVERYTHING).to_df()

    assert str(frame["Order No"].dtype) == "Int64"
    assert frame["Order No"][5:].isna().all()


def test_the_explanation_counts_alike(store, duckdb):
    """Matched, expired, missing and NULL keys are the same on every warehouse."""
    found, expected = (
        one.get_historical_features(FRAME, EVERYTHING).explain() for one in (store, duckdb)
    )

    # Each engine has its own join and its own estimates.
    own = {"strategy": "", "statement_rows": None, "statement_bytes": None}
    assert [replace(report, **own) for report in found] == [
        replace(report, **own) for report in expected
    ]


def test_why_names_the_chosen_row(store, duckdb):
    """One value is explained with the same rows and verdicts."""
    found, expected = (
        one.why("plane_features:delay", {"tailnum": "N1"}, at(21), as_known=True).to_pylist()
        for one in (store, duckdb)
    )

    assert expected == found
    assert found[0]["verdict"] == "chosen"


def test_a_parquet_file_has_a_card_that_can_be_checked(store, duckdb, tmp_path):
    """The file holds DuckDB's values, and the request gives the same rows again."""
    path = tmp_path / "training.parquet"
    job = store.get_historical_features(FRAME, EVERYTHING)

    assert job.to_parquet(path) == FRAME.num_rows
    same(duckdb.get_historical_features(FRAME, EVERYTHING).to_arrow(), parquet.read_table(path))
    assert store.check_training_set(path.with_suffix(".card.json")) == []
    assert sorted(part.name for part in tmp_path.iterdir()) == [
        "training.card.json",
        "training.parquet",
    ]
    expected = duckdb.get_historical_features(FRAME, EVERYTHING).card()
    card = job.card()
    assert card.engine.startswith(store.registry.dialect)
    assert [view.match_rate for view in card.views] == [v.match_rate for v in expected.views]
    assert [c.null_rate for c in card.columns] == [c.null_rate for c in expected.columns]
    assert card.first[:19] == expected.first[:19]


def test_a_card_of_no_rows_can_be_made(store):
    """Nothing has no hash."""
    card = store.get_historical_features(FRAME.slice(0, 0), EVERYTHING).card()

    assert (0, "") == (card.rows, card.entities)


def test_a_table_is_replaced_and_has_a_card(store, duckdb):
    """The rows are in the warehouse, and the second run puts new ones in their place."""
    store.get_historical_features(QUERY, "plane_features:delay").to_table("training_set")
    job = store.get_historical_features(FRAME, EVERYTHING)

    assert job.to_table("training_set") == FRAME.num_rows
    with store.warehouse() as warehouse:
        written = warehouse.stream("SELECT * FROM training_set").read_all()
    same(duckdb.get_historical_features(FRAME, EVERYTHING).to_arrow(), written)
    card = store.project.target_path / "featurestore" / "training_set.card.json"
    assert store.check_training_set(card) == []


def test_a_card_notices_a_changed_view(postgres, postgres_engine, tmp_path):
    """A value that changes is found in the view that it is of."""
    path = tmp_path / "training.parquet"
    postgres.get_historical_features(FRAME, EVERYTHING).to_parquet(path)
    change = "UPDATE route_features SET miles = miles + {} WHERE number = 2"
    postgres_engine.connection.execute(change.format(1))
    try:
        found = postgres.check_training_set(path.with_suffix(".card.json"))
    finally:
        postgres_engine.connection.execute(change.format(-1))

    assert found == ["The values of 'route_features' changed; its definition did not."]


def test_a_table_goes_to_the_schema_that_dbt_builds_in(postgres, postgres_engine):
    """A name without a schema means the target's."""
    postgres.get_historical_features(QUERY, "plane_features:delay").to_table("somewhere")
    found = postgres_engine.rows(
        "SELECT relnamespace::regnamespace::text AS schema FROM pg_class"
        " WHERE relname = 'somewhere'"
    )

    assert found == [{"schema": '"training sets"'}]


def test_a_model_on_the_search_path_becomes_a_ref(postgres):
    """A name without a schema is looked for where dbt builds, and then on the role's own path."""
    job = postgres.get_historical_features(QUERY, "plane_features:delay")
    job.to_dbt_model("models/t.sql")
    sql = (postgres.project.folder / "models" / "t.sql").read_text()

    assert 2 == sql.count("FROM {{ ref('labels') }} AS labels")


def test_a_table_that_cannot_be_written_stays_as_it_was(postgres):
    """The new rows are in a transaction: one that fails leaves the old ones."""
    postgres.get_historical_features(QUERY, "plane_features:delay").to_table("kept")
    broken = "SELECT tailnum, 1 / (1 - 1) AS x FROM labels"
    with postgres.warehouse(write=True) as warehouse:
        with pytest.raises(WarehouseError, match="division by zero"):
            warehouse.write_table("kept", broken)

        assert warehouse.stream("SELECT count(*) AS n FROM kept").read_all()["n"][0].as_py() == 5


def test_a_broken_query_leaves_no_file(postgres, tmp_path):
    """An error in the midst of the rows is ours, and half a file is none."""
    sql = "SELECT 1 / (200000 - x) AS y FROM generate_series(1, 300000) AS x"
    with (
        postgres.warehouse() as warehouse,
        pytest.raises(WarehouseError, match="division by zero"),
    ):
        warehouse.write_parquet(tmp_path / "x.parquet", sql)

    assert list(tmp_path.iterdir()) == []


def test_a_project_is_valid(store):
    """The declared columns are compared with the warehouse's own catalog."""
    assert store.validate() == []


def test_types_come_from_the_catalog(postgres, postgres_engine):
    """Digits, zones, arrays and enumerations are read, not guessed."""
    postgres_engine.connection.execute("""
        CREATE TYPE mood AS ENUM ('good', 'bad');
        CREATE TABLE types (
            a numeric(10, 2), b numeric, c numeric(60, 3), d varchar(3), e char(2), f text,
            g timestamptz(3), h timestamp, i date, j time, k uuid, l jsonb, m mood, n smallint,
            o real, p text[], q numeric(5, 2)[], r bytea, s interval
        );
        INSERT INTO types VALUES (
            1.5, 'NaN', 1e50, 'x', 'y', 'z', '2024-03-10 02:30+00', '2024-03-10 02:30',
            '2024-03-10', '01:02', '00000000-0000-0000-0000-000000000001', '{"a": 1}', 'good', 1,
            1.5, '{a}', '{1.25}', '\\x00', '1 day'
        )
    """)
    with postgres.warehouse() as warehouse:
        types = [str(kind) for kind in warehouse.columns("types").values()]
        found = warehouse.stream("SELECT * FROM types").read_all().to_pylist()[0]

    assert types == [
        "decimal(10,2)", "decimal", "decimal(60,3)", "string", "string", "string",
        "timestamptz", "timestamp", "date", "time", "uuid", "json", "string", "int16",
        "float32", "array<string>", "array<decimal>", "bytes", "interval",
    ]  # fmt: skip
    assert found["a"] == Decimal("1.50")
    assert found["c"] == Decimal(10) ** 50
    assert found["b"] != found["b"]
    assert (found["g"], found["h"]) == (
        at(10, 2) + timedelta(minutes=30),
        naive(10, 2) + timedelta(minutes=30),
    )
    assert found["k"] == "00000000-0000-0000-0000-000000000001"
    assert (found["l"], found["m"], found["q"]) == ('{"a": 1}', "good", [1.25])


def test_a_numeric_without_digits_is_not_published(postgres):
    """The driver returns doubles for it, so the server's own type decides."""
    with postgres.warehouse() as warehouse:
        types = warehouse.columns("SELECT avg(1) AS x, 1::numeric(5, 2) AS y", is_query=True)

    assert ["numeric(18, 4)", None] == [publishable_cast(found) for found in types.values()]


def test_every_exit_has_one_type(postgres, tmp_path):
    """A numeric without digits, uuids, JSON, enumerations: as Arrow, file, table and model."""
    values = {
        "a": ("9007199254740993::numeric", "double precision", 9007199254740992.0),
        "b": ("1.25::numeric(5, 2)", "numeric", Decimal("1.25")),
        "c": ("'{1.5}'::numeric[]", "ARRAY", [1.5]),
        "d": (
            "'00000000-0000-0000-0000-00000000000A'::uuid",
            "text",
            f"{'0' * 8}-0000-0000-0000-00000000000a",
        ),
        "e": ("""'{"a": 1}'::jsonb""", "text", '{"a": 1}'),
        "f": ("'good'::feeling", "text", "good"),
        "g": ("(2::numeric ^ 70)", "double precision", 2.0**70),
    }
    with postgres.warehouse(write=True) as warehouse:
        warehouse.execute("CREATE TYPE feeling AS ENUM ('bad', 'good')")
    listed = ", ".join(f"{value} AS {name}" for name, (value, *_) in values.items())
    spine = f"SELECT tailnum, happened_at AS event_timestamp, {listed} FROM labels LIMIT 1"
    job = postgres.get_historical_features(spine, "plane_features:delay")
    job.to_parquet(tmp_path / "x.parquet")
    job.to_table("exits")
    job.to_dbt_model("models/exits.sql")
    with postgres.warehouse() as warehouse:
        table = warehouse.stream("SELECT * FROM exits").read_all()
        stored = warehouse.stream(
            "SELECT column_name::text AS name, data_type::text AS type"
            " FROM information_schema.columns WHERE table_name = 'exits'"
        ).read_all()
    arrow, file = job.to_arrow(), parquet.read_table(tmp_path / "x.parquet")
    model = yaml.safe_load((postgres.project.folder / "models/exits.yml").read_text())
    contract = {column["name"]: column["data_type"] for column in model["models"][0]["columns"]}

    assert arrow.schema.types == file.schema.types == table.schema.types
    for found in (arrow, file, table):
        assert {name: value for name, (_, _, value) in values.items()} == {
            name: found[name][0].as_py() for name in values
        }
    types = dict(zip(stored["name"].to_pylist(), stored["type"].to_pylist(), strict=True))
    assert {name: kind for name, (_, kind, _) in values.items()} == {n: types[n] for n in values}
    assert [contract[name] for name in values] == [
        "double precision", "decimal(5, 2)", "double precision[]", "text", "text", "text",
        "double precision",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        ("'12:00+05'::timetz", "time or text"),
        ("'101'::bit(3)", "text"),
        ("'1.2.3.4'::inet", "text"),
        ("'[1,2]'::int4range", "text"),
        ("'1'::money", "text"),
        ("'1 day'::interval", "a number, such as its seconds"),
        ("ARRAY['1.2.3.4'::inet]", "text"),
    ],
)
def test_types_that_lose_their_meaning_are_refused(postgres, value, remedy):
    """The driver passes on the bytes by which the server sends them."""
    spine = f"SELECT tailnum, happened_at AS event_timestamp, {value} AS x FROM labels"

    with pytest.raises(EntityFrameError, match=r"'x' is .* loses its meaning") as error:
        postgres.get_historical_features(spine, "plane_features:delay")
    assert f"Cast it to {remedy}" in error.value.remedy


def test_statistics_come_from_analyze(postgres, postgres_engine):
    """Before it there are none."""
    with postgres.warehouse() as warehouse:
        assert warehouse.estimate('"shop"."public"."labels"') is None
        postgres_engine.connection.execute("ANALYZE labels")
        found = warehouse.estimate('"shop"."public"."labels"', ["tailnum", "label"])

    assert (3, 2) == (found.rows, found.distinct)


def test_the_span_of_a_column_comes_from_analyze(postgres, postgres_engine):
    """By it, a ttl tells which share of a history is ranked; infinity has no distance."""
    first, last = "TIMESTAMPTZ '2024-01-01 00:00+00'", "TIMESTAMPTZ '2024-01-11 12:00+00'"
    series = f"SELECT generate_series({first}, {last}, INTERVAL '1 hour') AS at"
    for name, rows in (("hours", series), ("ever", f"{series} UNION ALL SELECT 'infinity'")):
        postgres_engine.connection.execute(f"CREATE TABLE {name} AS {rows}")
        postgres_engine.connection.execute(f"ANALYZE {name}")

    with postgres.warehouse() as warehouse:
        hours = warehouse.estimate("hours", ["at"], over="at")
        small = warehouse.estimate("hours", ["at"], over="at", above=1_000)
        ever = warehouse.estimate("ever", ["at"], over="at")

    assert (253, timedelta(days=10, hours=12)) == (hours.rows, hours.span)
    assert (253, None, None) == (small.rows, small.distinct, small.span)
    assert (254, None) == (ever.rows, ever.span)


def test_a_missing_table_is_named(store, tmp_path):
    """It is said which model is not built."""
    with pytest.raises(RelationNotBuilt, match="nowhere"):
        store.get_historical_features("nowhere", "plane_features:delay")


def test_a_frame_that_no_table_can_hold_is_refused(postgres):
    """The column is named."""
    frame = FRAME.append_column("nested", pa.array([{"a": 1}] * 7))

    with pytest.raises(WarehouseError, match="'nested' of the data frame"):
        postgres.get_historical_features(frame, EVERYTHING)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"user": "stranger"}, 'role "stranger" does not exist'),
        ({"port": 1}, "refused"),
        ({"host": "nowhere.invalid"}, "nowhere.invalid"),
        ({"dbname": "nothing"}, 'database "nothing" does not exist'),
        ({"sslmode": SECRET}, "invalid sslmode"),
    ],
)
def test_a_server_that_cannot_be_reached_is_named(postgres_home, tmp_path, change, message):
    """The address is told, the password never."""
    home = replace(postgres_home, target={**postgres_home.target, "password": SECRET, **change})
    store = projects.write_project(tmp_path / "project", home)

    with pytest.raises(WarehouseUnavailable, match="Cannot connect to PostgreSQL at") as found:
        store.validate()

    assert message in str(found.value)
    assert SECRET not in f"{found.value!r} {found.value.__cause__!r}"
    assert found.value.exit_code == 3


def test_a_wrong_password_is_not_repeated(postgres_home, postgres_engine, tmp_path):
    """The server turns it away, and the error does not say what it was."""
    hba = postgres_engine.rows("SHOW hba_file")[0]["hba_file"]
    before = Path(hba).read_text("utf-8")
    strict = "host all all 127.0.0.1/32 scram-sha-256\n"
    _reload(postgres_engine, hba, strict)
    try:
        assert projects.write_project(tmp_path / "right", postgres_home).validate() == []
        wrong = {**postgres_home.target, "password": f"{SECRET}?"}
        store = projects.write_project(tmp_path / "wrong", replace(postgres_home, target=wrong))
        with pytest.raises(WarehouseUnavailable, match="password authentication failed") as found:
            store.validate()
    finally:
        _reload(postgres_engine, hba, before)

    assert SECRET not in str(found.value)


def _reload(engine, path, text):
    Path(path).write_text(text, "utf-8")
    loaded = "SELECT pg_conf_load_time() AS at"
    before = engine.rows(loaded)
    engine.connection.execute("SELECT pg_reload_conf()")
    while engine.rows(loaded) == before:
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("home", "missing", "extra"),
    [
        (
            projects.Home("postgres", "{}", {"type": "postgres"}),
            "adbc_driver_postgresql",
            "postgres",
        ),
        (
            projects.Home("spark", "{}", {"type": "spark", "method": "session"}),
            "pyspark.sql",
            "spark",
        ),
        (
            projects.Home("snowflake", "{}", {"type": "snowflake"}),
            "adbc_driver_snowflake",
            "snowflake",
        ),
        (projects.Home("bigquery", "{}", {"type": "bigquery"}), "adbc_driver_bigquery", "bigquery"),
    ],
)
def test_a_missing_driver_says_how_to_get_it(monkeypatch, tmp_path, home, missing, extra):
    """The extra is named."""
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setitem(sys.modules, f"{missing}.dbapi", None)
    store = projects.write_project(tmp_path / "project", home)

    with pytest.raises(MissingExtra, match=rf"featurestore\[{extra}\]"):
        store.validate()


def test_an_adapter_that_is_not_known_is_refused(tmp_path):
    """The ones that are known are listed."""
    home = projects.Home("oracle", "{}", {"type": "oracle"})

    with pytest.raises(UnsupportedDialect, match="bigquery, clickhouse, databricks, duckdb"):
        projects.write_project(tmp_path / "project", home).warehouse()


def test_spark_is_reached_by_a_session_alone(tmp_path):
    """Another method of dbt-spark is refused by name."""
    home = projects.Home("spark", "{}", {"type": "spark", "method": "thrift"})

    with pytest.raises(UnsupportedDialect, match="'thrift'"):
        projects.write_project(tmp_path / "project", home).warehouse()


def test_the_session_of_spark_is_left_as_it_was(spark):
    """No view of ours stays behind, and the session is open."""
    from pyspark.sql import SparkSession

    spark.get_historical_features(FRAME, EVERYTHING).card()
    session = SparkSession.getActiveSession()

    assert session.conf.get("spark.sql.session.timeZone") == "America/New_York"
    tables = {table.name for table in session.catalog.listTables()}
    assert {"plane_features", "route_features", "labels"} <= tables
    assert set() == tables & {"entity_df", "_featurestore_training_set"}


def test_a_profile_may_name_things_as_dbt_does(postgres_home, tmp_path, monkeypatch):
    """`pass` and `database` are dbt's other words; a role and a search path are taken up."""
    target = {**postgres_home.target, "role": "pg_read_all_data", "search_path": "public"}
    target["pass"], target["database"] = "{{ env_var('PG_PASS') }}", target.pop("dbname")
    del target["password"]
    monkeypatch.setenv("PG_PASS", projects.PASSWORD)
    store = projects.write_project(tmp_path / "project", replace(postgres_home, target=target))
    assert isinstance(store, FeatureStore)

    with store.warehouse() as warehouse:
        found = warehouse.stream(
            "SELECT current_user::text AS u, current_setting('search_path') AS p"
        ).read_all()

    assert found.to_pylist() == [{"u": "pg_read_all_data", "p": "public"}]
    assert "PG_PASS" in yaml.safe_dump(target)
