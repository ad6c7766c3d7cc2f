"""The columns of a project that are marked as personal data, in models and in sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from featurestore.errors import Problem
from featurestore.governance.foreign_marks import ForeignMark
from featurestore.lineage.flows import ColumnId
from featurestore.project.manifest import Manifest
from featurestore.registry.notes import Notes
from featurestore.registry.personal_mark import PersonalMark, personal_mark

__all__ = ["Marks", "read_marks"]


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks for personal data on the columns of a project.

    Attributes:
        personal: The marked columns, each with the text of its mark.
        cleared: The columns that do not inherit a mark.
        problems: The wrong marks; such a column counts as marked.
    """

    personal: Mapping[ColumnId, str] = field(default_factory=dict)
    cleared: frozenset[ColumnId] = frozenset()
    problems: tuple[Problem, ...] = ()

    @property
    def text(self) -> str:
        """Every mark in one text, the same for equal marks."""
        return f"{sorted(self.personal.items())} {sorted(self.cleared)}"


def read_marks(manifest: Manifest, foreign: Sequence[ForeignMark] = ()) -> Marks:
    """Return the marks on the columns of all models, snapshots, seeds and sources.

    Args:
        manifest: dbt's manifest.
        foreign: Other meta keys that count as a mark.
    """
    personal: dict[ColumnId, str] = {}
    cleared: set[ColumnId] = set()
    problems: set[Problem] = set()
    for node in manifest.mentioning(["pii", *(mark.key for mark in foreign)]):
        notes = Notes(node.path, node.qualified_name)
        for column in node.columns.values():
            mark = personal_mark(column, notes)
            keys = [other.key for other in foreign if other.marks(column.all_meta)]
            one = ColumnId(node.unique_id, column.name.lower())
            if mark is PersonalMark.CLEARED:
                cleared.add(one)
            elif mark is PersonalMark.PERSONAL:
                personal[one] = "`pii: true`"
            elif keys:
                personal[one] = f"`{keys[0]}: {column.all_meta[keys[0]]}`"
        problems.update(notes.problems)
    return Marks(personal, frozenset(cleared), tuple(sorted(problems)))
