"""The example's dbt project: its files, and `dbt build` in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from featurestore.errors import FeatureStoreError, MissingExtra
from featurestore.project.packaged_project import packaged_project

__all__ = ["build_example", "create_example", "require_dbt"]

_PARTS = ("dbt_project.yml", "profiles.yml", "models", "macros")
_LOG_LINES = 30


def require_dbt() -> None:
    """Check that dbt and its adapter are installed.

    Raises:
        MissingExtra: One of them is not.
    """
    for module, package in (("dbt.cli", "dbt-core"), ("dbt.adapters.duckdb", "dbt-duckdb")):
        if not _is_installed(module):
            raise MissingExtra(package, "demo", purpose="The demo")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        # find_spec imports the packages above the module, and one of them is missing.
        return False


def create_example(folder: Path) -> Path:
    """Copy the example project into a folder, unless the folder has a dbt project already.

    Args:
        folder: The folder; created if it is missing.

    Returns:
        The absolute path of the folder.
    """
    if (folder / "dbt_project.yml").is_file():
        return folder.resolve()
    source = packaged_project()
    folder.mkdir(parents=True, exist_ok=True)
    for part in _PARTS:
        if (source / part).is_dir():
            shutil.copytree(source / part, folder / part, dirs_exist_ok=True)
        elif (source / part).is_file():
            shutil.copy2(source / part, folder / part)
    return folder.resolve()


def build_example(project: Path) -> str:
    """Run `dbt build` in the example project.

    Returns:
        dbt's summary, such as `Done. PASS=52 WARN=0 ERROR=0`.

    Raises:
        FeatureStoreError: The build failed; the message has the end of dbt's output.
    """
    command = [sys.executable, "-m", "dbt.cli.main", "build", "--no-use-colors"]
    environment = {
        **os.environ,
        "DBT_PROFILES_DIR": str(project),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "0",
    }
    result = subprocess.run(  # noqa: S603, our own interpreter
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    lines = [line for line in result.stdout.splitlines() if line.strip()]
    if result.returncode:
        raise FeatureStoreError(
            "`dbt build` failed:\n" + "\n".join(lines[-_LOG_LINES:] or [result.stderr]),
            remedy=f"Run `dbt build` in {project} to see the whole output.",
        )
    # Each line begins with the time, two spaces before the text.
    return lines[-1].partition("  ")[2].strip()
