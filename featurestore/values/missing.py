"""A reasoned no: an ability that is missing, and whether the engine or this project lacks it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Missing"]


@dataclass(frozen=True, slots=True)
class Missing:
    """An ability that a dialect or a connection does not have.

    Attributes:
        reason: Why, as a clause that a message ends with.
        engine_cannot: True if the engine cannot do it; False if we have not written it yet.

    >>> str(Missing("PostgreSQL has no ASOF join", engine_cannot=True))
    'the engine cannot: PostgreSQL has no ASOF join'
    >>> str(Missing("its ASOF join does the same, faster"))
    'not written yet: its ASOF join does the same, faster'
    """

    reason: str
    engine_cannot: bool = False

    def __str__(self) -> str:
        """Return the verdict and the reason, for the end of a message."""
        verdict = "the engine cannot" if self.engine_cannot else "not written yet"
        return f"{verdict}: {self.reason}"
