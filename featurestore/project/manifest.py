"""Read dbt's manifest.json: only the needed fields, and fast.

The file of a large project has tens of megabytes, mostly SQL and docs. The manifest keeps nodes as
raw bytes and decodes each one on demand. It never decodes a node without the feature store's meta.
Format: https://schemas.getdbt.com/dbt/manifest/v12.json
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import msgspec

from featurestore.errors import ManifestInvalid, ManifestNotFound, UnknownModel
from featurestore.project.compiled_files import CompiledFiles
from featurestore.project.nodes import (
    CompiledNode,
    DataTest,
    Group,
    ManifestFile,
    Metadata,
    Node,
    Source,
)

__all__ = [
    "Manifest",
    "load_manifest",
]

META_KEY = "featurestore"
MISSPELLINGS = ("feature_store", "feature-store", "featureStore", "feature_stores", "featurestores")
KNOWN_VERSIONS = (12,)
MODEL_TYPES = ("model", "snapshot", "seed")

_MARKS = tuple(f'"{name}"'.encode() for name in (META_KEY, *MISSPELLINGS))
_MODEL_IDS = tuple(f"{kind}." for kind in MODEL_TYPES)
_MACRO_PARTS = 3
_VERSION = re.compile(r"/manifest/v(\d+)\.json$")


_T = TypeVar("_T")


class Manifest:
    """A dbt manifest that decodes its nodes on demand.

    Args:
        path: The path of the file, for messages.
        file: Its decoded outer structure.
        folder: The dbt project's folder, for the SQL that earlier runs of dbt compiled.
    """

    def __init__(self, path: Path, file: ManifestFile, folder: Path | None = None) -> None:
        self.path = path
        self._folder = folder
        self.metadata = file.metadata or Metadata()
        self.exposures = tuple(file.exposures.values())
        self._groups = tuple(file.groups.values())
        # The root project's nodes come first: as in dbt, they win over a package's of one name.
        self._nodes = dict(
            sorted(
                file.nodes.items(), key=lambda item: item[0].split(".", 2)[1:2] != [self.project]
            )
        )
        self._sources = file.sources
        self._macros = tuple(file.macros)

    def __contains__(self, unique_id: str) -> bool:
        """Return whether the manifest has a node or a source with this id."""
        return unique_id in self._nodes or unique_id in self._sources

    @property
    def dialect(self) -> str:
        """The warehouse's dialect, by the name that sqlglot uses."""
        adapter = self.metadata.adapter_type or ""
        return {"sqlserver": "tsql"}.get(adapter, adapter)

    @property
    def project(self) -> str:
        """The name of the dbt project."""
        return self.metadata.project_name or ""

    def overrides(self, macro: str) -> bool:
        """Return whether a package other than dbt's own defines a macro, for any adapter."""
        names = (name.split(".") for name in self._macros)
        return any(
            package != "dbt" and (name == macro or name.endswith(f"__{macro}"))
            for _, package, name in (parts for parts in names if len(parts) == _MACRO_PARTS)
        )

    def tagged(self) -> Iterator[Node]:
        """Yield the nodes that may carry the feature store's meta, decoded."""
        for raw in self._nodes.values():
            data = bytes(raw)
            # A search in the bytes takes a fraction of the time of decoding the node's JSON.
            if any(mark in data for mark in _MARKS):
                node = self._decode(data, Node)
                if node.resource_type in MODEL_TYPES:
                    yield node

    def mentioning(self, words: Iterable[str]) -> Iterator[Node | Source]:
        """Yield the models and sources that have one of these words as a key or a text, decoded."""
        marks = [json.dumps(word).encode() for word in words]
        for unique_id, raw in self._nodes.items():
            data = bytes(raw) if unique_id.startswith(_MODEL_IDS) else b""
            if any(mark in data for mark in marks):
                yield self._decode(data, Node)
        for raw in self._sources.values():
            data = bytes(raw)
            if any(mark in data for mark in marks):
                yield self._decode(data, Source)

    def models(self) -> Iterator[Node]:
        """Yield every model, snapshot and seed, decoded."""
        for unique_id in self.all_model_ids:
            yield self._node(unique_id)

    def groups_of(self, package: str) -> dict[str, Group]:
        """Return the groups by name; a package's own win over the root project's, and over others.

        Args:
            package: The package whose nodes name the groups.
        """
        rank = {package: 2, self.project: 1}
        ordered = sorted(self._groups, key=lambda group: rank.get(group.package_name, 0))
        return {group.name: group for group in ordered}

    def relations(self) -> Iterator[tuple[str, str]]:
        """Yield the relation name and the unique id of every table that dbt builds or reads."""
        nodes: tuple[Node | Source, ...] = (*self.models(), *self.sources.values())
        for node in nodes:
            if node.relation_name:
                yield node.relation_name, node.unique_id

    def compiled(self, unique_id: str) -> CompiledNode:
        """Return a node with its SQL, which an earlier run of dbt may have compiled.

        Raises:
            KeyError: The manifest has no node of this id.
        """
        node = self._decode(bytes(self._nodes[unique_id]), CompiledNode)
        if node.compiled_code or self._compiled_files is None:
            return node
        sql = self._compiled_files.sql(node, self._relations_read_by(node))
        return msgspec.structs.replace(node, compiled_code=sql)

    @cached_property
    def _compiled_files(self) -> CompiledFiles | None:
        folder = self._folder
        return CompiledFiles(self.project, folder, self.path.parent) if folder else None

    def _relations_read_by(self, node: CompiledNode) -> Iterator[str]:
        for needed in node.depends_on.nodes:
            table: Node | Source | None = self.sources.get(needed)
            if table is None and needed in self._nodes:
                table = self._node(needed)
            if table is not None and table.relation_name:
                yield table.relation_name

    @cached_property
    def sources(self) -> dict[str, Source]:
        """Every source by its unique id."""
        return {name: self._decode(bytes(raw), Source) for name, raw in self._sources.items()}

    def data_tests(self) -> Iterator[DataTest]:
        """Yield every data test, decoded."""
        for unique_id, raw in self._nodes.items():
            if unique_id.startswith("test."):
                yield self._decode(bytes(raw), DataTest)

    @property
    def all_model_ids(self) -> Iterator[str]:
        """The unique id of each model, snapshot and seed of every package."""
        return (unique_id for names in self._packages.values() for unique_id in names.values())

    @property
    def model_ids(self) -> dict[str, str]:
        """The unique id of each model, snapshot and seed by name; versions by `name.v<n>`.

        Of several packages with one name, the root project's wins, then the first.
        """
        packages = reversed(self._packages.values())
        return {name: unique_id for names in packages for name, unique_id in names.items()}

    @cached_property
    def _packages(self) -> dict[str, dict[str, str]]:
        """The unique ids by package, the root project first, and then by name."""
        packages: dict[str, dict[str, str]] = {}
        for unique_id in self._nodes:
            kind, _, rest = unique_id.partition(".")
            package, _, name = rest.partition(".")
            if kind in MODEL_TYPES and name:
                packages.setdefault(package, {})[name] = unique_id
        return packages

    def model(self, name: str) -> Node:
        """Return a model, snapshot or seed by name, as dbt's `ref()` finds it.

        Args:
            name: A name, of the root project's model if several packages have one; the latest
                version of a versioned model. A unique id names one of any package.

        Raises:
            UnknownModel: The project has no model, snapshot or seed with this name.
        """
        if name in self._nodes and name.partition(".")[0] in MODEL_TYPES:
            return self._node(name)
        for ids in self._packages.values():
            node = self._named(name, ids)
            if node is not None:
                return node
        raise UnknownModel(name, self.model_ids, where=str(self.path))

    def _named(self, name: str, ids: Mapping[str, str]) -> Node | None:
        if name in ids:
            return self._node(ids[name])
        versions = (self._node(ids[known]) for known in ids if known.rpartition(".v")[0] == name)
        return next((node for node in versions if node.version == node.latest_version), None)

    def _node(self, unique_id: str) -> Node:
        return self._decode(bytes(self._nodes[unique_id]), Node)

    def _decode(self, data: bytes, kind: type[_T]) -> _T:
        try:
            return msgspec.json.decode(data, type=kind, strict=False)
        except msgspec.ValidationError as error:
            raise _invalid(self.path, f"a node does not match dbt's schema: {error}") from error


