"""A small project that publishes its features to a real server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from featurestore import FeatureStore
from tests.support.builders import PROJECT, Table, tiny_project

NOW = datetime(2024, 3, 10, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Shop:
    """A dbt project's folder, and its online store."""

    folder: Path
    url: str

    def write(
        self, models: Sequence[dict[str, Any]], tables: Mapping[str, Table | str], **parts: Any
    ) -> None:
        """Write the project and its warehouse; replace an existing one."""
        tiny_project(self.folder, models, tables, **parts)

    def open(self, now: datetime | None = NOW) -> FeatureStore:
        """Open the project from disk."""
        return FeatureStore(self.folder, redis_url=self.url, now=now)

    def publish(
        self, models: Sequence[dict[str, Any]], tables: Mapping[str, Table | str], **parts: Any
    ) -> FeatureStore:
        """Write the project, publish it, and open it."""
        self.write(models, tables, **parts)
        store = self.open()
        store.sync()
        return store


def schema_key(view: str) -> str:
    """Return the key of a view's schemas, as the page on the online format defines it."""
    return f"fs-meta:{{{PROJECT}}}:schema:{view}"
