"""The macros on Postgres and Spark, through dbt's own adapters, in sessions far from UTC."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

from tests.engines.base import driver
from tests.engines.postgres_engine import Postgres
from tests.engines.spark_engine import Spark
from tests.macros.macro_project import expected
from tests.macros.macro_project.rendering import Macros

pytestmark = [
    pytest.mark.engines,
    pytest.mark.proves("macros", by="engine"),
    # Drivers warn about themselves.
    pytest.mark.filterwarnings("default"),
]
ROOT = Path(__file__).parents[2]


class OnPostgres(Postgres):
    """A server with the raw table, and how dbt gets there."""

    def __init__(self):
        super().__init__()
        self.relation = self.create("events", expected.EVENT_TYPES, expected.events())
        info = self.connection.info
        self.output = {
            "type": "postgres",
            "host": info.host,
            "port": info.port,
            "user": info.user,
            "password": "postgres",
            "dbname": info.dbname,
            "schema": "public",
            "threads": 1,
        }


class OnSpark(Spark):
    """The session of this process, which dbt then uses as well, with the raw table."""

    relation = "macros.events"
    output: ClassVar = {
        "type": "spark",
        "method": "session",
        "host": "NA",
        "schema": "macros",
        "threads": 1,
    }

    def __init__(self, folder):
        self.session = (
            driver("pyspark.sql")
            .SparkSession.builder.config("spark.sql.warehouse.dir", str(folder / "warehouse"))
            .getOrCreate()
        )
        self.session.stop()
        super().__init__()
        # With a place of its own: a session that is there already keeps the warehouse it has.
        self.session.sql(f"create database if not exists macros location '{folder / 'macros'}'")
        view = self.create("event_rows", expected.EVENT_TYPES, expected.events())
        self.session.sql(f"create table macros.events using parquet as select * from {view}")
        self.session.sql("use macros")


def _project(folder, output):
    """Copy the project with the package in it, and with a profile of one target."""
    shutil.copytree(
        ROOT / "tests" / "macros" / "macro_project",
        folder,
        ignore=shutil.ignore_patterns("*.py", "__pycache__"),
    )
    profile = {"macro_project": {"target": "dev", "outputs": {"dev": output}}}
    (folder / "profiles.yml").write_text(yaml.safe_dump(profile), encoding="utf-8")
    (folder / "packages.yml").write_text(f"packages:\n  - local: {ROOT}\n", encoding="utf-8")


def _dbt(folder, *arguments):
    # In this process: a session of Spark lives in one.
    runner = driver("dbt.cli.main").dbtRunner()
    here = Path.cwd()
    os.chdir(folder)
    try:
        result = runner.invoke([*arguments, "--profiles-dir", str(folder), "--quiet"])
    finally:
        os.chdir(here)
    assert not result.exception, result.exception
    return result


def _build(folder):
    result = _dbt(folder, "build", "--exclude", "tag:careless")
    assert result.success, [f"{run.node.name}: {run.message}" for run in result.result]
    _dbt(folder, "build", "--select", "tag:careless")
    return expected.verdicts(folder)


@pytest.fixture(scope="module", params=["postgres", "spark"])
def engine(request, tmp_path_factory):
    """Build the project on an engine; return the engine."""
    driver("dbt.cli.main")
    driver(f"dbt.adapters.{request.param}")
    folder = tmp_path_factory.mktemp("macros")
    started = OnPostgres() if request.param == "postgres" else OnSpark(folder)
    try:
        _project(folder / "project", started.output)
        _dbt(folder / "project", "deps")
        started.verdicts = _build(folder / "project")
        yield started
    finally:
        started.close()


@pytest.mark.parametrize("model", expected.MODELS, ids=lambda model: model.__name__)
def test_a_model_holds_what_plain_loops_find(engine, model):
    """Ties, several entities, microseconds, missing keys: the same rows as on DuckDB."""
    rows = expected.same(model(expected.events()))

    assert rows == expected.same(engine.rows(f"select * from {model.__name__}"))


def test_the_newest_row_is_the_row_that_a_sync_publishes(engine):
    """Told the features of a view in the view's order, the macro decides ties as Python does."""
    newest = engine.rows("select * from newest")

    assert expected.same(newest) == expected.same(
        engine.rows(expected.published(engine.dialect, engine.relation))
    )


def test_the_reserved_words_are_all_of_postgres(engine):
    """The words that PostgreSQL refuses as a bare column's name get quotes."""
    if engine.dialect != "postgres":
        return
    query = "select word from pg_get_keywords() where catcode in ('R', 'T')"

    assert {row["word"] for row in engine.rows(query)} <= set(
        Macros(engine.dialect).call("_reserved_words")
    )


def test_generic_tests_count_what_breaks_the_rule(engine):
    """Each test passes or fails by its rule alone, on the border as well, and counts its rows."""
    found, wanted = engine.verdicts

    assert len(found) >= 15
    assert wanted == found
