"""The demo as a stranger runs it: from a wheel, in an empty folder, with no Redis."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Build the wheel and unpack it where Python finds it before the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([sys.executable, *build, "-w", folder, str(ROOT)], check=True)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def _running_in(folder):
    """Return the processes that were started with something in this folder."""
    found = []
    for words in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in words.read_bytes():
                found.append(words.parent.name)
        except OSError:
            continue
    return found


@pytest.mark.xdist_group("demo")
def test_demo_runs_from_a_wheel_in_an_empty_folder(installed, tmp_path):
    """It builds, trains, syncs and reads; online equals offline; nothing is left running."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FEATURESTORE_", "DBT_"))
    }
    result = subprocess.run(
        [sys.executable, "-m", "featurestore.cli", "demo"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(installed), "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert "What to type next" in result.stdout
    assert "wrote 0 rows" in result.stdout
    assert "Traceback" not in result.stderr
    assert [] == _running_in(temporary)
    assert [] == list(temporary.glob("featurestore-*"))
    assert (tmp_path / "featurestore-demo" / "warehouse.duckdb").is_file()
