"""All types at all exits: each exit gives the same type and the same value."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from featurestore.errors import DefinitionProblems, EntityFrameError, WarehouseError
from tests.support.sync_project import SyncProject, View

UUID = "7d5e1b5c-6a1c-4f3c-9e1e-00000000000a"
WIDE = 9007199254740993
LARGEST = 10**38 - 1
NOON = dt.datetime(2024, 2, 29, 12)  # noqa: DTZ001, a naive timestamp is a value too

TYPES = {
    "BOOLEAN": ("true", pa.bool_(), True),
    "TINYINT": ("-7", pa.int8(), -7),
    "SMALLINT": ("-7", pa.int16(), -7),
    "INTEGER": ("-7", pa.int32(), -7),
    "BIGINT": (str(-(2**63)), pa.int64(), -(2**63)),
    "UTINYINT": ("255", pa.uint8(), 255),
    "USMALLINT": ("7", pa.uint16(), 7),
    "UINTEGER": ("7", pa.uint32(), 7),
    "UBIGINT": (str(2**64 - 1), pa.uint64(), 2**64 - 1),
    "HUGEINT": (str(WIDE), pa.decimal128(38, 0), Decimal(WIDE)),
    "UHUGEINT": (str(LARGEST), pa.decimal128(38, 0), Decimal(LARGEST)),
    "FLOAT": ("0.5", pa.float32(), 0.5),
    "DOUBLE": ("'-0.0'", pa.float64(), -0.0),
    "DECIMAL(38,10)": ("-0.0000000001", pa.decimal128(38, 10), Decimal("-1E-10")),
    "VARCHAR": ("'né'", pa.string(), "né"),
    "ENUM('low', 'high')": ("'high'", pa.string(), "high"),
    "UUID": (f"'{UUID.upper()}'", pa.string(), UUID),
    "JSON": ("'{\"a\": [1, null]}'", pa.string(), '{"a": [1, null]}'),
    "BLOB": (r"'\x00\xFF'", pa.binary(), b"\x00\xff"),
    "DATE": ("'2024-02-29'", pa.date32(), dt.date(2024, 2, 29)),
    "TIME": ("'23:59:59.999999'", pa.time64("us"), dt.time(23, 59, 59, 999999)),
    "TIMESTAMP": ("'2024-02-29 12:00'", pa.timestamp("us"), NOON),
    "TIMESTAMP_S": ("'2024-02-29 12:00'", pa.timestamp("us"), NOON),
    "TIMESTAMP_MS": ("'2024-02-29 12:00'", pa.timestamp("us"), NOON),
    "TIMESTAMPTZ": (
        "'2024-02-29 12:00+00'",
        pa.timestamp("us", "UTC"),
        NOON.replace(tzinfo=dt.UTC),
    ),
    "HUGEINT[]": (f"[{WIDE}, NULL]", pa.list_(pa.decimal128(38, 0)), [Decimal(WIDE), None]),
    "UUID[]": (f"['{UUID}']", pa.list_(pa.string()), [UUID]),
    "ENUM('low', 'high')[]": ("['high', NULL]", pa.list_(pa.string()), ["high", None]),
    "DOUBLE[][]": ("[[1.5], NULL, []]", pa.list_(pa.list_(pa.float64())), [[1.5], None, []]),
    "FLOAT[3]": ("['0.5', '-0.0', '2']", pa.list_(pa.float32(), 3), [0.5, -0.0, 2.0]),
    "HUGEINT[2]": ("[1, 2]", pa.list_(pa.decimal128(38, 0), 2), [Decimal(1), Decimal(2)]),
    "DATE[1]": ("['2024-02-29']", pa.list_(pa.date32(), 1), [dt.date(2024, 2, 29)]),
}
"""A value of each type that can be published, as SQL; its type and itself at every exit."""

OFFLINE_ONLY = {
    'STRUCT(a HUGEINT, "UUID" UUID)': (
        f"{{'a': {WIDE}, 'UUID': '{UUID}'}}",
        pa.struct([("a", pa.decimal128(38, 0)), ("UUID", pa.string())]),
        {"a": Decimal(WIDE), "UUID": UUID},
    ),
    "STRUCT(e FLOAT[2])": (
        "{'e': [1, 2]}",
        pa.struct([("e", pa.list_(pa.float32(), 2))]),
        {"e": [1.0, 2.0]},
    ),
    "MAP(VARCHAR, HUGEINT)": (
        f"MAP {{'a': {WIDE}}}",
        pa.map_(pa.string(), pa.decimal128(38, 0)),
        [("a", Decimal(WIDE))],
    ),
    "TIMESTAMP_NS": (
        "'2024-02-29 12:00:00.000001'",
        pa.timestamp("ns"),
        NOON + dt.timedelta(microseconds=1),
    ),
}
"""The same for types that only training sets have."""
SPINE = "SELECT id, x AS own, TIMESTAMP '2024-03-01' AS event_timestamp FROM v ORDER BY id DESC"
NAMES = ["own", "x"]


@pytest.fixture(params=[*TYPES, *OFFLINE_ONLY], scope="module")
def case(request, tmp_path_factory):
    """Return a project with one feature of a type, which is also a column of the entity rows."""
    text, arrow, value = (TYPES | OFFLINE_ONLY)[request.param]
    own = {} if request.param in TYPES else {"online": False}
    view = View("v", {"id": "BIGINT"}, {"x": request.param}, own=own)
    project = SyncProject(tmp_path_factory.mktemp("exits"), view)
    insert = "INSERT INTO v VALUES (1, '2024-02-20', CAST({} AS {})), (2, '2024-02-20', NULL)"
    project.execute(insert.format(text, request.param))
    return project, arrow, value


def job(project, url="redis://localhost:1"):
    """Return the training set of both rows, the one without a value first."""
    return project.store(url).get_historical_features(SPINE, ["v:x"])


def assert_exit(table, arrow, value):
    """Check the types and the values of both columns."""
    rows = sorted(zip(*(table[name].to_pylist() for name in NAMES), strict=True), key=repr)
    wanted = sorted([(None, None), (value, value)], key=repr)

    assert [plain(arrow)] * 2 == [plain(table.schema.field(name).type) for name in NAMES]
    assert repr(wanted) == repr([tuple(map(in_python, row)) for row in rows])


def plain(kind):
    """Return a type without the names of list elements, which do not matter."""
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(plain(kind.value_type), kind.list_size)
    if pa.types.is_map(kind):
        return pa.map_(plain(kind.key_type), plain(kind.item_type))
    if pa.types.is_list(kind):
        return pa.list_(plain(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, plain(field.type)) for field in kind])
    return kind


def in_python(value):
    """Return an instant in Python's own class and zone."""
    value = value.to_pydatetime() if hasattr(value, "to_pydatetime") else value
    return value.astimezone(dt.UTC) if getattr(value, "tzinfo", None) else value


