"""Spark with two executors in processes of their own, which a test may kill."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines.base import ZONE, driver
from tests.engines.spark_engine import Spark

ROOT = Path(__file__).parents[2]


class SparkCluster(Spark):
    """A session whose executors are two other processes; see `Spark`."""

    def __init__(self, folder: Path) -> None:
        pyspark = driver("pyspark.sql")
        settings = {
            "spark.master": "local-cluster[2,1,1024]",
            "spark.executor.memory": "512m",
            "spark.executorEnv.PYTHONPATH": str(ROOT),
            "spark.eventLog.enabled": "true",
            "spark.eventLog.compress": "false",
            "spark.eventLog.dir": str(folder / "events"),
            "spark.sql.warehouse.dir": str(folder / "tables"),
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.session.timeZone": ZONE,
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.log.level": "OFF",
            # Compiling code takes longer than running it on a few rows.
            "spark.sql.adaptive.enabled": "false",
            "spark.sql.codegen.wholeStage": "false",
            "spark.sql.codegen.factoryMode": "NO_CODEGEN",
            "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        }
        (folder / "events").mkdir()
        logging.getLogger("py4j").setLevel(logging.ERROR)
        builder = pyspark.SparkSession.builder
        for name, value in settings.items():
            builder = builder.config(name, value)
        self.session = builder.getOrCreate()
        self.folder = folder
        self.session.sql("CREATE DATABASE shop")

    @property
    def events(self) -> str:
        """All that Spark's UI could show: the log of events."""
        files = sorted(path for path in (self.folder / "events").rglob("*") if path.is_file())
        return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)

    def executors(self) -> list[int]:
        """Return the processes of the executors."""
        own = self.session.sparkContext.applicationId
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = path.read_bytes().split(b"\0")
                if b"--executor-id" in words and own.encode() in words:
                    found.append(int(path.parent.name))
        return found

    def kill_executors(self) -> None:
        """Kill the executors, and with them the Python processes that they talk to."""
        for process in self.executors():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def close(self) -> None:
        """End the session and its executors; Spark keeps their logs beside its own programs."""
        logs = Path(driver("pyspark").__file__).parent / "work"
        own = self.session.sparkContext.applicationId
        super().close()
        shutil.rmtree(logs / own, ignore_errors=True)
        with contextlib.suppress(OSError):
            logs.rmdir()


@contextmanager
def running_spark_cluster(folder: Path) -> Iterator[SparkCluster]:
    """Run the session for the length of a block."""
    before = os.environ.get("PYSPARK_PYTHON")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    engine = SparkCluster(folder)
    try:
        yield engine
    finally:
        engine.close()
        os.environ.pop("PYSPARK_PYTHON")
        if before is not None:
            os.environ["PYSPARK_PYTHON"] = before
