"""An engine tells a table that dbt built again from one to which it added rows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from featurestore.values.dbt_profile import Profile
from featurestore.warehouse import connect
from featurestore.warehouse.abilities import table_id_of
from tests.engines.shops import NOW, ClickHouseHome, SparkHome, View, ago, assert_law, counts

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]
PLANES = View(
    "planes",
    ("tailnum",),
    {
        "tailnum": "varchar",
        "observed_at": "timestamp",
        "written_at": "timestamp",
        "delay": "double",
    },
    {"event_timestamp": "observed_at", "created_timestamp": "written_at", "ttl": "40 days"},
    {"materialized": "incremental", "incremental_strategy": "append"},
)
LATER = NOW + timedelta(hours=6)


class Stored(ClickHouseHome):
    """ClickHouse, with tables that are stored as dbt-clickhouse stores them."""

    def create(self, name, types, rows):
        """Build a table beside the old one, and exchange the two, as dbt-clickhouse does."""
        built = self.engine.create(f"{name}_rows", types, rows)
        as_stored = f"ENGINE = MergeTree ORDER BY tuple() AS SELECT * FROM {built}"
        self.execute(
            f"CREATE TABLE IF NOT EXISTS shop.{name} {as_stored}",
            f"CREATE OR REPLACE TABLE shop.{name}_backup {as_stored}",
            f"EXCHANGE TABLES shop.{name} AND shop.{name}_backup",
        )


class Unhurried(SparkHome):
    """Spark, whose catalog has the second in which a table was created."""

    def create(self, name, types, rows):
        """Build a table in another second than the one before."""
        old = self.created(name)
        super().create(name, types, rows)
        while old and self.created(name) == old:
            super().create(name, types, rows)

    def created(self, name):
        """Return the instant at which a table was created; empty without a table."""
        if not self.engine.session.catalog.tableExists(f"shop.{name}"):
            return ""
        rows = self.engine.session.sql(f"DESCRIBE EXTENDED shop.{name}").collect()
        return next(row[1] for row in rows if row[0] == "Created Time")


@pytest.fixture(params=["clickhouse", "spark"])
def home(request):
    """Return where the tables are."""
    if request.param == "spark":
        return Unhurried(request.getfixturevalue("spark_engine"))
    return Stored(request.getfixturevalue("clickhouse_engine"))


def plane(number, event, written=None, delay=1.5):
    return PLANES.row(f"N{number}", event, written or event, delay)


def add(shop, *rows):
    """Add rows to the table, which stays the same one."""
    shop.rows["planes"] += rows
    shop.ever["planes"] |= {(row["tailnum"],) for row in rows}
    source = shop.home.engine.create("more", PLANES.types, rows)
    shop.home.execute(f"INSERT INTO {shop.home.relation('planes')} SELECT * FROM {source}")


def test_added_rows_are_read_alone_until_the_table_is_rebuilt(home, make, url):
    """Late rows are found in their window; after a rebuild, every row is compared."""
    shop = make(PLANES)
    shop.build(PLANES, *(plane(number, ago(3, number)) for number in range(20)))
    (first,) = shop.store(url).sync().views
    assert (20, None) == (first.written, first.compared_since)
    add(shop, plane(3, ago(30), ago(-0.1), 9.9), plane(4, ago(2.9), ago(-0.1), 2.5))

    report = shop.store(url, LATER).sync()
    assert (1, 0) == counts(report)["planes"]
    assert NOW == report.views[0].compared_since
    assert_law(shop, url, LATER)

    shop.build(PLANES, *(plane(number, ago(3, number), delay=8.0) for number in range(1, 20)))
    report = shop.store(url, LATER).sync()
    assert (19, 1) == counts(report)["planes"]
    assert report.views[0].compared_since is None
    assert_law(shop, url, LATER)


def test_a_view_of_the_warehouse_has_no_identity(home, make):
    """The tables behind it may be built again."""
    make(PLANES)
    relation = home.relation("planes")
    home.execute(f"CREATE OR REPLACE VIEW shop.shown AS SELECT * FROM {relation}")
    with connect(Profile("shop", "dev", home.adapter, home.target)) as warehouse:
        found = [table_id_of(warehouse, name) for name in (relation, home.relation("shown"))]
    home.execute("DROP VIEW shop.shown")

    assert found[0] != ""
    assert found[1] == ""
