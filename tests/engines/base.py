"""What a test asks of an engine: create a table, run a query, all in some session's time zone."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any, Protocol

import pytest

Row = Mapping[str, Any]

ZONE = "America/New_York"
"""The zone of every session: a statement that asks the session for its zone is hours wrong."""


class Engine(Protocol):
    """An engine that runs here.

    Attributes:
        dialect: Its name in the table of dialects.
        types: How it spells each type of the scenarios; a type that it lacks is left out.
    """

    dialect: str
    types: Mapping[str, str]

    def create(self, name: str, types: Mapping[str, str], rows: Iterable[Row]) -> str:
        """Create or replace a table; return its name as dbt's manifest would give it."""

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Run a query."""

    def close(self) -> None:
        """End the session."""


def driver(name: str) -> ModuleType:
    """Import an engine's driver; without it the test is skipped, or fails where all must run."""
    if os.environ.get("FEATURESTORE_ENGINES") == "all":
        return importlib.import_module(name)
    module: ModuleType = pytest.importorskip(name)
    return module
