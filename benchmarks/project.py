"""The dbt artifacts that turn a folder of data into a feature project."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

__all__ = ["duckdb_target", "view_node", "write_project"]


def duckdb_target(config_options: Mapping[str, object]) -> dict[str, object]:
    """Return the target of a profile for a DuckDB file in the project's folder."""
    return {"type": "duckdb", "path": "warehouse.duckdb", "config_options": config_options}


def write_project(folder: Path, nodes: Mapping[str, object], output: Mapping[str, object]) -> None:
    """Write a dbt project.

    Args:
        folder: The project's folder.
        nodes: The nodes of its manifest, by name; see `view_node`.
        output: The target of its profile.
    """
    (folder / "dbt_project.yml").write_text("name: bench\nversion: '1'\nprofile: bench\n")
    profiles = {"bench": {"target": "dev", "outputs": {"dev": output}}}
    # JSON is YAML.
    (folder / "profiles.yml").write_text(f"{json.dumps(profiles)}\n")
    manifest = {
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
            "adapter_type": output["type"],
            "project_name": "bench",
        },
        "nodes": {f"model.bench.{name}": node for name, node in nodes.items()},
    }
    (folder / "target").mkdir(exist_ok=True)
    (folder / "target" / "manifest.json").write_text(json.dumps(manifest))


def view_node(
    name: str,
    types: Mapping[str, str],
    meta: Mapping[str, object],
    *,
    relation: str = "",
    config: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Return the node of a feature view.

    Args:
        name: The view.
        types: The type of each column.
        meta: The view's `featurestore` meta.
        relation: Its table; by default one of the same name in the file of `duckdb_target`.
        config: More of the model's config.
    """
    return {
        "unique_id": f"model.bench.{name}",
        "name": name,
        "resource_type": "model",
        "relation_name": relation or f'"warehouse"."main"."{name}"',
        "config": {"meta": {"featurestore": meta}, "materialized": "table", **(config or {})},
        "columns": {name: {"name": name, "data_type": text} for name, text in types.items()},
    }
