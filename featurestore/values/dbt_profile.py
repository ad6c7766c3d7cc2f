"""The connection that one target of a dbt profile describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Profile"]


@dataclass(frozen=True, slots=True)
class Profile:
    """One target of a profile: an adapter and its settings, rendered.

    Attributes:
        name: The profile's name.
        target: The target's name.
        adapter: dbt's adapter type, such as `duckdb`.
        settings: The rest of the target's settings; it may hold secrets and is never printed.
        folder: The folder that relative paths start from, as dbt run in the project sees it.
    """

    name: str
    target: str
    adapter: str
    settings: Mapping[str, Any] = field(repr=False)
    folder: Path = Path()
