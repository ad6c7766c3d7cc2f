"""A sync by Spark: its rows are those of an ordinary sync, and what dies on the way does no harm."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import redis

from tests.engines.shops import NOW, Shop, SparkHome, ago, assert_law, counts
from tests.engines.spark_cluster import running_spark_cluster
from tests.engines.sync_views import OWNERS, PLANES, ROUTES, WEATHER, owner, plane, route

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Run Spark with two executors."""
    with running_spark_cluster(tmp_path_factory.mktemp("spark")) as engine:
        yield engine


@pytest.fixture
def shop(cluster, tmp_path, redis_client):
    """Return a function that writes a project with empty tables, beside no ledger."""
    for (name,) in cluster.session.sql("SHOW TABLES IN shop").select("tableName").collect():
        cluster.session.sql(f"DROP TABLE shop.`{name}`")
    return lambda *views: Shop(tmp_path / "project", SparkHome(cluster), *views)


def by_spark(shop, url, now=NOW, **options):
    """Sync by Spark."""
    return shop.store(url, now).sync(engine="spark", **options)


def online(url):
    """Return the rows in a server, and whether each one expires."""
    with redis.Redis.from_url(url) as client:
        keys = sorted(client.scan_iter(match="fs:*", count=1000))
        return {key: (client.get(key), client.ttl(key) > 0) for key in keys}


def other(url):
    """Return the URL of another database of the server."""
    return f"{url.rsplit('/', 1)[0]}/1"


def facts(report):
    """Return what a report says of each view, without the seconds."""
    fields = ("view", "rows_read", "changed", "written", "deleted", "skipped", "full", "reason")
    fields += ("newest_event_timestamp", "held_back", "failed", "memory")
    return [tuple(getattr(view, name) for name in fields) for view in report.views]


def test_the_rows_are_those_of_an_ordinary_sync_byte_for_byte(shop, url):
    """Full, nothing, late, restated, deleted, lapsed, held back: bytes, reports and dry runs."""
    shop = shop(PLANES, ROUTES, WEATHER, OWNERS)
    nan, planes = float("nan"), [plane(f"N{number}", ago(5), seats=number) for number in range(30)]
    planes += [plane("ñ'\"\\2", ago(4), note=None), plane("", ago(4)), plane("N1", ago(9))]
    planes += [plane("z", ago(5), delay=0.0), plane("nan", ago(5), delay=nan), plane("a", ago(29))]
    routes = [route("A", 1, ago(3)), route("A", 2, ago(2), hops=()), route("B,}", 1, ago(2), None)]
    owners = [owner(1, ago(9), ago(5), "old"), owner(1, ago(5), None, "new")]
    owners += [owner(2, ago(9), ago(-0.5), "ends today"), owner(3, ago(9), ago(3), "ended")]

    def build(planes, routes, weather, owners):
        shop.build(PLANES, *planes)
        shop.build(ROUTES, *routes)
        shop.build(WEATHER, *weather)
        shop.build(OWNERS, *owners)

    def check(now=NOW, **options):
        foretold = by_spark(shop, url, now, dry_run=True, **options)
        assert facts(foretold) == facts(shop.store(other(url), now).sync(dry_run=True, **options))
        found = by_spark(shop, url, now, **options)
        assert facts(found) == facts(shop.store(other(url), now).sync(**options))
        assert online(url) == online(other(url))
        return counts(found)

    weather = [WEATHER.row(date(2024, 3, day), float(day), day % 2 == 0) for day in (29, 30)]
    build(planes, routes, weather, owners)
    assert check() == {"plane_status": (35, 0), "route_load": (3, 0), "weather": (1, 0), "owners": (2, 0)}
    assert_law(shop, url)
    assert {(0, 0)} == set(check().values())
