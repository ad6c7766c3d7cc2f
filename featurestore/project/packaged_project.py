"""The dbt project that comes with this package: its macros and the example."""

from __future__ import annotations

from pathlib import Path

__all__ = ["packaged_project"]


def packaged_project() -> Path:
    """Return the folder of the dbt project: inside the package in a wheel, at a checkout's root."""
    packaged = Path(__file__).parents[1] / "_dbt"
    return packaged if packaged.is_dir() else Path(__file__).parents[2]
