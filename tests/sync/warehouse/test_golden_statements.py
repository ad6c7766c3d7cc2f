"""The sync's statements on engines that no test can run, as reviewed text that parses there.

Refresh them with `UPDATE_GOLDEN=1 pytest tests/sync/warehouse/test_golden_statements.py`, and read
the difference.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
import sqlglot

from featurestore.errors import SyncLocked, WarehouseError
from featurestore.online.schema import Schema
from featurestore.sql.dialects import RECORDS, grammar
from featurestore.values.dbt_profile import Profile
from featurestore.warehouse import connect
from featurestore.warehouse.abilities import Claim
from featurestore.warehouse.bigquery import BigQueryWarehouse
from featurestore.warehouse.bigquery_literals import value_lists
from featurestore.warehouse.claims import TakenClaim
from featurestore.warehouse.snowflake import SnowflakeWarehouse
from sync.warehouse.change_detection import ChangeQueries
from sync.warehouse.ledger import Ledger
from sync.warehouse.publication import Publication
from tests.engines.shops import NOW, BigQueryHome, Shop, ago, assert_law, counts
from tests.engines.sync_views import OWNERS, PLANES, WEATHER, owner, plane
from tests.sql.golden_files import golden_text
from tests.support.bigquery_on_duckdb import Driver
from tests.support.builders import PROJECT, model, registry

COLUMNS = {
    "tailnum": "varchar",
    "observed_at": "timestamptz",
    "written_at": "timestamp",
    "delay": "double",
    "seats": "integer",
    "weights": "double[]",
}
DECLARED = {
    "event_timestamp": "observed_at",
    "created_timestamp": "written_at",
    "ttl": "30 days",
    "available_after": "1 hour",
}
ENGINES = {"bigquery": BigQueryWarehouse, "snowflake": SnowflakeWarehouse}
RANDOM = re.compile(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{16}\b|(?<=_)[0-9a-f]{32}\b|(?<=_)[0-9a-f]{16}\b")


def publication(dialect, **changed):
    """Return a view as it is published."""
    view = registry(model("plane_features", COLUMNS, **DECLARED)).checked().view("plane_features")
    schema = Schema((("tailnum", "string"),), (("delay", "double"),))
    return Publication(view, NOW, schema, tuple(COLUMNS.items()), dialect, **changed)


def assert_golden(case, dialect, statements):
    """Check that statements parse in their dialect and equal the reviewed text."""
    for statement in statements.values():
        assert sqlglot.parse(statement, dialect=grammar(dialect)), statement
    text = "".join(f"-- {title}\n{text};\n\n" for title, text in statements.items())
    assert text == golden_text(case, dialect, text)


@pytest.mark.parametrize("dialect", RECORDS)
def test_the_newest_rows_as_they_leave_the_warehouse(dialect):
    """With its ledger beside the job, a sync reads nothing else; expired rows stay for a day."""
    week_ago = NOW - timedelta(days=7)
    assert_golden(
        "sync_newest_rows",
        dialect,
        {
            "all entities": publication(dialect).latest,
            "entities with an event since a week ago": publication(
                dialect, since=week_ago
            ).latest_since,
            "entities of any age": publication(dialect).known,
        },
    )


@pytest.mark.parametrize(("dialect", "engine"), ENGINES.items(), ids=ENGINES)
def test_the_changes_and_the_claim(dialect, engine):
    """The statements that only a ledger in the warehouse has."""
    # The words of the engine need no connection.
    found = ChangeQueries(publication(dialect), engine.__new__(engine))
    claim = TakenClaim(Claim("ledger", "shop", "ledgers._featurestore_claims"), dialect, run="r1")
    holder = re.compile(r"process \d+ on [^']+")
    assert_golden(
        "sync_ledger",
        dialect,
        {
            "changes": found.difference("SELECT * FROM newest", "published_rows"),
            "lapses": found.lapsed_entities("changes"),
            "lapses told apart": found.settled("changes", "SELECT * FROM known_rows"),
            "merge": found.merge("changes", "published_rows"),
            "take the claim": holder.sub("process 1 on etl-1", claim.taking),
            "keep the claim": claim.keeping,
            "check the claim": f"SELECT {claim.is_own} AS own",
            "read the holder": claim.holders,
            "hash of all rows": f"SELECT {_hash(engine)} FROM newest",
        },
    )


def _hash(engine):
    return engine.content_hash(engine.__new__(engine), dict.fromkeys(("tailnum", "delay")))


@pytest.fixture
def home(monkeypatch):
    """Return a project of BigQuery on DuckDB, with its ledger in a dataset of its own."""
    driver = Driver()
    driver.install(monkeypatch)
    return BigQueryHome(driver, inside=True)


def test_every_statement_of_a_sync_on_bigquery(home, tmp_path, redis_server, redis_client):
    """From the first run to a removal, and each of them published what it should."""
    shop = Shop(tmp_path / "project", home, PLANES, OWNERS, WEATHER)
    shop.build(PLANES, *(plane(f"N{n}", ago(5)) for n in range(3)), plane("N9", ago(29.5)))
    shop.build(OWNERS, owner(1, ago(9), None, "Ann"), owner(2, ago(9), ago(-0.5), "ends today"))
    shop.build(WEATHER, WEATHER.row(date(2024, 3, 30), 1.0, True))
    store = shop.store(redis_server)
    home.driver.said.clear()
    first = store.sync()
    assert {"plane_status": (4, 0), "owners": (2, 0), "weather": (1, 0)} == counts(first)

    shop.build(PLANES, plane("N0", ago(5), seats=3), plane("N1", ago(5)), plane("N3", ago(1)))
    shop.build(WEATHER)
    later = NOW + timedelta(hours=18)
    second = shop.store(redis_server, later).sync()
    assert {"plane_status": (2, 2), "owners": (0, 0), "weather": (0, 1)} == counts(second)
    assert {"plane_status": (3, 0), "owners": (2, 0), "weather": (0, 0)} == counts(
        shop.store(redis_server, later).sync(full=True)
    )
    shop.store(redis_server, later).purge()
    distinct = dict.fromkeys(map(_repeatable, home.driver.said))
    numbered = {f"{n}": text.rstrip().rstrip(";") for n, text in enumerate(distinct, 1)}
    assert_golden("sync_in_the_warehouse", "bigquery", numbered)
    shop.store(redis_server, later).sync()
    assert_law(shop, redis_server, later)


def _repeatable(sql):
    """Return a statement without random names, and with uploaded keys in order."""
    sql = re.sub(r"process \d+ on [^']+", "process 1 on etl-1", sql)
    head, values, rows = sql.partition(" VALUES (FROM_BASE64")
    if values:
        keys = sorted(re.findall(r'\("[^"]*"\)[^()]*\)', rows))
        sql = f"{head} VALUES {', '.join(f'(FROM_BASE64{key}' for key in keys)}"
    return RANDOM.sub("0000000000000000", sql)


def test_a_run_that_lost_the_claim_changes_nothing(home, tmp_path, redis_server, redis_client):
    """The other one's claim is in the same script as the changes, which fail as a whole."""
    shop = Shop(tmp_path / "project", home, PLANES)
    shop.build(PLANES, plane("N1", ago(5)))
    shop.store(redis_server).sync()
    with connected(shop) as (first, _), connected(shop) as (second, _):
        first.create()
        second.create()
        entries = "FROM shop.features_online._featurestore_sync"
        before = home.driver.database.sql(entries).fetchall()

        with pytest.raises(SyncLocked, match=r"taken over the ledger of .*: process \d+ on"):
            first.mark_dirty("plane_status", "layout")

        assert before == home.driver.database.sql(entries).fetchall()
        second.mark_dirty("plane_status", "layout")
        assert second.read("plane_status").dirty