def test_arrow(case):
    """The columns of `to_arrow`."""
    project, arrow, value = case
    assert_exit(job(project).to_arrow(), arrow, value)


def test_pandas_and_polars(case):
    """Both frames hold what `to_arrow` holds."""
    project, arrow, value = case
    training = job(project)
    frame = training.to_polars()

    assert len(training.to_df()) == len(frame) == 2
    assert frame.schema["x"] == frame.schema["own"]
    if not pa.types.is_map(arrow):
        found = [row for row in frame["x"].to_list() if row is not None]
        assert repr([*map(in_python, found)]) == repr([value])


def test_parquet(case, tmp_path):
    """The file has the types of `to_arrow`, and its card has nothing to tell."""
    project, arrow, value = case
    training = job(project)
    training.to_parquet(tmp_path / "x.parquet")

    assert_exit(pq.read_table(tmp_path / "x.parquet"), arrow, value)
    assert [] == project.store("redis://localhost:1").check_training_set(tmp_path / "x.card.json")


def test_table(case):
    """The table's columns, read by DuckDB's own bridge to Arrow."""
    project, arrow, value = case
    job(project).to_table("built")
    with project.connect() as connection:
        found = connection.sql("SELECT own, x FROM built").to_arrow_table()

    assert_exit(found, arrow, value)


