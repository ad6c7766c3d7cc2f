"""Read the feature store's own `vars` in dbt_project.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from featurestore.project.manifest import META_KEY

__all__ = ["own_var", "own_vars"]


def own_vars(project_dir: Path) -> Any:
    """Return the value of `vars: featurestore:`, unchecked; an empty mapping if it is absent."""
    import yaml

    content = yaml.safe_load((project_dir / "dbt_project.yml").read_text(encoding="utf-8")) or {}
    return (content.get("vars") or {}).get(META_KEY) or {}


def own_var(project_dir: Path, key: str) -> Any:
    """Return the value of one key under `vars: featurestore:`, unchecked; None if it is absent."""
    own = own_vars(project_dir)
    return own.get(key) if isinstance(own, dict) else None
