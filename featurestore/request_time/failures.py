"""The two faces of an error at request time: the value of a row, and the exception behind it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Failed", "Refusal"]


@dataclass(frozen=True, slots=True)
class Failed:
    """The value of a row for which the warehouse raises an error.

    Attributes:
        reason: The error in one sentence, with the offending value.
    """

    reason: str


class Refusal(Exception):
    """The row's values have no result: the warehouse raises an error too."""
