"""The kinds of changes between two states of a project, and their effects."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["EFFECTS", "Change", "Effect"]


class Effect(StrEnum):
    """The effect of a change on the users of the features."""

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
    "default changed": Effect.BEHAVIOUR,
    "now personal data": Effect.BREAKING,
    # Published to every reader from the next sync on.
    "no longer personal data": Effect.BREAKING,
    "logic changed": Effect.BEHAVIOUR,
    "event timestamp changed": Effect.BEHAVIOUR,
    # A date counts from its midnight, so rows become known up to a day earlier or later.
    "event timestamp retyped": Effect.BREAKING,
    "created timestamp changed": Effect.BEHAVIOUR,
    "valid_until changed": Effect.BEHAVIOUR,
    "valid_until retyped": Effect.BEHAVIOUR,
    "created timestamp retyped": Effect.BEHAVIOUR,
    "available_after changed": Effect.BEHAVIOUR,
    "ttl changed": Effect.BEHAVIOUR,
    "max_deletes changed": Effect.BEHAVIOUR,
    "freshness changed": Effect.SAFE,
    "access changed": Effect.BREAKING,
    "no longer online": Effect.BREAKING,
    "now online": Effect.SAFE,
    "service removed": Effect.BREAKING,
    "service added": Effect.SAFE,
    "feature left the service": Effect.BREAKING,
    "feature joined the service": Effect.BEHAVIOUR,
    "entity columns changed": Effect.BREAKING,
    "label changed": Effect.BEHAVIOUR,
    "request field added": Effect.BREAKING,
    "request field removed": Effect.BREAKING,
    "request field retyped": Effect.BREAKING,
    "on-demand feature added": Effect.BEHAVIOUR,
    "on-demand feature removed": Effect.BREAKING,
    "expression changed": Effect.BEHAVIOUR,
}
"""The effect of each kind of change."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        kind: One of `EFFECTS`.
        subject: The feature, view or service.
        before: The old value.
        after: The new value.
        features: The affected features; empty if the change concerns only the subject.
        services: The affected feature services.
        owners: The owners of the view and the services.
        online_keys: The prefix of the affected rows' online keys.
        note: A remark, such as the place of the change or a remedy.
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
