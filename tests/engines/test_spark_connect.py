"""Spark Connect: a server of its own, and a client in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from featurestore.errors import UnsupportedDialect, WarehouseUnavailable
from featurestore.values.dbt_profile import Profile
from featurestore.warehouse import connect
from tests.engines.base import ZONE

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]
ROOT = Path(__file__).parents[2]
SERVER = """
import sys
from pyspark.sql import SparkSession
builder = SparkSession.builder.master("local[1]")
for setting in sys.argv[1:]:
    builder = builder.config(*setting.split("=", 1))
builder.getOrCreate()
print("ready", flush=True)
sys.stdin.read()
"""
CLIENT = """
import sys
import pyarrow as pa
from featurestore.cli.log_notes import write_log_as_notes
from featurestore.errors import RelationNotBuilt
from featurestore.values.dbt_profile import Profile
from featurestore.warehouse import connect

write_log_as_notes()
profile = Profile("shop", "dev", "spark", {"method": "session", "remote": sys.argv[1]})
with connect(profile) as warehouse:
    print(warehouse.version.split(".")[0])
    warehouse.upload("frame", pa.table({"x": [1, 2], "l": [[1], None]}))
    warehouse.stage("staged", "SELECT x + 1 AS y FROM frame")
    print(warehouse.stream("SELECT y FROM staged").read_all()["y"].to_pylist())
    print({name: str(found) for name, found in warehouse.columns("frame").items()})
    try:
        warehouse.columns("nowhere")
    except RelationNotBuilt as error:
        print("nowhere" in str(error))
"""


@pytest.fixture
def url(tmp_path):
    """Start a server; return its address."""
    pytest.importorskip("grpc")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.port": port,
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.session.timeZone": ZONE,
    }
    arguments = [f"{name}={value}" for name, value in settings.items()]
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, *arguments],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout.readline() == "ready\n"
        yield f"sc://127.0.0.1:{port}"
        server.stdin.close()
        server.terminate()


def test_a_server_is_read_and_written(url, tmp_path):
    """Frames, staged rows, types and errors; standard error says what the command waits for."""
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CLIENT, url],
        check=False,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=180,
    )

    assert found.stdout.splitlines() == [
        "spark 4", "[2, 3]", "{'x': 'int64', 'l': 'array<int64>'}", "True",
    ], found.stderr  # fmt: skip
    assert f"Connecting to Spark at {url} ..." in found.stderr


def test_a_server_that_does_not_answer_is_named():
    """At once: the client itself would try for ten minutes."""
    profile = Profile("shop", "dev", "spark", {"method": "session", "remote": "sc://127.0.0.1:1"})
    with pytest.raises(WarehouseUnavailable, match=r"Cannot connect to Spark at sc://127.0.0.1:1"):
        connect(profile)


@pytest.mark.parametrize("method", ["thrift", "http", "odbc"])
def test_another_method_of_dbt_is_refused(method):
    """The supported ones are listed."""
    with pytest.raises(UnsupportedDialect, match=f"'{method}' of dbt-spark") as found:
        connect(Profile("shop", "dev", "spark", {"method": method}))
    assert "Supported: session" in found.value.remedy
    assert "remote: sc://" in found.value.remedy
