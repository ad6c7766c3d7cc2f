"""Compare the target that wrote a manifest with the target that a command connects to.

A manifest names the tables of one target, and does not name the target. Without this comparison
`--target prod` would open prod's connection and read dev's tables.
Source: https://docs.getdbt.com/docs/build/custom-schemas
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from itertools import chain

from featurestore.project.manifest import Manifest
from featurestore.project.nodes import Node
from featurestore.project.target_names import TargetNames
from featurestore.values.dbt_profile import Profile

__all__ = ["TargetMatch", "difference", "match_target"]


class TargetMatch(Enum):
    """Whether a manifest was written for a target."""

    SAME = "the same target"
    OTHER = "another target"
    NO_FIT = "a macro names the schemas, and none is the target's"
    NO_NAMES = "the manifest holds nothing to compare"


_UNDECIDED = (TargetMatch.NO_FIT, TargetMatch.NO_NAMES)


def match_target(
    manifest: Manifest, profile: Profile, *, typed: bool, others: Callable[[], Iterable[Profile]]
) -> TargetMatch:
    """Return whether a manifest was written for the target of a profile.

    Args:
        manifest: The manifest.
        profile: The target.
        typed: Whether the user named the target, instead of taking the profile's default.
        others: Returns the other targets of the profile.
    """
    adapter = manifest.metadata.adapter_type
    if adapter and adapter != profile.adapter:
        return TargetMatch.OTHER
    match = _by_names(manifest, TargetNames.of(profile))
    if match not in _UNDECIDED:
        return match
    recorded = _recorded_target(manifest)
    if recorded is not None and (recorded or not typed):
        # dbt records a target that was typed or in DBT_TARGET; without one, it took the default.
        return TargetMatch.SAME if recorded in ("", profile.target) else TargetMatch.OTHER
    if match is TargetMatch.NO_FIT and any(
        _by_names(manifest, TargetNames.of(other)) is TargetMatch.SAME for other in others()
    ):
        return TargetMatch.OTHER
    return match


def difference(manifest: Manifest, profile: Profile) -> str:
    """Return where the manifest's tables are, and where the target's would be."""
    if manifest.metadata.adapter_type not in (None, profile.adapter):
        return f"its adapter is {manifest.metadata.adapter_type}, the target's {profile.adapter}"
    wanted = TargetNames.of(profile)
    table = next((node.relation_name for node in manifest.tagged() if node.relation_name), "none")
    place = ".".join(name for name in (wanted.database, wanted.schema) if name)
    return f"it names the table {table}, and the target builds in {place or 'another place'}"


def _by_names(manifest: Manifest, wanted: TargetNames) -> TargetMatch:
    databases = _databases(manifest, wanted)
    if databases is TargetMatch.OTHER:
        return databases
    return _schemas(manifest, wanted)


def _databases(manifest: Manifest, wanted: TargetNames) -> TargetMatch:
    if wanted.database is None or manifest.overrides("generate_database_name"):
        return TargetMatch.NO_NAMES
    for node in _nodes(manifest):
        if node.database and not (node.config.database or node.config.target_database):
            same = wanted.folded(node.database) == wanted.folded(wanted.database)
            return TargetMatch.SAME if same else TargetMatch.OTHER
    return TargetMatch.NO_NAMES


def _schemas(manifest: Manifest, wanted: TargetNames) -> TargetMatch:
    if wanted.schema is None:
        return TargetMatch.NO_NAMES
    schema = wanted.folded(wanted.schema)
    if manifest.overrides("generate_schema_name"):
        found = {
            wanted.folded(node.schema or "") for node in _nodes(manifest) if _named_by_dbt(node)
        }
        if not found:
            return TargetMatch.NO_NAMES
        return TargetMatch.SAME if schema in found else TargetMatch.NO_FIT
    prefixes = _prefixes(manifest, wanted)
    prefix = next(prefixes, None)
    if prefix is None:
        return TargetMatch.NO_NAMES
    return TargetMatch.SAME if prefix == schema else TargetMatch.OTHER


def _prefixes(manifest: Manifest, wanted: TargetNames) -> Iterator[str]:
    """Yield the target's schema as each node has it under dbt's own macro."""
    for node in _nodes(manifest):
        if not _named_by_dbt(node):
            continue
        found, custom = wanted.folded(node.schema or ""), node.config.schema
        if not custom:
            yield found
            continue
        suffix = "_" + wanted.folded(str(custom).strip())
        if found.endswith(suffix):
            yield found.removesuffix(suffix)


def _named_by_dbt(node: Node) -> bool:
    """Return whether the schema is from dbt's macro; old snapshots write `target_schema`."""
    return bool(node.schema) and not node.config.target_schema


def _nodes(manifest: Manifest) -> Iterable[Node]:
    """Yield feature views first: few nodes are decoded where they decide."""
    return chain(manifest.tagged(), manifest.models())


def _recorded_target(manifest: Manifest) -> str | None:
    """Return the target in the run results of the invocation that wrote the manifest.

    It is empty if nobody named a target, and None without results of that invocation.
    """
    try:
        results = json.loads(manifest.path.with_name("run_results.json").read_bytes())
        invocation = results["metadata"]["invocation_id"]
        target = results["args"].get("target")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not invocation or invocation != manifest.metadata.invocation_id:
        return None
    return str(target or "")
