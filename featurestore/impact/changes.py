"""Changes between two states of a project, and how much each of them matters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["EFFECTS", "Change", "Effect"]


class Effect(StrEnum):
    """What a change does to those who use the features."""

    BREAKING = "breaking"
    BEHAVIOUR = "behaviour"
    SAFE = "safe"


EFFECTS = {
    "view removed": Effect.BREAKING,
    "view retired": Effect.SAFE,
    "view added": Effect.SAFE,
    "version added": Effect.SAFE,
    "entities changed": Effect.BREAKING,
    "key retyped": Effect.BREAKING,
    "feature removed": Effect.BREAKING,
    "feature renamed": Effect.BREAKING,
    "feature retyped": Effect.BREAKING,
    "feature added": Effect.SAFE,
    "logic changed": Effect.BEHAVIOUR,
    "event timestamp changed": Effect.BEHAVIOUR,
    "created timestamp changed": Effect.BEHAVIOUR,
    "available_after changed": Effect.BEHAVIOUR,
    "ttl changed": Effect.BEHAVIOUR,
    "no longer online": Effect.BREAKING,
    "now online": Effect.SAFE,
    "service removed": Effect.BREAKING,
    "service added": Effect.SAFE,
    "feature left the service": Effect.BREAKING,
    "feature joined the service": Effect.BEHAVIOUR,
    "entity columns changed": Effect.BREAKING,
    "label changed": Effect.BEHAVIOUR,
}
"""Every kind of change with its effect."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is different.

    Attributes:
        kind: One of `EFFECTS`.
        subject: The feature, view or service.
        before: What it was.
        after: What it is.
        features: The features that it concerns; empty when it concerns the subject only.
        services: The feature services that are hit.
        owners: Who answers for the view and the services.
        online_keys: What the online keys of the rows that change begin with.
        note: More to know, such as where the change was made, or what to do.
    """

    kind: str
    subject: str
    before: str = ""
    after: str = ""
    features: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    online_keys: str = ""
    note: str = ""

    @property
    def effect(self) -> Effect:
        """What the change does to those who use the features."""
        return EFFECTS[self.kind]
