"""Read the mark for personal data in a column's meta: `pii: true`, or the end of an inheritance."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from featurestore.project.manifest import META_KEY
from featurestore.project.nodes import ManifestColumn
from featurestore.registry.notes import Notes

__all__ = ["PersonalMark", "mark_of", "personal_mark"]

_KEYS = {
    "inherited": "False ends the inheritance of a mark.",
    "reason": "Why the column is not personal data.",
}
_CLEARED = 'Write true, false, or {inherited: false, reason: "..."}.'


class PersonalMark(Enum):
    """What the meta of a column says about personal data."""

    NONE = "none"
    PERSONAL = "personal"
    CLEARED = "cleared"


def personal_mark(column: ManifestColumn, notes: Notes) -> PersonalMark:
    """Return the mark of a column; a wrong one becomes a problem.

    Args:
        column: The column of a model, a snapshot, a seed or a source.
        notes: Receives the problem.
    """
    own = column.all_meta.get(META_KEY)
    value = own.get("pii", False) if isinstance(own, dict) else False
    return mark_of(value, f"column '{column.name}'", notes)


def mark_of(value: Any, owner: str, notes: Notes) -> PersonalMark:
    """Return the mark in the value of a `pii` key; a wrong one becomes a problem.

    Args:
        value: The value.
        owner: The thing that has the key, for messages, such as "column 'email'".
        notes: Receives the problem.
    """
    if isinstance(value, bool):
        return PersonalMark.PERSONAL if value else PersonalMark.NONE
    if isinstance(value, dict) and _is_cleared(value, owner, notes):
        return PersonalMark.CLEARED
    if not isinstance(value, dict):
        notes.add(f"{owner}: pii is {value!r}.", "Write true or false.")
    # A wrong value counts as personal: a typing error must not publish such a column.
    return PersonalMark.PERSONAL


def _is_cleared(value: Mapping[str, Any], owner: str, notes: Notes) -> bool:
    notes.unknown_keys(value, _KEYS, f"pii of {owner}")
    inherited, reason = value.get("inherited"), value.get("reason")
    if inherited is not False:
        notes.add(f"{owner}: pii.inherited is {inherited!r}.", _CLEARED)
        return False
    if not isinstance(reason, str) or not reason.strip():
        notes.add(
            f"{owner}: `pii: {{inherited: false}}` needs a reason.",
            'Write why the value is not personal data, such as reason: "only the domain".',
        )
        return False
    return True
