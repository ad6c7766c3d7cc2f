"""The example project, built by dbt once per test run, by the first process that needs it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from featurestore.demo.nycflights import extract

ROOT = Path(__file__).parents[2]
PARTS = ("dbt_project.yml", "profiles.yml", "models", "macros")


@dataclass(frozen=True)
class ExampleProject:
    """The files of the built example project. Tests only read it; to write, copy the warehouse."""

    project_dir: Path

    @property
    def target_dir(self) -> Path:
        """Return the folder of dbt's artifacts."""
        return self.project_dir / "target"

    @property
    def manifest(self) -> Path:
        """Return dbt's manifest."""
        return self.target_dir / "manifest.json"

    @property
    def warehouse(self) -> Path:
        """Return the DuckDB file."""
        return self.project_dir / "warehouse.duckdb"

    @property
    def log(self) -> str:
        """Return what `dbt build` printed."""
        return (self.project_dir / "build.log").read_text(encoding="utf-8")


def dbt(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run dbt in its own process, as a user does, without this machine's settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DBT_", "FEATURESTORE_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", *arguments, "--no-use-colors"],
        cwd=folder,
        env={**kept, "DBT_PROFILES_DIR": str(folder), "DBT_SEND_ANONYMOUS_USAGE_STATS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


def _build(folder: Path) -> None:
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, folder / part)
    extract(folder / "data" / "nycflights")
    result = dbt(folder, "build")
    assert result.returncode == 0, result.stdout + result.stderr
    (folder / "build.log").write_text(result.stdout, encoding="utf-8")


@pytest.fixture(scope="session")
def example_project(tmp_path_factory):
    """Build the example project, once for all processes of the run."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "example_project"
    with (shared / "example_project.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "build.log").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            _build(folder)
    return ExampleProject(folder)