@contextmanager
def connected(shop):
    """Open a ledger of a project in BigQuery."""
    profile = Profile("shop", "dev", "bigquery", shop.home.target)
    with connect(profile) as warehouse:
        yield Ledger(warehouse, "features_online", PROJECT), warehouse


def test_a_script_that_meets_another_one_is_tried_again(home, tmp_path, monkeypatch, redis_client):
    """BigQuery aborts one of two; it changed nothing, so it is run again after a pause."""
    shop = Shop(tmp_path / "project", home, PLANES)
    pauses = []
    monkeypatch.setattr("featurestore.warehouse.bigquery_ledger.time.sleep", pauses.append)
    with connected(shop) as (ledger, _):
        ledger.create()
        home.driver.fails = ["Transaction is aborted due to concurrent update against table x"] * 2
        ledger.mark_dirty("plane_status", "layout")
        assert ledger.read("plane_status").dirty
        home.driver.fails = ["Transaction is aborted due to concurrent update against table x"] * 9
        with pytest.raises(WarehouseError, match="concurrent update"):
            ledger.mark_clean("plane_status", "epoch", "layout")
    assert [0.5, 1.0] == pauses[:2]


def test_uploaded_values_are_literals_that_bigquery_reads():
    """Each kind of value; a statement is no longer than allowed, and no row is lost."""
    rows = [
        {
            "text": "it's \\ \n \u2028 ñ \"",
            "raw": b"\x00\xff",
            "number": 2**63 - 1,
            "real": -0.0,
            "price": Decimal("1.50"),
            "yes": True,
            "day": date(2024, 3, 1),
            "naive": datetime.fromisoformat("2024-03-01T12:00:00.000001"),
            "zoned": datetime(2024, 3, 1, tzinfo=UTC),
            "list": [1, None],
            "none": None,
        }
    ]
    (found,) = value_lists(pa.Table.from_pylist(rows), 1000)
    assert sqlglot.parse_one(f"INSERT INTO t VALUES {found}", dialect="bigquery")
    assert found == (
        '("it\'s \\\\ \\n \u2028 ñ \\"", FROM_BASE64("AP8="), 9223372036854775807,'
        " CAST('-0.0' AS FLOAT64), NUMERIC '1.50', TRUE, DATE '2024-03-01',"
        " DATETIME '2024-03-01 12:00:00.000001', TIMESTAMP '2024-03-01 00:00:00+00:00',"
        " [1, NULL], NULL)"
    )
    many = list(value_lists(pa.table({"x": range(1000)}), 100))
    assert all(len(part) <= 102 for part in many)
    assert [str(n) for n in range(1000)] == re.findall(r"\d+", "".join(many))
