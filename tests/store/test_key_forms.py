"""One rule for join keys: history and the online store treat each form of a value alike."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from featurestore.errors import EntityFrameError, PlanError
from featurestore.online.keys import entity_key, row_prefix
from tests.support.sync_project import NOW, SyncProject, View, day, rows_in_redis

TEXT = "7d5e1b5c-6a1c-4f3c-9e1e-00000000000a"
PLUS_ONE = dt.timezone(dt.timedelta(hours=1))
NOON = dt.datetime(2024, 2, 29, 12, 0, 0, 500_000)  # noqa: DTZ001, naive means UTC
MICROS = "1709208000500000"
WIDE = 9_007_199_254_740_993
"""The first integer that a double cannot hold."""
INSTANTS = (
    NOON,
    NOON.replace(tzinfo=dt.UTC),
    NOON.replace(hour=13, tzinfo=PLUS_ONE),
    "2024-02-29 12:00:00.5",
    "2024-02-29T13:00:00.500+01:00",
    pd.Timestamp(NOON),
    pd.Timestamp(NOON, tz="UTC"),
    np.datetime64("2024-02-29T12:00:00.5"),
    np.datetime64("2024-02-29T12:00:00.5", "ns"),
)
NO_INSTANTS = (
    "now",
    "2024-02-29 12:00:00.500000001",
    pd.Timestamp("2024-02-29 12:00:00.500000001"),
    np.datetime64("2024-02-29T12:00:00.500000001"),
    dt.date(2024, 2, 29),
    1_709_208_000,
    True,
)


@dataclass(frozen=True)
class Key:
    """A key's type, a stored value, and the forms that mean it, mean nothing, or are refused."""

    sql: str
    stored: str
    other: str
    text: str
    accepted: tuple[Any, ...]
    refused: tuple[Any, ...]
    unknown: tuple[Any, ...] = ()


KEYS = [
    Key(
        "BIGINT",
        "7",
        "8",
        "7",
        (7, np.int64(7), np.uint8(7), Decimal(7), Decimal("7.00")),
        ("7", 7.0, np.float64(7), True, np.bool_(True), b"7", dt.date(2024, 2, 29)),
        (Decimal("7.5"), 9),
    ),
    Key("SMALLINT", "7", "8", "7", (7, np.int64(7), Decimal(7)), ("7", 7.0, True), (70_000,)),
    Key("UBIGINT", str(WIDE), "8", str(WIDE), (WIDE, np.uint64(WIDE)), ("7", 7.0, True), (-1,)),
    Key(
        "DECIMAL(38,0)",
        str(WIDE),
        str(WIDE - 1),
        str(WIDE),
        (WIDE, np.int64(WIDE), Decimal(WIDE), Decimal(f"{WIDE}.00")),
        (str(WIDE), float(WIDE), True, np.bool_(True)),
        (Decimal(f"{WIDE}.5"), WIDE + 1),
    ),
    Key(
        "HUGEINT",
        str(WIDE),
        str(WIDE - 1),
        str(WIDE),
        (WIDE, np.int64(WIDE), Decimal(WIDE)),
        (str(WIDE), float(WIDE), True),
        (Decimal(f"{WIDE}.5"), WIDE + 1),
    ),
    Key(
        "DECIMAL(10,2)",
        "1.50",
        "1.51",
        "1.5",
        (Decimal("1.5"), Decimal("1.500"), "1.50", "1.5"),
        (1.5, np.float64(1.5), "x", "inf", True),
        (Decimal("1.505"), "1.505", 1, np.int32(1)),
    ),
    Key("DECIMAL(10,2)", "2.00", "1", "2", (2, np.int64(2), Decimal(2), "2"), (2.0,)),
    Key("VARCHAR", "'N1'", "'n1'", "N1", ("N1", np.str_("N1")), (7, b"N1", True), ("N1 ",)),
    Key("BOOLEAN", "true", "false", "true", (True, np.bool_(True), "true"), (1, "yes", 1.0)),
    Key(
        "DATE",
        "'2024-02-29'",
        "'2024-02-28'",
        "2024-02-29",
        (dt.date(2024, 2, 29), "2024-02-29", np.datetime64("2024-02-29")),
        ("29.02.2024", NOON, 20_240_229, np.datetime64("2024-02-29T00:00:00"), True),
    ),
    Key("TIMESTAMP", f"'{NOON}'", "'2024-02-29'", MICROS, INSTANTS, NO_INSTANTS),
    Key("TIMESTAMPTZ", f"'{NOON}+00'", "'2024-02-29'", MICROS, INSTANTS, NO_INSTANTS),
    Key(
        "UUID",
        f"'{TEXT}'",
        "'7d5e1b5c-6a1c-4f3c-9e1e-00000000000b'",
        TEXT,
        (UUID(TEXT), TEXT, TEXT.upper(), TEXT.replace("-", ""), np.str_(TEXT)),
        ("7d5e", 7, b"7d5e", True),
        ("7d5e1b5c-6a1c-4f3c-9e1e-00000000000c",),
    ),
]


