"""Codes of rules as people write them."""

from __future__ import annotations

from collections.abc import Iterable

from featurestore.errors import FeatureStoreError, did_you_mean
from featurestore.lint.rules import RULES

__all__ = ["select_codes", "unknown_code_remedy"]


def unknown_code_remedy(code: str) -> str:
    """Return what to do about a code that no rule has; empty if a rule has it.

    >>> unknown_code_remedy("FS001"), unknown_code_remedy("FS03")
    ('', "Did you mean 'FS003'?")
    >>> unknown_code_remedy("lead")
    'Known: FS001 to FS012.'
    """
    if code in RULES:
        return ""
    return did_you_mean(code, RULES) or f"Known: {min(RULES)} to {max(RULES)}."


def select_codes(codes: Iterable[str]) -> tuple[str, ...]:
    """Return codes as the rules write them.

    Raises:
        FeatureStoreError: A code is unknown, or no code is given.

    >>> select_codes(["fs003"])
    ('FS003',)
    """
    found = tuple(code.strip().upper() for code in codes)
    if not found:
        raise FeatureStoreError(
            "No lint rule is selected.", remedy=f"Name at least one, such as {min(RULES)}."
        )
    for code in found:
        if remedy := unknown_code_remedy(code):
            raise FeatureStoreError(f"'{code}' is not a lint rule.", remedy=remedy)
    return found
