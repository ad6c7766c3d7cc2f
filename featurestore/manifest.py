"""Reading dbt's manifest.json: the dozen fields that are needed, fast, and nothing guessed.

The file of a large project is tens of megabytes, most of it SQL and docs. Nodes are kept as raw
bytes and decoded one by one when they are asked for; a node that cannot concern us never is.
Every field is optional, since dbt's versions differ in which they write.
Format: https://schemas.getdbt.com/dbt/manifest/v12.json
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from featurestore.errors import ManifestInvalid, ManifestNotFound, UnknownModel

__all__ = [
    "CompiledNode",
    "DataTest",
    "Exposure",
    "Manifest",
    "ManifestColumn",
    "Node",
    "Source",
    "load_manifest",
]

META_KEY = "featurestore"
MISSPELLINGS = ("feature_store", "feature-store", "featureStore", "feature_stores", "featurestores")
KNOWN_VERSIONS = (12,)
MODEL_TYPES = ("model", "snapshot", "seed")

_MARKS = tuple(f'"{name}"'.encode() for name in (META_KEY, *MISSPELLINGS))
_VERSION = re.compile(r"/manifest/v(\d+)\.json$")


class _Struct(msgspec.Struct, frozen=True, kw_only=True):
    """Unknown fields are ignored; a field that is missing or null has its default."""


class ColumnConfig(_Struct, frozen=True, kw_only=True):
    """The `config` of a column."""

    meta: dict[str, Any] | None = None
    tags: Any = None


class ManifestColumn(_Struct, frozen=True, kw_only=True):
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


class Constraint(_Struct, frozen=True, kw_only=True):
    """A constraint on a model."""

    type: str = ""
    columns: list[str] | None = None


class NodeConfig(_Struct, frozen=True, kw_only=True):
    """The `config` of a model or an exposure."""

    meta: dict[str, Any] | None = None
    tags: Any = None
    materialized: str | None = None
    group: str | None = None
    access: str | None = None
    event_time: str | None = None
    unique_key: Any = None
    freshness: Any = None


class Checksum(_Struct, frozen=True, kw_only=True):
    """What dbt hashed of a model's SQL file."""

    checksum: str = ""


class Node(_Struct, frozen=True, kw_only=True):
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


class DependsOn(_Struct, frozen=True, kw_only=True):
    """What a node reads, by unique id."""

    nodes: list[str] = []


class CompiledNode(Node, frozen=True, kw_only=True):
    """A node with its SQL, which only those who read SQL decode."""

    alias: str = ""
    raw_code: str = ""
    compiled_code: str | None = None
    depends_on: DependsOn = DependsOn()


class Source(_Struct, frozen=True, kw_only=True):
    """A table that dbt reads and does not make."""

    unique_id: str
    source_name: str
    name: str
    relation_name: str | None = None
    original_file_path: str = ""
    description: str | None = None
    columns: dict[str, ManifestColumn] = {}


class TestMetadata(_Struct, frozen=True, kw_only=True):
    """Which generic test it is, and what it was given."""

    name: str = ""
    namespace: str | None = None
    kwargs: dict[str, Any] = {}


class DataTest(_Struct, frozen=True, kw_only=True):
    """A data test; a singular one has no metadata and is attached to nothing."""

    unique_id: str
    name: str
    attached_node: str | None = None
    column_name: str | None = None
    test_metadata: TestMetadata | None = None


class Owner(_Struct, frozen=True, kw_only=True):
    """Who answers for a group or an exposure."""

    name: str | list[str] | None = None
    email: str | list[str] | None = None

    def __str__(self) -> str:
        who = self.name or self.email or ""
        return ", ".join(who) if isinstance(who, list) else who


class Exposure(_Struct, frozen=True, kw_only=True):
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


class Group(_Struct, frozen=True, kw_only=True):
    """A dbt group."""

    name: str
    owner: Owner = Owner()


class Metadata(_Struct, frozen=True, kw_only=True):
    """What the manifest says of itself."""

    dbt_schema_version: str = ""
    dbt_version: str = ""
    generated_at: str = ""
    adapter_type: str | None = None
    project_name: str | None = None


class _File(_Struct, frozen=True, kw_only=True):
    metadata: Metadata | None = None
    nodes: dict[str, msgspec.Raw] = {}
    disabled: dict[str, list[msgspec.Raw]] | None = {}
    sources: dict[str, msgspec.Raw] = {}
    exposures: dict[str, Exposure] = {}
    groups: dict[str, Group] = {}


_T = TypeVar("_T")


