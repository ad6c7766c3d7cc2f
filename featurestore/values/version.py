"""The version of the package; a test compares it with pyproject.toml and dbt_project.yml."""

from __future__ import annotations

__all__ = ["VERSION"]

VERSION = "0.1.0"