def load_manifest(path: Path, folder: Path | None = None) -> Manifest:
    """Return the manifest in a file.

    Args:
        path: The manifest.json that a command of dbt wrote.
        folder: The dbt project's folder, for the SQL that earlier runs of dbt compiled.

    Raises:
        ManifestNotFound: The file does not exist.
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
    return _decode_file(path, data, folder)


def _decode_file(path: Path, data: bytes, folder: Path | None) -> Manifest:
    try:
        file = msgspec.json.decode(data, type=ManifestFile)
    except msgspec.ValidationError as error:
        raise _invalid(path, f"it is not a manifest ({error})") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _invalid(path, f"it is not complete JSON ({error})") from error
    if file.metadata is None:
        raise _invalid(path, "it has no 'metadata', so dbt did not write it")
    _check_version(path, file.metadata)
    return Manifest(path, file, folder)


def _check_version(path: Path, metadata: Metadata) -> None:
    found = _VERSION.search(metadata.dbt_schema_version)
    if found is None:
        raise _invalid(
            path, f"its schema '{metadata.dbt_schema_version}' is not the schema of a manifest"
        )
    if int(found[1]) not in KNOWN_VERSIONS:
        known = ", ".join(f"v{version}" for version in KNOWN_VERSIONS)
        raise ManifestInvalid(
            f"The dbt manifest at {path} has schema v{found[1]} (dbt {metadata.dbt_version});"
            f" this version reads {known}.",
            remedy="Use dbt-core 1.8 or newer."
            if int(found[1]) < min(KNOWN_VERSIONS)
            else f"Use a newer featurestore, or a dbt-core that writes {known}, such as 1.12.",
        )


def _invalid(path: Path, why: str) -> ManifestInvalid:
    return ManifestInvalid(
        f"Failed to load the dbt manifest at {path}: {why}.",
        remedy="Run `dbt parse` to write it again.",
    )
