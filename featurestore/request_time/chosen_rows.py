"""Compute a part of an expression for some of the rows, as CASE, COALESCE, AND and OR need it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from featurestore.request_time.operands import Columns, Operand

__all__ = ["computed_where"]


def computed_where(operand: Operand, columns: Columns, wanted: Sequence[bool]) -> list[Any]:
    """Return the operand's column, with None where it is not wanted."""
    places = [place for place, is_wanted in enumerate(wanted) if is_wanted]
    if len(places) == len(wanted):
        return list(operand.run(columns, len(wanted)))
    result: list[Any] = [None] * len(wanted)
    if places:
        chosen = {name: [columns[name][place] for place in places] for name in operand.inputs}
        for place, value in zip(places, operand.run(chosen, len(places)), strict=True):
            result[place] = value
    return result
