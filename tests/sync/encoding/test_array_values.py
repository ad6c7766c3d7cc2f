"""Arrays of a fixed size as features: embeddings, in training, in the sync and online."""

from __future__ import annotations

from datetime import datetime

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featurestore.errors import UnsupportedOnlineType
from tests.support.sync_project import SyncProject, View, assert_parity

EMBEDDING = [index / 7 for index in range(384)]
VIEW = View("v", {"id": "BIGINT"}, {"e": "FLOAT[384]", "n": "INTEGER"})
SMALL = View("v", {"id": "BIGINT"}, {"e": "FLOAT[4]"})
AT = datetime(2024, 2, 29)  # noqa: DTZ001, naive means UTC


@pytest.fixture
def published(tmp_path, redis_server, redis_client):
    """Return a project whose entity 1 has an embedding, and 2 has none."""
    project = SyncProject(tmp_path, VIEW)
    project.insert(VIEW, (1, "2024-02-20", EMBEDDING, 5), (2, "2024-02-20", None, 6))
    project.store(redis_server).sync()
    return project


def test_an_embedding_takes_its_elements_bytes(published, redis_client):
    """4 bytes for each of 384 floats, which numpy reads in one call; NULL takes none."""
    with_one, without = (redis_client.get(f"fs:shop:v:{{{key}}}") for key in (1, 2))
    vector = np.array(EMBEDDING, "<f4")

    assert vector.tobytes() in with_one
    assert 1536 == len(vector.tobytes())
    # The length of 1,536 takes four bytes more than that of nothing.
    assert 1536 + 4 == len(with_one) - len(without)


def test_an_embedding_is_the_same_online_and_offline(published, redis_server):
    """Values, types, frames, and what `verify` compares."""
    store = published.store(redis_server)
    assert_parity(published, redis_server)
    response = store.get_online_features(["v:e"], {"id": [1, 2]})
    values = response.to_arrow()["e"].combine_chunks()

    assert [[float(number) for number in np.array(EMBEDDING, "f4")], None] == response.to_dict()[
        "e"
    ]
    assert pa.list_(pa.float32(), 384) == values.type
    assert np.array_equal(np.array(EMBEDDING, "f4"), values[:1].flatten().to_numpy())
    assert np.array_equal(np.array(EMBEDDING, "f4"), response.to_df()["e"][0])
    assert store.verify(sample=None).good


def test_a_changed_element_is_published(published, redis_server):
    """A restated element, its sign alone, and an array that becomes NULL."""
    store = published.store(redis_server)
    for value in ("[0 FOR x IN e]", "['-0.0'::FLOAT FOR x IN e]", "NULL"):
        published.execute(f"UPDATE v SET e = {value} WHERE id = 1")
        assert [1] == [view.changed for view in store.sync().views]
        assert_parity(published, redis_server)


@pytest.mark.parametrize("first", ["full", "change"])
def test_a_null_element_names_its_key_and_feature(tmp_path, redis_server, redis_client, first):
    """The format has no place for it; the next run after the repair heals."""
    project = SyncProject(tmp_path, SMALL)
    project.insert(SMALL, (1, "2024-02-20", [1, 2, 3, 4]), (7, "2024-02-20", [1, 2, 3, 4]))
    store = project.store(redis_server)
    if first == "change":
        store.sync()
    project.execute("UPDATE v SET e = [1, NULL, 3, 4] WHERE id = 7")

    with pytest.raises(UnsupportedOnlineType, match=r"'e' has a NULL inside of the array of id=7"):
        store.sync()
    project.execute("UPDATE v SET e = NULL WHERE id = 7")
    store.sync()
    assert_parity(project, redis_server)


NESTED = {
    "FLOAT[4]": ("[range, 1, 2, 3]", lambda array: array),
    "FLOAT[4][]": ("[[range, 1, 2, 3]]", lambda array: [array]),
    "STRUCT(a FLOAT[4])": ("{'a': [range, 1, 2, 3]}", lambda array: {"a": array}),
}
"""A column with an array in it, its SQL, and the Python value of an array in it."""


@pytest.mark.parametrize("kind", NESTED)
@pytest.mark.parametrize("strategy", ["asof", "window"])
def test_entities_without_a_row_spoil_no_array(tmp_path, kind, strategy):
    """Unmatched entity rows before, between and after matched ones, from a frame and from SQL."""
    view = View("v", {"id": "INTEGER"}, {"e": kind}, own={"online": False})
    project = SyncProject(tmp_path, view)
    text, shape = NESTED[kind]
    project.execute(
        f"INSERT INTO v SELECT range, '2024-02-01', {text} FROM range(50)",
        f"CREATE TABLE labels AS SELECT * FROM (VALUES (99), (0), (98), (1), (97)) AS t(id),"
        f" (SELECT TIMESTAMP '{AT}' AS event_timestamp)",
    )
    frame = pd.DataFrame({"id": pd.array([99, 0, 98, 1, 97], "Int32"), "event_timestamp": AT})
    store = project.store("redis://localhost:1")
    for spine in (frame, "labels", "SELECT * FROM labels ORDER BY id DESC"):
        job = store.get_historical_features(spine, ["v:e"], strategy=strategy)
        job.to_parquet(tmp_path / "x.parquet")
        for table in (job.to_arrow(), pq.read_table(tmp_path / "x.parquet")):
            found = dict(zip(table["id"].to_pylist(), table["e"].to_pylist(), strict=True))
            wanted = {key: shape([float(key), 1.0, 2.0, 3.0]) for key in (0, 1)}
            assert dict.fromkeys((99, 98, 97)) | wanted == found


def test_entity_columns_of_arrays_pass_an_outer_join(tmp_path):
    """An array in the entity rows stays itself where the views have no row."""
    project = SyncProject(tmp_path, SMALL)
    project.insert(SMALL, (1, "2024-02-20", [1, 2, 3, 4]))
    spine = (
        "SELECT range AS id, [range, 5, 6, 7]::FLOAT[4] AS own, TIMESTAMP '2024-02-29' AS"
        " event_timestamp FROM range(3)"
    )
    table = project.store("redis://localhost:1").get_historical_features(spine, ["v:e"]).to_arrow()

    assert {0: [0, 5, 6, 7], 1: [1, 5, 6, 7], 2: [2, 5, 6, 7]} == dict(
        zip(table["id"].to_pylist(), table["own"].to_pylist(), strict=True)
    )
    assert pa.list_(pa.field("", pa.float32()), 4) == table.schema.field("own").type


def test_the_statement_is_right_in_a_users_own_session(tmp_path):
    """`to_sql` needs no setting of ours."""
    project = SyncProject(tmp_path, SMALL)
    project.execute("INSERT INTO v SELECT range, '2024-02-01', [range, 1, 2, 3] FROM range(50)")
    spine = f"SELECT unnest([99, 0, 98]) AS id, TIMESTAMP '{AT}' AS event_timestamp"
    sql = project.store("redis://localhost:1").get_historical_features(spine, ["v:e"]).to_sql()
    with duckdb.connect(str(project.warehouse)) as connection:
        found = dict(connection.execute(f"SELECT id, e FROM ({sql})").fetchall())

    assert {99: None, 0: (0.0, 1.0, 2.0, 3.0), 98: None} == found
