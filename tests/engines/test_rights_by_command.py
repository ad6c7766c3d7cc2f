"""The GRANT statements of the page: each group is what its commands need, on a real server."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from featurestore.errors import FeatureStoreError, WarehouseUnavailable
from tests.engines import projects
from tests.engines.postgres_engine import Postgres

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "connect-a-warehouse.md"
FRAME = pa.table({"tailnum": ["N1"], "event_timestamp": pa.array([projects.at(10)])})
QUERY = "SELECT 'N1' AS tailnum, TIMESTAMP '2024-03-10' AS event_timestamp"


def groups():
    """Return the statements of the page by the commands that they are for."""
    block = PAGE.read_text(encoding="utf-8").split("## Rights")[1].split("```sql\n")[1]
    parts = block.split("```")[0].split("-- ")[1:]
    titles = (part.partition("\n") for part in parts)
    return {title: text.strip().splitlines() for title, _, text in titles}


def job(store, spine):
    return store.get_historical_features(spine, ["plane_features:delay"])


def validated(store):
    """Validate, and raise what keeps it from reading a table."""
    problems = store.validate()
    if problems:
        raise FeatureStoreError(str(problems[0]))


COMMANDS = {
    "validate": lambda store, _: validated(store),
    "why": lambda store, _: store.why("plane_features:delay", {"tailnum": "N1"}, projects.at(10)),
    "sync": lambda store, _: store.sync(),
    "status": lambda store, _: store.status(),
    "verify": lambda store, _: store.verify(),
    "purge": lambda store, _: store.purge(),
    "train from SQL": lambda store, _: job(store, QUERY).to_arrow(),
    "train from a data frame": lambda store, _: job(store, FRAME).to_arrow(),
    "train -o": lambda store, folder: job(store, QUERY).to_parquet(folder / "out.parquet"),
    "to_table": lambda store, _: job(store, QUERY).to_table("features.made"),
}


@pytest.fixture(scope="module")
def engine():
    """Return a server whose tables a role `dbt` built, and a role without any right."""
    engine = Postgres()
    home = projects.postgres_home(engine)
    for statement in (
        "CREATE ROLE dbt",
        "CREATE ROLE reader LOGIN PASSWORD 'secret'",
        "REVOKE ALL ON DATABASE shop FROM PUBLIC",
        "CREATE SCHEMA features AUTHORIZATION dbt",
        *(f"ALTER TABLE {name} SET SCHEMA features" for name in projects.TABLES),
        *(f"ALTER TABLE features.{name} OWNER TO dbt" for name in projects.TABLES),
    ):
        engine.connection.execute(statement)
    yield engine, home
    engine.close()


def test_each_group_of_grants_is_what_its_commands_need(
    engine, redis_server, redis_client, tmp_path, monkeypatch
):
    """Before its group a command names a right that it lacks; after it, it works, and so on."""
    server, home = engine
    own = {"user": "reader", "password": "secret", "schema": "features"}
    home = replace(home, relation='"shop"."features"."{}"', target={**home.target, **own})
    monkeypatch.setenv("FEATURESTORE_REDIS_URL", redis_server)
    store = projects.write_project(tmp_path / "project", home)
    listed = groups()
    names = {title: title.split(", ") for title in listed}
    assert list(COMMANDS) == list(itertools.chain.from_iterable(names.values()))

    first = next(iter(listed.values()))
    missing = {first[0]: "lacks USAGE on the schema features", first[1]: "lacks SELECT on "}
    for title, statements in listed.items():
        for name in names[title]:
            # A purge needs the connection alone.
            lacks = WarehouseUnavailable if title == next(iter(listed)) else FeatureStoreError
            with pytest.raises(lacks, match="permission denied"):
                COMMANDS[name](store, tmp_path)
        for statement in statements:
            server.connection.execute(statement)
            if statement in missing:
                with pytest.raises(FeatureStoreError) as refused:
                    store.sync()
                assert missing[statement] in str(refused.value)
                assert "GRANT " in str(refused.value)
                assert 1 == refused.value.exit_code
        for name in names[title]:
            COMMANDS[name](store, tmp_path)
    # A build creates each table again, and the next sync reads it.
    server.connection.execute(
        "SET ROLE dbt; DROP TABLE features.route_features;"
        " CREATE TABLE features.route_features AS"
        " SELECT 'A' AS src, 1::bigint AS number, date '2024-03-05' AS day, 11::bigint AS miles;"
        " RESET ROLE"
    )
    assert {} == store.sync().failed
    (found,) = store.get_online_features(
        ["route_features:miles"], {"src": ["A"], "number": [1]}
    ).values["miles"]
    assert 11 == found