@pytest.fixture(params=KEYS, ids=lambda key: f"{key.sql} {key.stored}")
def key(request):
    """Return one row of the table."""
    return request.param


@pytest.fixture
def store(key, tmp_path, redis_server, redis_client):
    """Return a store whose view holds 1.0 at the key's value and 2.0 at another one."""
    view = View("v", {"id": key.sql}, {"x": "DOUBLE"})
    project = SyncProject(tmp_path, view)
    project.execute(
        f"INSERT INTO v VALUES ({key.stored}, TIMESTAMP '2024-02-20', 1),"
        f" ({key.other}, TIMESTAMP '2024-02-20', 2)"
    )
    made = project.store(redis_server)
    made.sync()
    return made


def online(store, value):
    """Return what an online read finds."""
    return store.get_online_features(["v:x"], [{"id": value}]).to_dict()["x"]


def offline(store, value):
    """Return what a training set finds, and check that the frame's column passes untouched."""
    frame = pa.table({"id": column_of(value), "event_timestamp": [NOW]})
    found = store.get_historical_features(frame, ["v:x"]).to_arrow()
    assert ["id", "event_timestamp", "x"] == found.column_names
    assert not isinstance(value, str) or [value] == found["id"].to_pylist()
    return found["x"].to_pylist()


def column_of(value):
    """Return an Arrow column of one value, without losing nanoseconds or the type of a date."""
    if isinstance(value, pd.Timestamp):
        return pa.array(pd.Series([value]))
    if isinstance(value, np.datetime64) and value.dtype == "datetime64[D]":
        return pa.array([value.item()])
    return pa.array([value])


def test_all_accepted_forms_find_the_row(key, store, redis_server):
    """The key in Redis has one text, and each form finds its row on both paths."""
    assert entity_key(row_prefix("shop", "v"), [key.text]) in rows_in_redis(redis_server, "shop")
    for value in key.accepted:
        assert ([1.0], [1.0]) == (online(store, value), offline(store, value)), repr(value)


def test_values_that_no_row_has_find_nothing(key, store):
    """A value with digits that the type lacks is not another entity's, and NULL matches nothing."""
    for value in (*key.unknown, None):
        assert ([None], [None]) == (online(store, value), offline(store, value)), repr(value)


def test_other_forms_are_refused_on_both_paths(key, store):
    """A float may have lost digits, a boolean is not an integer, and a text is never guessed at."""
    for value in key.refused:
        for read in (online, offline):
            with pytest.raises(EntityFrameError, match=r"join key '?id'?") as error:
                read(store, value)
            assert "\n" not in str(error.value)


def test_pandas_frames_follow_the_same_rule(key, store):
    """Columns of objects, texts and pandas' own types find the row too."""
    for value in key.accepted:
        if isinstance(value, np.datetime64) and key.sql == "DATE":
            continue  # pandas has no dates of its own, only timestamps
        frame = pd.DataFrame({"id": [value], "event_timestamp": [NOW.replace(tzinfo=None)]})
        found = store.get_historical_features(frame, ["v:x"]).to_arrow()
        assert [1.0] == found["x"].to_pylist(), repr(value)


def test_why_follows_the_same_rule(key, store):
    """The explanation of a value takes the key in every form that a training set takes."""
    for value in key.accepted:
        verdicts = store.why("v:x", {"id": value}, NOW).to_pylist()
        assert [(1.0, "chosen")] == [(row["value"], row["verdict"]) for row in verdicts], value


