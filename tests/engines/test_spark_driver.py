"""The driver of a sync by Spark is killed, with its JVM: another process heals what it left."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from tests.engines.base import driver
from tests.engines.shops import NOW, Shop
from tests.engines.sync_views import PLANES

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]
ROOT = Path(__file__).parents[2]
DRIVER = """
import json, os, signal, sys
from datetime import datetime
from pyspark.sql import SparkSession
folder, url, now, seats = sys.argv[1:5]
builder = SparkSession.builder.master("local[1]").enableHiveSupport()
for setting in sys.argv[5:]:
    builder = builder.config(*setting.split("=", 1))
session = builder.getOrCreate()
from featurestore import FeatureStore
store = FeatureStore(folder, redis_url=url, now=datetime.fromisoformat(now))

def build(seats):
    session.sql("DROP TABLE IF EXISTS shop.plane_status")
    session.sql("CREATE TABLE shop.plane_status USING parquet AS SELECT concat('N', id) AS tailnum,"
        " timestamp_ntz'2024-03-30' AS observed_at, timestamp_ntz'2024-03-30' AS written_at,"
        f" 1.5D AS delay, {seats} AS seats, 'x' AS note FROM range(40 - {seats})")

def sync(progress=None):
    (view,) = store.sync(engine="spark", progress=progress).views
    print(json.dumps([view.written, view.deleted, view.reason]), flush=True)

if seats == "0":
    session.sql("CREATE DATABASE shop")
    build(0)
    sync()
    build(9)
    sync(lambda _: os.killpg(0, signal.SIGKILL))
sync()
print(json.dumps(store.get_online_features(["plane_status:seats"],
    {"tailnum": [f"N{number}" for number in range(40)]}).values["seats"]))
"""


class _HiveHome:
    """The tables are in a metastore that outlives a process; the driver builds them."""

    adapter = "spark"
    own: ClassVar = {}
    breaks = ("", "")
    target: ClassVar = {"type": "spark", "method": "session", "host": "NA", "schema": "shop"}

    def create(self, name, types, rows):
        """Do nothing."""

    def relation(self, name):
        """Return a table's name as dbt writes it."""
        return f"`shop`.`{name}`"


def test_a_driver_that_is_killed_is_healed_by_another(tmp_path, redis_client, redis_server):
    """It dies between the deletions and the rows to write; the next one publishes every row."""
    driver("pyspark.sql")
    shop = Shop(tmp_path / "project", _HiveHome(), PLANES)

    first = _driver(shop, redis_server, tmp_path, seats=0)

    assert [[40, 0, ""]] == first
    redis_client.delete("fs-meta:{shop}:lock")
    second, values = _driver(shop, redis_server, tmp_path, seats=9)
    assert [31, 0, "the last sync did not finish it"] == second
    assert [9] * 31 + [None] * 9 == values


def _driver(shop, url, folder, *, seats):
    """Run a driver to its end, or to its death; return what it wrote."""
    settings = {
        "spark.sql.warehouse.dir": folder / "tables",
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:{folder}/metastore;create=true",
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    }
    words = [str(shop.folder), url, NOW.isoformat(), str(seats)]
    words += [f"{name}={value}" for name, value in settings.items()]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DRIVER, *words],
        check=False,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "PYSPARK_PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]
