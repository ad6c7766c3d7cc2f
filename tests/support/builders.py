"""Projects without dbt: manifests, registries, views and whole stores from a few arguments."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from featurestore import FeatureStore
from featurestore.project.manifest import Manifest, load_manifest
from featurestore.registry.build_registry import build_registry
from featurestore.registry.definitions import FeatureView
from featurestore.registry.registry import Registry

PROJECT = "shop"
SCHEMA = "https://schemas.getdbt.com/dbt/manifest/v12.json"
COLUMNS = {"tailnum": "varchar", "observed_at": "timestamp", "delay": "double"}


@dataclass(frozen=True)
class Table:
    """A table with typed columns, and its rows in the columns' order."""

    columns: Mapping[str, str]
    rows: Sequence[Sequence[Any]] = ()


PLANES = Table(COLUMNS, [("N1", "2024-02-01", 1.5)])
"""One row of the default model."""
ROW = "SELECT 'N1' AS tailnum, TIMESTAMP '2024-03-01' AS event_timestamp"
"""One entity row that matches it."""


def column(name: str, data_type: str | None = None, **own: Any) -> dict[str, Any]:
    """Return a documented column; keywords become its `featurestore` meta."""
    config = {"meta": {"featurestore": own}} if own else {}
    return {"name": name, "data_type": data_type, "config": config}


def model(
    name: str = "plane_features",
    columns: Mapping[str, str | None] | Iterable[dict[str, Any]] = COLUMNS,
    *,
    meta: Any = None,
    path: str = "",
    config: Mapping[str, Any] | None = None,
    node: Mapping[str, Any] | None = None,
    **own: Any,
) -> dict[str, Any]:
    """Return a model node as dbt writes it: by default planes, observed at `observed_at`.

    Args:
        name: The name of the model and of its table.
        columns: Column names with their types, or columns made by `column`.
        meta: The whole `meta`; by default `featurestore` with the keywords.
        path: The yml that declares the model.
        config: Further keys of `config`.
        node: Further fields of the node.
        own: Keys under `featurestore`; None removes a default.
    """
    if isinstance(columns, Mapping):
        columns = [column(key, data_type) for key, data_type in columns.items()]
    defaults = {"entities": {"plane": "tailnum"}, "event_timestamp": "observed_at"}
    declared = {key: value for key, value in {**defaults, **own}.items() if value is not None}
    return {
        "unique_id": f"model.{PROJECT}.{name}",
        "name": name,
        "resource_type": "model",
        "package_name": PROJECT,
        "relation_name": f'"warehouse"."main"."{name}"',
        "original_file_path": f"models/{name}.sql",
        "patch_path": f"{PROJECT}://{path or f'models/{name}.yml'}",
        "columns": {documented["name"]: documented for documented in columns},
        "config": {
            "materialized": "table",
            "meta": {"featurestore": declared} if meta is None else meta,
            **(config or {}),
        },
        **(node or {}),
    }


def service(name: str = "delays", features: Any = (), **fields: Any) -> dict[str, Any]:
    """Return an exposure that lists features."""
    own = {key: fields.pop(key) for key in ("label", "request", "on_demand") if key in fields}
    return {
        "unique_id": f"exposure.{PROJECT}.{name}",
        "name": name,
        "type": "ml",
        "original_file_path": "models/exposures.yml",
        "meta": {"featurestore": {"features": features, **own}},
        **fields,
    }


def manifest_json(
    *models: dict[str, Any],
    exposures: Iterable[dict[str, Any]] = (),
    groups: Iterable[dict[str, Any]] = (),
    disabled: Iterable[dict[str, Any]] = (),
    sources: Iterable[dict[str, Any]] = (),
    adapter: str = "duckdb",
    schema: str = SCHEMA,
) -> dict[str, Any]:
    """Return a manifest as the JSON that dbt writes."""
    return {
        "metadata": {
            "dbt_schema_version": schema,
            "dbt_version": "1.11.0",
            "adapter_type": adapter,
            "project_name": PROJECT,
        },
        "nodes": {node["unique_id"]: node for node in models},
        "exposures": {exposure["unique_id"]: exposure for exposure in exposures},
        "groups": {str(number): group for number, group in enumerate(groups)},
        "disabled": {node["unique_id"]: [node] for node in disabled},
        "sources": {source["unique_id"]: source for source in sources},
    }


def manifest(*models: dict[str, Any], **parts: Any) -> Manifest:
    """Return a manifest, read from a file as in production."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifest.json"
        path.write_text(json.dumps(manifest_json(*models, **parts)), encoding="utf-8")
        return load_manifest(path)


def registry(*models: dict[str, Any], **parts: Any) -> Registry:
    """Return the registry of some models and exposures, including its problems."""
    return build_registry(manifest(*models, **parts))


def view(name: str = "plane_features", *arguments: Any, **own: Any) -> FeatureView:
    """Return one feature view; takes the arguments of `model`."""
    return registry(model(name, *arguments, **own)).checked().view(name)


def problems(*models: dict[str, Any], **parts: Any) -> list[str]:
    """Return the problems of some models, one text each."""
    return [str(problem) for problem in registry(*models, **parts).problems]


def fill(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Table | str]) -> None:
    """Create tables, each from its rows or from a SELECT."""
    connection.execute("SET TimeZone = 'UTC'")
    for name, table in tables.items():
        if isinstance(table, str):
            connection.execute(f'CREATE OR REPLACE TABLE "{name}" AS {table}')
            continue
        typed = ", ".join(f'"{key}" {data_type}' for key, data_type in table.columns.items())
        connection.execute(f'CREATE OR REPLACE TABLE "{name}" ({typed})')
        marks = ", ".join("?" for _ in table.columns)
        for row in table.rows:
            connection.execute(f'INSERT INTO "{name}" VALUES ({marks})', list(row))


def tiny_project(
    folder: Path,
    models: Sequence[dict[str, Any]] = (),
    tables: Mapping[str, Table | str] | None = None,
    **parts: Any,
) -> FeatureStore:
    """Write a dbt project in its state after `dbt build`, and open it.

    Args:
        folder: An empty folder.
        models: The models of the manifest.
        tables: The tables of the warehouse; None writes no warehouse file.
        parts: Further parts of the manifest.
    """
    target = {"type": "duckdb", "path": "warehouse.duckdb", "schema": "main"}
    profiles = {"shop": {"target": "dev", "outputs": {"dev": target}}}
    (folder / "target").mkdir(parents=True, exist_ok=True)
    _write(folder / "dbt_project.yml", yaml.safe_dump({"name": PROJECT, "profile": "shop"}))
    _write(folder / "profiles.yml", yaml.safe_dump(profiles))
    _write(folder / "target" / "manifest.json", json.dumps(manifest_json(*models, **parts)))
    if tables is not None:
        with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
            fill(connection, tables)
    return FeatureStore(folder)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