def test_the_counts_follow_the_same_rule(key, store):
    """Every accepted form is looked up, and only NULL counts as a missing key."""
    for value, expected in ((key.accepted[-1], (1, 0)), (key.accepted[0], (1, 0)), (None, (0, 1))):
        frame = pa.table({"id": column_of(value), "event_timestamp": [NOW]})
        (report,) = store.get_historical_features(frame, ["v:x"]).explain()
        assert expected == (report.matched, report.null_keys), repr(value)


@pytest.mark.parametrize("spelled", [TEXT, TEXT.upper(), TEXT.replace("-", "")])
def test_uuids_as_text_in_sql_and_files(tmp_path, redis_server, spelled):
    """A query or a CSV file has uuids as text; they are compared as uuids and stay as written."""
    view = View("v", {"id": "UUID"}, {"x": "DOUBLE"})
    project = SyncProject(tmp_path / "p", view)
    project.insert(view, (TEXT, day(2), 1.0))
    store = project.store(redis_server)
    file = tmp_path / "rows.csv"
    file.write_text(f"id,event_timestamp\n{spelled},2024-03-01 00:00:00\n")
    query = f"SELECT '{spelled}' AS id, TIMESTAMP '2024-03-01' AS event_timestamp"

    for rows in (file, query):
        job = store.get_historical_features(rows, ["v:x"])
        found = job.to_arrow().to_pylist()
        assert [(spelled, 1.0)] == [(row["id"], row["x"]) for row in found]
        assert 1 == job.explain()[0].matched


@pytest.mark.parametrize("as_query", [True, False])
def test_the_name_of_a_parsed_key_is_refused(tmp_path, redis_server, as_query):
    """The statement needs that name for the key's values in their type."""
    view = View("v", {"id": "UUID"}, {"x": "DOUBLE"})
    store = SyncProject(tmp_path, view).store(redis_server)
    rows = pa.table({"id": [TEXT], "_uuid_id": [1], "event_timestamp": [NOW]})
    query = f"SELECT '{TEXT}' AS id, 1 AS _uuid_id, TIMESTAMP '2024-03-01' AS event_timestamp"

    with pytest.raises(PlanError, match="has a column '_uuid_id'"):
        store.get_historical_features(query if as_query else rows, ["v:x"])


def test_a_card_of_text_keys_can_be_checked(tmp_path, redis_server):
    """The entity rows that are read back from the training set are compared as the frame's were."""
    view = View("v", {"on_day": "DATE"}, {"x": "DOUBLE"})
    project = SyncProject(tmp_path, view)
    project.insert(view, ("2024-02-29", day(2), 1.0))
    store = project.store(redis_server)
    frame = pd.DataFrame({"on_day": ["2024-02-29"], "event_timestamp": [day(0)]})

    job = store.get_historical_features(frame, ["v:x"])
    job.to_parquet(tmp_path / "t.parquet")
    job.to_table("t")

    for card in ("t.card.json", "target/featurestore/t.card.json"):
        assert [] == store.check_training_set(tmp_path / card)


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("INTEGER[]", "array<int32>"),
        ("STRUCT(a INTEGER)", "STRUCT(a INTEGER)"),
        ("MAP(VARCHAR, INTEGER)", "MAP(VARCHAR, INTEGER)"),
        ("INTEGER[2]", "int32[2]"),
        ("JSON", "json"),
        ("DOUBLE", "float64"),
    ],
)
def test_nested_keys_are_one_problem_of_the_definition(tmp_path, redis_server, kind, shown):
    """An ASOF join matches no list and no struct, so validate, training and sync refuse them."""
    view = View("v", {"part": kind, "id": "BIGINT"}, {"x": "DOUBLE"})
    store = SyncProject(tmp_path, view).store(redis_server)

    (problem,) = store.validate()

    assert f"the join key 'part' is {shown}, which cannot identify an entity." == problem.message
    for use in (
        lambda: store.get_historical_features(
            pa.table({"part": [1], "id": [1], "event_timestamp": [NOW]}), ["v:x"]
        ),
        store.sync,
    ):
        with pytest.raises(Exception, match="the join key 'part'"):
            use()
