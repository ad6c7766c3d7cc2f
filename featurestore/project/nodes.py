"""What dbt's manifest.json says of nodes, sources, tests, exposures and groups: the fields we need.

Every field is optional, since dbt's versions differ in which they write.
Format: https://schemas.getdbt.com/dbt/manifest/v12.json
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "Checksum",
    "ColumnConfig",
    "CompiledNode",
    "Constraint",
    "DataTest",
    "DependsOn",
    "Exposure",
    "Group",
    "ManifestColumn",
    "ManifestFile",
    "Metadata",
    "Node",
    "NodeConfig",
    "Owner",
    "Source",
    "Struct",
    "TestMetadata",
]


class Struct(msgspec.Struct, frozen=True, kw_only=True):
    """Unknown fields are ignored; a field that is missing or null has its default."""


class ColumnConfig(Struct, frozen=True, kw_only=True):
    """The `config` of a column."""

    meta: dict[str, Any] | None = None
    tags: Any = None


class ManifestColumn(Struct, frozen=True, kw_only=True):
    """A column that a yml documents; it need not exist in the SQL."""

    name: str
    description: str | None = None
    data_type: str | None = None
    meta: dict[str, Any] | None = None
    tags: Any = None
    config: ColumnConfig | None = None

    @property
    def all_meta(self) -> dict[str, Any]:
        """`meta` under `config.meta`: the newer place wins."""
        return {**(self.meta or {}), **((self.config and self.config.meta) or {})}


class Constraint(Struct, frozen=True, kw_only=True):
    """A constraint on a model."""

    type: str = ""
    columns: list[str] | None = None


class NodeConfig(Struct, frozen=True, kw_only=True):
    """The `config` of a model or an exposure."""

    meta: dict[str, Any] | None = None
    tags: Any = None
    materialized: str | None = None
    group: str | None = None
    access: str | None = None
    event_time: str | None = None
    unique_key: Any = None
    freshness: Any = None


class Checksum(Struct, frozen=True, kw_only=True):
    """What dbt hashed of a model's SQL file."""

    checksum: str = ""


class Node(Struct, frozen=True, kw_only=True):
    """A model, a snapshot or a seed."""

    unique_id: str
    name: str
    resource_type: str
    package_name: str = ""
    relation_name: str | None = None
    original_file_path: str = ""
    patch_path: str | None = None
    description: str | None = None
    columns: dict[str, ManifestColumn] = {}
    constraints: list[Constraint] | None = None
    config: NodeConfig = NodeConfig()
    meta: dict[str, Any] | None = None
    tags: Any = None
    group: str | None = None
    access: str | None = None
    version: Any = None
    latest_version: Any = None
    deprecation_date: str | None = None
    checksum: Checksum | None = None

    @property
    def all_meta(self) -> dict[str, Any]:
        """`meta` under `config.meta`: the newer place wins."""
        return {**(self.meta or {}), **(self.config.meta or {})}

    @property
    def path(self) -> str:
        """The file that declares the model, else the one that defines it."""
        return (self.patch_path or "").partition("://")[2] or self.original_file_path

    @property
    def qualified_name(self) -> str:
        """The name, with `.v<n>` when the model is versioned, as `dbt ls` writes it."""
        return self.name if self.version is None else f"{self.name}.v{self.version}"


class DependsOn(Struct, frozen=True, kw_only=True):
    """What a node reads, by unique id."""

    nodes: list[str] = []


class CompiledNode(Node, frozen=True, kw_only=True):
    """A node with its SQL, which only those who read SQL decode."""

    alias: str = ""
    raw_code: str = ""
    compiled_code: str | None = None
    depends_on: DependsOn = DependsOn()


class Source(Struct, frozen=True, kw_only=True):
    """A table that dbt reads and does not make."""

    unique_id: str
    source_name: str
    name: str
    relation_name: str | None = None
    original_file_path: str = ""
    description: str | None = None
    columns: dict[str, ManifestColumn] = {}


class TestMetadata(Struct, frozen=True, kw_only=True):
    """Which generic test it is, and what it was given."""

    name: str = ""
    namespace: str | None = None
    kwargs: dict[str, Any] = {}


class DataTest(Struct, frozen=True, kw_only=True):
    """A data test; a singular one has no metadata and is attached to nothing."""

    unique_id: str
    name: str
    attached_node: str | None = None
    column_name: str | None = None
    test_metadata: TestMetadata | None = None


class Owner(Struct, frozen=True, kw_only=True):
    """Who answers for a group or an exposure."""

    name: str | list[str] | None = None
    email: str | list[str] | None = None

    def __str__(self) -> str:
        who = self.name or self.email or ""
        return ", ".join(who) if isinstance(who, list) else who


class Exposure(Struct, frozen=True, kw_only=True):
    """A use of the project's models outside dbt."""

    unique_id: str
    name: str
    type: str = ""
    label: str | None = None
    original_file_path: str = ""
    description: str | None = None
    owner: Owner = Owner()
    meta: dict[str, Any] | None = None
    tags: Any = None
    config: NodeConfig = NodeConfig()

    @property
    def all_meta(self) -> dict[str, Any]:
        """`meta` under `config.meta`: the newer place wins."""
        return {**(self.meta or {}), **(self.config.meta or {})}


class Group(Struct, frozen=True, kw_only=True):
    """A dbt group."""

    name: str
    owner: Owner = Owner()


class Metadata(Struct, frozen=True, kw_only=True):
    """What the manifest says of itself."""

    dbt_schema_version: str = ""
    dbt_version: str = ""
    generated_at: str = ""
    adapter_type: str | None = None
    project_name: str | None = None


class ManifestFile(Struct, frozen=True, kw_only=True):
    """The whole file, with nodes and sources still as bytes."""

    metadata: Metadata | None = None
    nodes: dict[str, msgspec.Raw] = {}
    sources: dict[str, msgspec.Raw] = {}
    exposures: dict[str, Exposure] = {}
    groups: dict[str, Group] = {}