def test_dbt_model(case):
    """The model's statement gives the same, and its contract names the types that it gives."""
    project, arrow, value = case
    job(project).to_dbt_model("models/built.sql", overwrite=True)
    folder = project.folder / "models"
    sql = (folder / "built.sql").read_text().partition("-#}")[2].replace("{{ ref('v') }}", "v")
    contract = yaml.safe_load((folder / "built.yml").read_text())["models"][0]["columns"]
    with project.connect() as connection:
        connection.execute(f"CREATE OR REPLACE TABLE made AS {sql}")
        found = connection.sql("SELECT own, x FROM made").to_arrow_table()
        types = dict(
            connection.execute("SELECT column_name, column_type FROM (DESCRIBE made)").fetchall()
        )
        declared = [f'NULL::{entry["data_type"]} AS "{entry["name"]}"' for entry in contract]
        null = connection.sql(f"SELECT {', '.join(declared)}")
        promised = dict(zip(null.columns, map(str, null.types), strict=True))

    assert_exit(found, arrow, value)
    assert types == promised


def test_online(case, redis_server, redis_client):
    """The online store, in Python and in Arrow."""
    project, arrow, value = case
    if not project.views["v"].own.get("online", True):
        pytest.skip("the type cannot be published")
    store = project.store(redis_server)
    store.sync(full=True)
    response = store.get_online_features(["v:x"], {"id": [1, 2]})

    assert repr([value, None]) == repr([*map(in_python, response.to_dict()["x"])])
    assert plain(arrow) == plain(response.to_arrow().schema.field("x").type)
    assert repr([value, None]) == repr([*map(in_python, response.to_arrow()["x"].to_pylist())])
    assert store.verify(sample=None).good


@pytest.mark.parametrize(
    ("kind", "text", "shown"),
    [
        ("HUGEINT", str(10**38), str(10**38)),
        ("HUGEINT", str(-(10**38)), str(-(10**38))),
        ("UHUGEINT", f"'{2**128 - 1}'", str(2**128 - 1)),
        ("HUGEINT[]", f"[1, {10**38}]", f"[1, {10**38}]"),
        ("TIME", "'24:00:00'", "24:00:00"),
        ("TIME[]", "['24:00:00']", "['24:00:00']"),
    ],
)
def test_values_without_a_form_outside_name_their_row(
    kind, text, shown, tmp_path, redis_server, redis_client
):
    """Every exit refuses the value and names its row; so does the statement in a user's hands."""
    view = View("v", {"id": "BIGINT"}, {"x": kind})
    project = SyncProject(tmp_path, view)
    project.execute(f"INSERT INTO v VALUES (7, '2024-02-20', CAST({text} AS {kind}))")
    store = project.store(redis_server)
    spine = "SELECT id, TIMESTAMP '2024-03-01' AS event_timestamp FROM v"
    training = store.get_historical_features(spine, ["v:x"])
    message = f"The value of 'x' is {shown} for id = 7"
    exits = [
        training.to_arrow,
        training.to_df,
        lambda: training.to_parquet(tmp_path / "x.parquet"),
        lambda: training.to_table("built"),
        lambda: store.sync(full=True),
    ]
    for leave in exits:
        with pytest.raises(WarehouseError) as error:
            leave()
        assert message in str(error.value)
    with project.connect() as connection, pytest.raises(duckdb.InvalidInputException) as refused:
        connection.execute(training.to_sql())
    assert message in str(refused.value)


def test_an_older_row_without_a_form_outside_is_in_nobodys_way(
    tmp_path, redis_server, redis_client
):
    """Only the newest row is published, in full and where values are compared."""
    view = View("v", {"id": "BIGINT"}, {"x": "HUGEINT"})
    project = SyncProject(tmp_path, view)
    project.execute(
        f"INSERT INTO v VALUES (7, '2024-02-19', {10**38}), (7, '2024-02-20', 1)",
        "INSERT INTO v VALUES (8, '2024-02-01', 2)",
    )
    store = project.store(redis_server)
    store.sync(full=True)
    project.execute("UPDATE v SET x = 3 WHERE observed_at = '2024-02-20'")

    assert [1] == [view.changed for view in store.sync().views]
    assert [3, 2] == store.get_online_features(["v:x"], {"id": [7, 8]}).to_dict()["x"]


