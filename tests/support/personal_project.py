"""A project with personal data in a source, and copies of it in the models over that source."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import yaml

from tests.support.builders import PROJECT, Table, column, model, tiny_project

CANARY = "canary.alice@example.com"
SECRET = "raw.customers:email"
RAW = {
    "unique_id": f"source.{PROJECT}.raw.customers",
    "source_name": "raw",
    "name": "customers",
    "relation_name": '"warehouse"."main"."raw_customers"',
    "original_file_path": "models/sources.yml",
    "columns": {c["name"]: c for c in (column("tailnum"), column("email", pii=True))},
}
KEYS = {"tailnum": "varchar", "observed_at": "timestamp"}
STAGING_SQL = 'select tailnum, observed_at, email as contact, orders from "main"."raw_customers"'


def sql_model(name, sql, needs, columns=None, **own):
    node = {"compiled_code": sql, "raw_code": sql, "depends_on": {"nodes": list(needs)}}
    if columns is None:
        return model(name, {}, meta={}, node=node, **own)
    return model(name, columns, node=node, **own)


def staging(*columns, sql=STAGING_SQL, **own):
    """Return a staging model, which is not a feature view."""
    return model(
        "stg", columns, meta={}, **own,
        node={"compiled_code": sql, "raw_code": sql, "depends_on": {"nodes": [RAW["unique_id"]]}},
    )  # fmt: skip


def view(expression, *, extra="", feature=None, name="v"):
    """Return a feature view with the feature `f`, and `orders`, over the staging model."""
    sql = f'select tailnum, observed_at, {expression} as f, orders{extra} from "main"."stg"'
    return sql_model(
        name,
        sql,
        [f"model.{PROJECT}.stg"],
        [
            *(column(key, kind) for key, kind in KEYS.items()),
            feature or column("f"),
            column("orders", "bigint"),
        ],
    )


def build(
    folder: Path,
    *models: dict[str, Any],
    variables: Any = None,
    exposures: Iterable[dict[str, Any]] = (),
    source: Mapping[str, Any] = RAW,
) -> None:
    """Write a project of some models over one source, with its tables built.

    Args:
        folder: An empty folder.
        models: The models, in the order in which dbt builds them.
        variables: `vars: featurestore:` of the project.
        exposures: Its services.
        source: The source of the marked column.
    """
    raw = Table({**KEYS, "email": "varchar", "orders": "bigint"}, [("N1", "2024-02-01", CANARY, 3)])
    built = {one["name"]: one["compiled_code"] for one in models if "compiled_code" in one}
    tiny_project(folder, models, {"raw_customers": raw, **built}, exposures=exposures)
    path = folder / "target" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["sources"] = {source["unique_id"]: source}
    path.write_text(json.dumps(manifest), encoding="utf-8")
    if variables:
        file = folder / "dbt_project.yml"
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        content["vars"] = {"featurestore": variables}
        file.write_text(yaml.safe_dump(content), encoding="utf-8")


def redis_texts(client: Any) -> bytes:
    """Return every key and every value of a Redis server, keys also without their escapes."""
    keys = client.keys("*")
    return b"\n".join(key + unquote_to_bytes(key) + (client.dump(key) or b"") for key in keys)
