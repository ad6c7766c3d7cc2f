"""Every error that a user can meet, in one tree, each with its remedy and the exit code of the CLI.

FeatureStoreError
├── ManifestError
│   ├── ManifestNotFound
│   ├── ManifestInvalid
│   └── NotCompiled
├── ProfileError
├── RegistryError
│   ├── DefinitionProblems
│   ├── UnknownFeatureView
│   ├── UnknownFeature
│   ├── UnknownEntity
│   ├── UnknownFeatureService
│   └── UnknownModel
├── PlanError
│   ├── EntityFrameError
│   └── NameCollision
├── UnsupportedDialect
├── MissingExtra
├── WarehouseError
│   ├── WarehouseUnavailable
│   └── RelationNotBuilt
├── OnlineStoreError
│   ├── OnlineStoreUnavailable
│   └── UnsupportedOnlineType
└── SyncError
    └── SyncLocked

A bug of ours is none of these: it traces back.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "DefinitionProblems",
    "EntityFrameError",
    "FeatureStoreError",
    "ManifestError",
    "ManifestInvalid",
    "ManifestNotFound",
    "MissingExtra",
    "NameCollision",
    "NotCompiled",
    "OnlineStoreError",
    "OnlineStoreUnavailable",
    "PlanError",
    "Problem",
    "ProfileError",
    "RegistryError",
    "RelationNotBuilt",
    "SyncError",
    "SyncLocked",
    "UnknownEntity",
    "UnknownFeature",
    "UnknownFeatureService",
    "UnknownFeatureView",
    "UnknownModel",
    "UnsupportedDialect",
    "UnsupportedOnlineType",
    "WarehouseError",
    "WarehouseUnavailable",
    "did_you_mean",
]

_MOST_NAMES = 20


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Suggest the nearest known name, as a sentence; empty when nothing is near.

    >>> did_you_mean("plane_featurs", ["plane_features", "carrier_features"])
    "Did you mean 'plane_features'?"
    >>> did_you_mean("zzz", ["plane_features"])
    ''
    """
    originals = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), originals, n=1, cutoff=0.6)
    return f"Did you mean '{originals[near[0]]}'?" if near else ""


class FeatureStoreError(Exception):
    """Anything that the user, the project or a service got wrong; shown without a traceback.

    Args:
        message: What is wrong, where, and the value.
        remedy: What to do about it, as a sentence.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message} {remedy}".strip())


class ManifestError(FeatureStoreError):
    """dbt's manifest cannot be used."""


class ManifestNotFound(ManifestError):
    """There is no manifest where dbt would have written it."""


class ManifestInvalid(ManifestError):
    """The file is empty, cut short, not JSON, not a manifest, or of an unknown version."""


class NotCompiled(ManifestError):
    """A model's SQL is not in the manifest, or cannot be read."""


class ProfileError(FeatureStoreError):
    """dbt_project.yml or profiles.yml is missing, unreadable, or lacks the profile or target."""


class RegistryError(FeatureStoreError):
    """A name or a definition in the registry is wrong."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with one definition.

    Problems order by file, then by resource, so that a report reads like the project's tree.

    Attributes:
        path: The file to edit, relative to the dbt project.
        resource: The model or exposure, as dbt names it.
        message: What is wrong, with the offending value.
        remedy: What to do about it.
        line: The line of the file, counted from 1; 0 where none is known.
        code: The rule of the lint that found it; empty for a definition.
        severity: `error`, or `warning` for what works and may still be wrong.
        snippet: The offending SQL.
    """

    path: str
    resource: str
    message: str
    remedy: str = ""
    line: int = 0
    code: str = ""
    severity: str = "error"
    snippet: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        code = f"{self.code} " if self.code else ""
        snippet = f" Found: {self.snippet}" if self.snippet else ""
        return f"{place}: {self.resource}: {code}{self.message} {self.remedy}".strip() + snippet


class DefinitionProblems(RegistryError):
    """One or more feature views or services are declared wrongly; all are listed at once.

    Attributes:
        problems: Every problem found, sorted by file.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        count = len(self.problems)
        listing = "\n".join(f"  {problem}" for problem in self.problems)
        noun = "problem" if count == 1 else "problems"
        super().__init__(f"{count} {noun} in the project's features:\n{listing}")


class UnknownName(RegistryError):
    """A lookup by a name that the registry does not have."""

    noun: ClassVar[str] = "name"

    def __init__(self, name: str, known: Iterable[str], *, where: str = "") -> None:
        names = sorted(known)
        message = f"Unknown {self.noun} '{name}'{f' in {where}' if where else ''}."
        shown = ", ".join(names[:_MOST_NAMES])
        listing = f"Known: {shown}{', ...' if len(names) > _MOST_NAMES else ''}."
        remedy = did_you_mean(name, names) or (listing if names else "There is none yet.")
        super().__init__(message, remedy=remedy)


class UnknownFeatureView(UnknownName):
    """No feature view has this name."""

    noun = "feature view"


class UnknownFeature(UnknownName):
    """The feature view has no feature of this name."""

    noun = "feature"


class UnknownEntity(UnknownName):
    """No feature view declares this entity."""

    noun = "entity"


class UnknownFeatureService(UnknownName):
    """No exposure of `type: ml` with features has this name."""

    noun = "feature service"


class UnknownModel(UnknownName):
    """No dbt model has this name."""

    noun = "model"


class PlanError(FeatureStoreError):
    """The request cannot be turned into SQL."""


class EntityFrameError(PlanError):
    """The entity frame lacks a key or the timestamp, or has one of the wrong type."""


class NameCollision(PlanError):
    """Two columns of the training set would have one name."""


class UnsupportedDialect(FeatureStoreError):
    """No join strategy is known for the warehouse's dialect, or not the one asked for."""


class MissingExtra(FeatureStoreError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str, *, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package '{package}', which is not installed.",
            remedy=f"Install it with: pip install 'featurestore[{extra}]'",
        )


class WarehouseError(FeatureStoreError):
    """The warehouse refused a statement."""


class WarehouseUnavailable(WarehouseError):
    """The warehouse cannot be reached: a missing or locked file, a server that is down."""

    exit_code = 3


class RelationNotBuilt(WarehouseError):
    """The table or view of a model is not in the warehouse."""


class OnlineStoreError(FeatureStoreError):
    """The online store refused a command or holds what cannot be read."""


class OnlineStoreUnavailable(OnlineStoreError):
    """Redis cannot be reached, or turned the connection away."""

    exit_code = 3


class UnsupportedOnlineType(OnlineStoreError):
    """A feature's type has no online format."""


class SyncError(FeatureStoreError):
    """A sync could not finish; what it published stays valid and the next run heals the rest."""


class SyncLocked(SyncError):
    """Another sync of the same project holds the lock."""