LOSSY = {
    "TIMETZ": ("'12:00:00+05'", "Cast it to time or text"),
    "BIT": ("'10101'", "Cast it to text"),
    "BIGNUM": ("1", "Cast it to decimal or text"),
    "INTERVAL": ("'1 day'", "Cast it to a number, such as its seconds"),
    "TIME_NS": ("'12:00:00.123456789'", "Cast it to time"),
    "GEOMETRY": ("'POINT(1 2)'", "Cast it to text"),
    "VARIANT": ("1", "Cast it to JSON text"),
    "UNION(a INTEGER, b VARCHAR)": ("1", "Cast it to a struct or text"),
    "TIMETZ[]": ("['12:00:00+05']", "Cast it to time or text"),
    "STRUCT(a BIT)": ("{'a': '101'}", "Cast it to text"),
}
"""Types that no exit keeps, and the remedy."""


@pytest.mark.parametrize("kind", LOSSY)
def test_types_that_lose_their_meaning_are_refused(kind, tmp_path, redis_server, redis_client):
    """By `validate`, training sets and the sync alike, as a feature and in the entity rows."""
    text, remedy = LOSSY[kind]
    project = SyncProject(tmp_path, View("v", {"id": "BIGINT"}, {"x": kind, "y": "INTEGER"}))
    project.execute(f"INSERT INTO v VALUES (1, '2024-02-20', CAST({text} AS {kind}), 1)")
    store = project.store(redis_server)
    spine = "SELECT id, TIMESTAMP '2024-03-01' AS event_timestamp FROM v"

    (problem,) = store.validate(lint=False)
    assert "column 'x' is " in problem.message
    assert "loses its meaning outside of the warehouse" in problem.message
    assert remedy in problem.remedy
    for use in (store.sync, lambda: store.get_historical_features(spine, ["v:x"])):
        with pytest.raises(DefinitionProblems, match="loses its meaning"):
            use()
    project.declare(View("v", {"id": "BIGINT"}, {"y": "INTEGER"}))
    with pytest.raises(EntityFrameError, match=r"'x' is .*loses its meaning"):
        project.store(redis_server).get_historical_features(
            "SELECT id, x, TIMESTAMP '2024-03-01' AS event_timestamp FROM v", ["v:y"]
        )


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [
        ("STRUCT(a INTEGER)", "Cast it to JSON text"),
        ("MAP(VARCHAR, INTEGER)", "Cast it to JSON text"),
        ("STRUCT(a INTEGER)[]", "Cast it to JSON text"),
        ("TIMESTAMP_NS", "Cast it to a timestamp of microseconds"),
        ("VARCHAR[2]", "Cast it to a list"),
        ("FLOAT[2][3]", "Cast it to a list, or a list of lists"),
        ("FLOAT[2][]", "Cast it to a list, or a list of lists"),
    ],
)
def test_types_that_only_training_sets_have_are_told_by_validate(kind, remedy, tmp_path):
    """All of them at once, before a sync; a view that is not online may have them."""
    features = {"x": kind, "y": kind}
    project = SyncProject(tmp_path, View("v", {"id": "BIGINT"}, features))
    problems = project.store("redis://localhost:1").validate(lint=False)

    assert ["x", "y"] == [problem.message.split("'")[1] for problem in problems]
    assert all(remedy in problem.remedy for problem in problems)
    assert all("`online: false`" in problem.remedy for problem in problems)
    project.declare(View("v", {"id": "BIGINT"}, features, own={"online": False}))
    assert [] == project.store("redis://localhost:1").validate(lint=False)


def test_json_text_of_a_struct_is_published(tmp_path, redis_server, redis_client):
    """The remedy works: `to_json` in the model, and the same text at both ends."""
    project = SyncProject(tmp_path, View("v", {"id": "BIGINT"}, {"x": "JSON"}))
    project.execute("INSERT INTO v SELECT 1, '2024-02-20', to_json({'a': 1, 'b': [NULL, 2]})")
    store = project.store(redis_server)
    store.sync(full=True)
    (found,) = store.get_online_features(["v:x"], {"id": [1]}).to_dict()["x"]

    assert {"a": 1, "b": [None, 2]} == json.loads(found)
    assert [found] == job(project).to_arrow()["x"].to_pylist()
