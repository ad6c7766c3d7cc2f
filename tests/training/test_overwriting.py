"""A training set replaces neither its inputs nor what featurestore did not write."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from featurestore.cli.app import app
from featurestore.errors import PlanError
from tests.support.builders import PLANES, ROW, Table, model, tiny_project

LABELS = Table(
    {"tailnum": "varchar", "event_timestamp": "timestamp", "note": "varchar"},
    [("N1", "2024-03-01", "precious"), ("N2", "2024-03-01", "precious")],
)


@pytest.fixture
def store(tmp_path):
    """Return a store with a view, and a hand-made table of labels that dbt does not know."""
    return tiny_project(tmp_path, [model()], {"plane_features": PLANES, "labels": LABELS})


def labels(store):
    """Return the rows of the table of labels."""
    with duckdb.connect(str(store.project.folder / "warehouse.duckdb")) as connection:
        return connection.sql("FROM main.labels ORDER BY ALL").fetchall()


def train(store, entity_df=ROW):
    """Return the job of a training set."""
    return store.get_historical_features(entity_df, "plane_features:delay")


@pytest.mark.parametrize("name", ["labels", "LABELS", "main.labels", '"warehouse"."main"."Labels"'])
@pytest.mark.parametrize(
    "query",
    [
        "SELECT tailnum, event_timestamp FROM labels WHERE tailnum = 'N1'",
        "SELECT * EXCLUDE note FROM (plane_features p JOIN warehouse.main.labels USING (tailnum))",
        "WITH labels AS (SELECT * FROM labels) SELECT * FROM labels",
        f"{ROW} WHERE EXISTS (SELECT * FROM Labels TABLESAMPLE 50%)",
    ],
)
def test_a_table_that_the_query_reads_is_not_replaced(store, name, query):
    """The labels stay, in any spelling and at any depth, and with `overwrite` too."""
    before = labels(store)
    job = train(store, query.replace("* EXCLUDE note", "tailnum, event_timestamp"))

    with pytest.raises(PlanError, match="read by the query of the entity rows"):
        job.to_table(name, overwrite=True)
    assert before == labels(store)


def test_a_table_of_another_hand_is_not_replaced(store):
    """A table without a card is replaced with `overwrite` only; then it has one."""
    before = labels(store)
    with pytest.raises(PlanError, match=r"'labels' exists, and featurestore did not write it"):
        train(store).to_table("labels")
    assert before == labels(store)

    assert [1, 1] == [
        train(store).to_table("labels", overwrite=True),
        train(store).to_table("labels"),
    ]


def test_a_card_of_an_older_table_does_not_count(store):
    """A card whose table was dropped says nothing of a hand-made table of the same name."""
    train(store).to_table("training")
    with duckdb.connect(str(store.project.folder / "warehouse.duckdb")) as connection:
        connection.execute("CREATE OR REPLACE TABLE training AS FROM labels")

    with pytest.raises(PlanError, match="no card lists its columns"):
        train(store).to_table("training")


def test_a_new_name_of_a_variable_is_free(store):
    """DuckDB takes a name for a table, though the Python code has variables of these names."""
    assert [1, 1] == [train(store).to_table(name) for name in ("json", "source")]


def test_a_file_of_another_hand_is_not_replaced(store, tmp_path):
    """A file without a card is replaced with `overwrite` only, and so is another file's card."""
    path, card = tmp_path / "set.parquet", tmp_path / "other.card.json"
    pq.write_table(pa.table({"precious": [1]}), path)
    card.write_text("{}")

    with pytest.raises(PlanError, match=r"set\.parquet exists, and featurestore did not write it"):
        train(store).to_parquet(path)
    with pytest.raises(PlanError, match=r"other\.card\.json exists, and featurestore did not"):
        train(store).to_parquet(tmp_path / "other.parquet")
    assert ["precious"] == pq.read_schema(path).names
    assert "{}" == card.read_text()

    assert [1, 1] == [train(store).to_parquet(path, overwrite=True), train(store).to_parquet(path)]


@pytest.mark.parametrize("written", ["'{}'", '"{}"', "read_parquet('{}')", "read_parquet(['{}'])"])
@pytest.mark.parametrize("pattern", ["rows.parquet", "r*.parquet"])
def test_a_file_that_the_query_reads_is_not_replaced(store, tmp_path, written, pattern):
    """A file of entity rows stays, also where `overwrite` is given or the file has a card."""
    path = tmp_path / "rows.parquet"
    train(store).to_parquet(path)
    before = path.read_bytes()
    rows = f"SELECT * EXCLUDE delay FROM {written.format(tmp_path / pattern)}"

    with pytest.raises(PlanError, match="is read by the query of the entity rows"):
        train(store, rows).to_parquet(path, overwrite=True)
    assert before == path.read_bytes()


def test_a_file_of_entity_rows_is_not_replaced(store, tmp_path):
    """The path of a file counts as its query does; a star elsewhere does not match the file."""
    path = tmp_path / "rows.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({ROW}) TO '{path}' (FORMAT parquet)")

    with pytest.raises(PlanError, match="is read by the query of the entity rows"):
        train(store, path).to_parquet(path, overwrite=True)
    star = ROW.replace("AS tailnum", "AS tailnum, '*' AS star")
    assert 1 == train(store, star).to_parquet(tmp_path / "new.parquet")


def test_the_command_needs_a_flag(store, tmp_path):
    """`train` refuses both, with exit code 1 and the flag in the message."""
    path = tmp_path / "set.parquet"
    path.write_bytes(b"precious")
    options = ["train", ROW, "-f", "plane_features:delay", "--project-dir", str(tmp_path)]
    for output in (["-o", str(path)], ["--table", "labels"]):
        refused = CliRunner().invoke(app, [*options, *output])
        assert (1, True) == (refused.exit_code, "--overwrite" in refused.output)
        assert 0 == CliRunner().invoke(app, [*options, *output, "--overwrite"]).exit_code

    assert "delay" in pq.read_schema(path).names