class Manifest:
    """A dbt manifest, of which nodes are decoded on demand.

    Args:
        path: Where the file lay, for messages.
        file: Its decoded outer structure.
    """

    def __init__(self, path: Path, file: _File) -> None:
        self.path = path
        self.metadata = file.metadata or Metadata()
        self.exposures = tuple(file.exposures.values())
        self.groups = {group.name: group for group in file.groups.values()}
        self._nodes = file.nodes
        self._sources = file.sources
        self._disabled = file.disabled or {}

    def __contains__(self, unique_id: str) -> bool:
        """Whether there is a node or a source of this id."""
        return unique_id in self._nodes or unique_id in self._sources

    @property
    def dialect(self) -> str:
        """The warehouse's dialect by sqlglot's name."""
        adapter = self.metadata.adapter_type or ""
        return {"sqlserver": "tsql"}.get(adapter, adapter)

    @property
    def project(self) -> str:
        """The name of the dbt project."""
        return self.metadata.project_name or ""

    def tagged(self) -> Iterator[Node]:
        """Yield the nodes that may carry the feature store's meta, decoded."""
        for raw in self._nodes.values():
            data = bytes(raw)
            if any(mark in data for mark in _MARKS):
                node = self._decode(data, Node)
                if node.resource_type in MODEL_TYPES:
                    yield node

    def models(self) -> Iterator[Node]:
        """Yield every model, snapshot and seed, decoded."""
        for unique_id in self.model_ids.values():
            yield self._decode(bytes(self._nodes[unique_id]), Node)

    def compiled(self, unique_id: str) -> CompiledNode:
        """Decode a node with its SQL.

        Raises:
            KeyError: The manifest has no node of this id.
        """
        return self._decode(bytes(self._nodes[unique_id]), CompiledNode)

    @cached_property
    def sources(self) -> dict[str, Source]:
        """Every source by its unique id."""
        return {name: self._decode(bytes(raw), Source) for name, raw in self._sources.items()}

    def data_tests(self) -> Iterator[DataTest]:
        """Yield every data test, decoded."""
        for unique_id, raw in self._nodes.items():
            if unique_id.startswith("test."):
                yield self._decode(bytes(raw), DataTest)

    @cached_property
    def model_ids(self) -> dict[str, str]:
        """The unique id of each model, snapshot and seed by name; versions by `name.v<n>`."""
        names: dict[str, str] = {}
        for unique_id in self._nodes:
            kind, _, *rest = unique_id.split(".")
            if kind in MODEL_TYPES and rest:
                names[".".join(rest)] = unique_id
        return names

    @cached_property
    def disabled_names(self) -> frozenset[str]:
        """The names of models that the project turns off."""
        return frozenset(".".join(unique_id.split(".")[2:]) for unique_id in self._disabled)

    def model(self, name: str) -> Node:
        """Find a model, snapshot or seed by name; of a versioned one, the latest.

        Raises:
            UnknownModel: The project has none of this name.
        """
        ids = self.model_ids
        if name in ids:
            return self._decode(bytes(self._nodes[ids[name]]), Node)
        versions = [
            self._decode(bytes(self._nodes[ids[known]]), Node)
            for known in ids
            if known.rpartition(".v")[0] == name
        ]
        for node in versions:
            if node.version == node.latest_version:
                return node
        raise UnknownModel(name, ids, where=str(self.path))

    def _decode(self, data: bytes, kind: type[_T]) -> _T:
        try:
            return msgspec.json.decode(data, type=kind, strict=False)
        except msgspec.ValidationError as error:
            raise _invalid(self.path, f"a node is not what dbt writes: {error}") from error


def load_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Args:
        path: The file that `dbt parse`, `dbt build` or any other command of dbt wrote.

    Raises:
        ManifestNotFound: There is no such file.
        ManifestInvalid: It is empty, cut short, not JSON, not a manifest, or of an unknown version.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ManifestNotFound(
            f"No dbt manifest at {path}.",
            remedy="Run `dbt build` (or `dbt parse`) in the project first, or name another folder"
            " with --project-dir.",
        ) from None
    except OSError as error:
        raise ManifestInvalid(f"Cannot read the dbt manifest at {path}: {error}.") from error
    if not data.strip():
        raise _invalid(path, "the file is empty")
    return _decode_file(path, data)


def _decode_file(path: Path, data: bytes) -> Manifest:
    try:
        file = msgspec.json.decode(data, type=_File)
    except msgspec.ValidationError as error:
        raise _invalid(path, f"it is not a manifest ({error})") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _invalid(path, f"it is no whole JSON ({error})") from error
    if file.metadata is None:
        raise _invalid(path, "it has no 'metadata', so dbt did not write it")
    _check_version(path, file.metadata)
    return Manifest(path, file)


def _check_version(path: Path, metadata: Metadata) -> None:
    found = _VERSION.search(metadata.dbt_schema_version)
    if found is None:
        raise _invalid(
            path, f"its schema is '{metadata.dbt_schema_version}', which is no manifest's"
        )
    if int(found[1]) not in KNOWN_VERSIONS:
        known = ", ".join(f"v{version}" for version in KNOWN_VERSIONS)
        raise ManifestInvalid(
            f"The dbt manifest at {path} has schema v{found[1]} (dbt {metadata.dbt_version});"
            f" known is {known}.",
            remedy="Use dbt-core 1.8 to 1.11, or a newer featurestore.",
        )


def _invalid(path: Path, why: str) -> ManifestInvalid:
    return ManifestInvalid(
        f"Failed to load the dbt manifest at {path}: {why}.",
        remedy="Run `dbt parse` to write it anew.",
    )
