"""A role without a right: the message names the right and how to grant it, in one line."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from featurestore.errors import MissingRight, WarehouseError, WarehouseUnavailable
from tests.engines import projects
from tests.engines.postgres_engine import Postgres
from tests.engines.spark_engine import Spark

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]
FRAME = pa.table({"tailnum": ["N1"], "event_timestamp": pa.array([projects.at(10)])})
QUERY = "SELECT 'N1' AS tailnum, TIMESTAMP '2024-03-10' AS event_timestamp"
DELAY = ["plane_features:delay"]
PASSWORD = "e"
"""It is a part of most words that a server says."""


@pytest.fixture(scope="module")
def engine():
    """Return a server with a role that may connect, and nothing more."""
    engine = Postgres()
    for statement in (
        f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'",
        "REVOKE ALL ON DATABASE shop FROM PUBLIC",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "GRANT CONNECT ON DATABASE shop TO reader",
    ):
        engine.connection.execute(statement)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def home(engine):
    """Return where the tables are, for the role."""
    home = projects.postgres_home(engine)
    own = {"user": "reader", "password": PASSWORD, "schema": "training sets"}
    return replace(home, target={**home.target, **own})


@pytest.fixture(scope="module")
def store(home, tmp_path_factory):
    """Return the project as the role sees it."""
    return projects.write_project(tmp_path_factory.mktemp("reader") / "project", home)


def test_each_missing_right_of_postgres_is_named_with_its_remedy(engine, store, tmp_path):
    """One after another, as an administrator would grant them."""

    def refused(action, right):
        with pytest.raises(MissingRight) as found:
            action()
        text = str(found.value)
        assert "The role 'reader' lacks " in text
        assert "permission denied" in text
        assert right in text
        assert "***" not in text
        assert len(text.splitlines()) == 1
        assert found.value.exit_code == 1
        return found.value.remedy

    def job(spine):
        return store.get_historical_features(spine, DELAY)

    steps = (
        (lambda: job(QUERY).to_arrow(), "USAGE on the schema public"),
        (lambda: job(QUERY).to_arrow(), "SELECT on plane_features"),
        (lambda: job(FRAME).to_arrow(), "TEMPORARY on the database shop"),
        (lambda: job(QUERY).to_table("public.made"), "CREATE on the schema public"),
    )
    for action, right in steps:
        grant = refused(action, right).partition(";")[0].partition(". ")[0].rstrip(".")
        engine.connection.execute(grant)
    job(QUERY).to_table("public.made")
    remedy = refused(lambda: job(QUERY).to_table('"training sets".made'), "on the schema")
    assert 'GRANT USAGE ON SCHEMA "training sets" TO reader.' == remedy


def test_a_password_of_one_letter_leaves_the_words_whole(store):
    """The reason is the server's own, also behind a statement of several lines."""
    with store.warehouse() as warehouse, pytest.raises(WarehouseError) as found:
        warehouse.execute("CREATE TEMPORARY TABLE x AS\nSELECT no_such_column")
    assert 'column "no_such_column" does not exist' in str(found.value)


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"dbname": "none"}, "The server runs and refuses the connection"),
        ({"port": 1}, "Is it running"),
    ],
)
def test_the_remedy_of_a_failed_connection_fits_its_cause(home, tmp_path, change, remedy):
    """To start a server that has refused the login would not help."""
    home = replace(home, target={**home.target, **change})
    with pytest.raises(WarehouseUnavailable, match=remedy) as found:
        projects.write_project(tmp_path / "project", home).validate()
    assert "***" not in str(found.value)


def test_spark_prints_no_java_before_the_message(tmp_path, capfd):
    """PySpark logs each refused statement with Java's stack."""
    engine = Spark()
    try:
        home = projects.spark_home(engine, tmp_path / "tables")
        store = projects.write_project(tmp_path / "project", home)
        capfd.readouterr()
        with store.warehouse() as warehouse, pytest.raises(WarehouseError, match="no_such_column"):
            warehouse.stream("SELECT no_such_column FROM training.labels")
        printed = capfd.readouterr()
    finally:
        engine.close()
    assert "java" not in printed.err
    assert "SQLQueryContextLogger" not in printed.err + printed.out
