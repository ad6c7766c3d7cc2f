"""Read the feature store's own `vars` in dbt_project.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from featurestore.project.manifest import META_KEY

__all__ = ["own_vars"]


def own_vars(project_dir: Path) -> Any:
    """Return the value of `vars: featurestore:`, unchecked; an empty mapping if it is absent."""
    import yaml

    content = yaml.safe_load((project_dir / "dbt_project.yml").read_text(encoding="utf-8")) or {}
    return (content.get("vars") or {}).get(META_KEY) or {}
