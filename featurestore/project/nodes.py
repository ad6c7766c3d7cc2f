"""The fields that we read of the nodes, sources, tests, exposures and groups in dbt's manifest.

Every field is optional, because each version of dbt writes its own set of fields.
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
    """Base that ignores unknown fields and gives missing or null fields their default."""


class ColumnConfig(Struct, frozen=True, kw_only=True):
    """The `config` of a column."""

    meta: dict[str, Any] | None = None
    tags: Any = None


class ManifestColumn(Struct, frozen=True, kw_only=True):
    """A column that a yml documents; the SQL may lack it."""

    name: str
    description: str | None = None
    data_type: str | None = None
    meta: dict[str, Any] | None = None
    tags: Any = None
    config: ColumnConfig | None = None

    @property
    def all_meta(self) -> dict[str, Any]:
        """`meta` merged with `config.meta`, dbt's newer place, which wins."""
        return {**(self.meta or {}), **((self.config and self.config.meta) or {})}


class Constraint(Struct, frozen=True, kw_only=True):
    """A constraint on a model."""

    type: str = ""
    columns: list[str] | None = None


class NodeConfig(Struct, frozen=True, kw_only=True):
    """The `config` of a model, a snapshot or an exposure."""

    meta: dict[str, Any] | None = None
    tags: Any = None
    materialized: str | None = None
    group: str | None = None
    access: str | None = None
    event_time: str | None = None
    unique_key: Any = None
    freshness: Any = None
    schema: Any = None
    database: Any = None
    target_schema: Any = None
    target_database: Any = None
    strategy: str | None = None
    updated_at: str | None = None
    hard_deletes: str | None = None
    dbt_valid_to_current: str | None = None
    snapshot_meta_column_names: dict[str, str | None] | None = None
    incremental_strategy: str | None = None
    batch_size: Any = None
    lookback: int | None = None
    partition_by: Any = None
    require_partition_filter: Any = None


class Checksum(Struct, frozen=True, kw_only=True):
    """dbt's hash of a model's SQL file."""

    checksum: str = ""


class Node(Struct, frozen=True, kw_only=True):
    """A model, a snapshot or a seed."""

    unique_id: str
    name: str
    resource_type: str
    package_name: str = ""
    relation_name: str | None = None
    schema: str | None = None
    database: str | None = None
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
        """`meta` merged with `config.meta`, dbt's newer place, which wins."""
        return {**(self.meta or {}), **(self.config.meta or {})}

    @property
    def path(self) -> str:
        """The yml that declares the model, else its SQL file."""
        return (self.patch_path or "").partition("://")[2] or self.original_file_path

    @property
    def qualified_name(self) -> str:
        """The name as `dbt ls` writes it: with `.v<n>` for a versioned model."""
        return self.name if self.version is None else f"{self.name}.v{self.version}"


class DependsOn(Struct, frozen=True, kw_only=True):
    """The unique ids of the nodes that a node reads."""

    nodes: list[str] = []


class CompiledNode(Node, frozen=True, kw_only=True):
    """A node with its SQL; a class of its own, because most readers do not need the SQL."""

    alias: str = ""
    raw_code: str = ""
    compiled_code: str | None = None
    depends_on: DependsOn = DependsOn()


class Source(Struct, frozen=True, kw_only=True):
    """A table that dbt reads but does not build."""

    unique_id: str
    source_name: str
    name: str
    relation_name: str | None = None
    original_file_path: str = ""
    description: str | None = None
    columns: dict[str, ManifestColumn] = {}

    @property
    def path(self) -> str:
        """The yml that declares the source."""
        return self.original_file_path

    @property
    def qualified_name(self) -> str:
        """The name of the source and of its table, as in `source.table`."""
        return f"{self.source_name}.{self.name}"


class TestMetadata(Struct, frozen=True, kw_only=True):
    """The name and the arguments of a generic test."""

    name: str = ""
    namespace: str | None = None
    kwargs: dict[str, Any] = {}


class DataTest(Struct, frozen=True, kw_only=True):
    """A data test; a singular test has neither metadata nor an attached node."""

    unique_id: str
    name: str
    attached_node: str | None = None
    column_name: str | None = None
    test_metadata: TestMetadata | None = None


class Owner(Struct, frozen=True, kw_only=True):
    """The owner of a group or an exposure."""

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
        """`meta` merged with `config.meta`, dbt's newer place, which wins."""
        return {**(self.meta or {}), **(self.config.meta or {})}


class Group(Struct, frozen=True, kw_only=True):
    """A dbt group."""

    name: str
    package_name: str = ""
    owner: Owner = Owner()


class Metadata(Struct, frozen=True, kw_only=True):
    """The manifest's own header."""

    dbt_schema_version: str = ""
    dbt_version: str = ""
    generated_at: str = ""
    adapter_type: str | None = None
    project_name: str | None = None
    invocation_id: str | None = None


class ManifestFile(Struct, frozen=True, kw_only=True):
    """The whole file, with nodes and sources as undecoded bytes."""

    metadata: Metadata | None = None
    nodes: dict[str, msgspec.Raw] = {}
    sources: dict[str, msgspec.Raw] = {}
    exposures: dict[str, Exposure] = {}
    groups: dict[str, Group] = {}
    macros: dict[str, msgspec.Raw] = {}
