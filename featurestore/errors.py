"""Every error that a user can meet, in one tree, each with its remedy and the exit code of the CLI.

FeatureStoreError
├── ManifestError
│   ├── ManifestNotFound          dbt has not written target/manifest.json
│   ├── ManifestInvalid           the file is damaged, not a manifest, or of an unknown version
│   ├── ManifestOfOtherTarget     dbt wrote the manifest for another target than the command's
│   └── NotCompiled               a model's compiled SQL is missing or does not parse
├── ProfileError                  dbt_project.yml or profiles.yml lacks what the target needs
├── RegistryError                 a feature reference or an allowance is wrong
│   ├── DefinitionProblems        feature views or services are declared wrongly
│   ├── ExpressionRefused         a request-time expression has a form without a known meaning
│   └── UnknownName
│       ├── UnknownFeatureView    no feature view has the name
│       ├── UnknownFeature        the view has no feature of the name
│       ├── UnknownEntity         no feature view declares the entity
│       ├── UnknownFeatureService no exposure with features has the name
│       └── UnknownModel          no dbt model has the name
├── PlanError                     a request does not translate to SQL
│   ├── EntityFrameError          the entity rows lack a key or hold a wrong value
│   └── NameCollision             two columns of a result have one name
├── UnsupportedDialect            no join strategy fits the warehouse's dialect
├── MissingExtra                  an optional dependency is not installed
├── WarehouseError                the warehouse refused a statement
│   ├── WarehouseUnavailable      the warehouse does not answer (exit code 3)
│   ├── MissingRight              the role lacks a right that the statement needs
│   └── RelationNotBuilt          the model's table or view does not exist
├── OnlineStoreError              Redis refused a command or holds unreadable data
│   ├── NotServedOnline           a view or a feature is not published, on purpose
│   ├── OnlineStoreUnavailable    Redis does not answer (exit code 3)
│   └── UnsupportedOnlineType     a feature's type has no online format
└── SyncError                     a sync did not finish
    └── SyncLocked                another sync of the project holds the lock

All others exit with code 1. A bug in this package raises none of these: it shows a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

__all__ = [
    "DefinitionProblems",
    "EntityFrameError",
    "ExpressionRefused",
    "FeatureStoreError",
    "ForeignOwner",
    "ManifestError",
    "ManifestInvalid",
    "ManifestNotFound",
    "ManifestOfOtherTarget",
    "MissingExtra",
    "MissingRight",
    "NameCollision",
    "NotCompiled",
    "NotServedOnline",
    "OnlineStoreError",
    "OnlineStoreUnavailable",
    "PersonalDataWarning",
    "PlanError",
    "Problem",
    "ProfileError",
    "RegistryError",
    "RelationNotBuilt",
    "Severity",
    "SyncError",
    "SyncLocked",
    "TargetWarning",
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

Severity = Literal["error", "warning"]

_MOST_NAMES = 20


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that suggests the nearest known name; empty if none is near.

    >>> did_you_mean("plane_featurs", ["plane_features", "carrier_features"])
    "Did you mean 'plane_features'?"
    >>> did_you_mean("zzz", ["plane_features"])
    ''
    """
    originals = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), originals, n=1, cutoff=0.6)
    return f"Did you mean '{originals[near[0]]}'?" if near else ""


class FeatureStoreError(Exception):
    """An error of the user, the project or a service; the CLI shows it without a traceback.

    Args:
        message: The error, its place and the offending value.
        remedy: How to fix it, as a sentence.
        about: The name that is wrong, such as a join key; empty if no single one is.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, remedy: str = "", about: str = "") -> None:
        self.message = message
        self.remedy = remedy
        self.about = about
        super().__init__(f"{message} {remedy}".strip())

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the error by its attributes: subclasses take other arguments than `args` holds."""
        return _restored, (type(self), self.args, vars(self))


def _restored(kind: type[FeatureStoreError], args: tuple[Any, ...], state: dict[str, Any]) -> Any:
    error = kind.__new__(kind, *args)
    vars(error).update(state)
    return error


class TargetWarning(UserWarning):
    """The manifest does not tell for which target dbt wrote it; the CLI shows it as one line."""


class PersonalDataWarning(UserWarning):
    """A column may be personal data, but lineage cannot follow it; the CLI shows it as one line."""


class ManifestError(FeatureStoreError):
    """Base of all errors about dbt's manifest."""


class ManifestNotFound(ManifestError):
    """dbt has not written a manifest to the target folder."""


class ManifestInvalid(ManifestError):
    """The file is empty, cut short, not JSON, not a manifest, or of an unknown version."""


class ManifestOfOtherTarget(ManifestError):
    """dbt wrote the manifest for another target, so it names the other target's tables."""


class NotCompiled(ManifestError):
    """The manifest lacks a model's compiled SQL, or the SQL does not parse."""


class ProfileError(FeatureStoreError):
    """dbt_project.yml or profiles.yml is missing, unreadable, or lacks the profile or target."""


class RegistryError(FeatureStoreError):
    """A name, a reference or a definition in the registry is wrong."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One error in one definition.

    Problems sort by file, then by resource, so that a report follows the project's tree.

    Attributes:
        path: The file to edit, relative to the dbt project.
        resource: The model or exposure, as dbt names it.
        message: The error, with the offending value.
        remedy: How to fix it.
        line: The line of the file, counted from 1; 0 if unknown.
        code: The code of the lint rule that found it; empty for an error in a definition.
        severity: `error`, or `warning` for code that works but looks wrong.
        snippet: The offending SQL.
    """

    path: str
    resource: str
    message: str
    remedy: str = ""
    line: int = 0
    code: str = ""
    severity: Severity = "error"
    snippet: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        code = f"{self.code} " if self.code else ""
        snippet = f" Found: {self.snippet}" if self.snippet else ""
        return f"{place}: {self.resource}: {code}{self.message} {self.remedy}".strip() + snippet


class DefinitionProblems(RegistryError):
    """One or more feature views or services are declared wrongly; the message lists all of them.

    Attributes:
        problems: Every problem found, sorted by file.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        count = len(self.problems)
        listing = "\n".join(f"  {problem}" for problem in self.problems)
        noun = "problem" if count == 1 else "problems"
        super().__init__(f"{count} {noun} in the project's features:\n{listing}")


class ExpressionRefused(RegistryError):
    """An on-demand feature's expression does not parse, or has a form that is not in the table."""


class UnknownName(RegistryError):
    """The registry does not have the name that was looked up."""

    noun: ClassVar[str] = "name"

    def __init__(self, name: str, known: Iterable[str], *, where: str = "") -> None:
        names = sorted(known)
        message = f"Unknown {self.noun} '{name}'{f' in {where}' if where else ''}."
        shown = ", ".join(names[:_MOST_NAMES])
        listing = f"Known: {shown}{', ...' if len(names) > _MOST_NAMES else ''}."
        remedy = did_you_mean(name, names) or (listing if names else "Known: none yet.")
        super().__init__(message, remedy=remedy, about=name)


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
    """The request does not translate to SQL."""


class EntityFrameError(PlanError):
    """The entity rows lack a key or the timestamp, or hold a value of the wrong type."""


class NameCollision(PlanError):
    """Two columns of a training set or an online response would have the same name."""


class UnsupportedDialect(FeatureStoreError):
    """The warehouse's dialect has no join strategy, or not the requested one."""


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
    """The warehouse does not answer: its file is missing or locked, or its server is down."""

    exit_code = 3


class MissingRight(WarehouseError):
    """The role lacks a right that the statement needs; the message names both."""


class RelationNotBuilt(WarehouseError):
    """The warehouse does not have the table or view of a model."""


class OnlineStoreError(FeatureStoreError):
    """The online store refused a command or holds unreadable data."""


class NotServedOnline(OnlineStoreError):
    """A view or a feature is not published: it is declared so, or it is personal data."""


class OnlineStoreUnavailable(OnlineStoreError):
    """Redis does not answer, or refused the connection."""

    exit_code = 3


class UnsupportedOnlineType(OnlineStoreError):
    """A feature's type has no online format."""


class SyncError(FeatureStoreError):
    """A sync did not finish. Published rows stay valid, and the next run publishes the rest."""


class ForeignOwner(SyncError):
    """Another identity publishes the same project to the same Redis."""


class SyncLocked(SyncError):
    """Another sync of the same project holds the lock."""
