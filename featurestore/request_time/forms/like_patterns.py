"""LIKE: a pattern as a function, in time that grows with the text and not with the wildcards."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from featurestore.request_time.failures import Refusal

__all__ = ["like_pattern"]

_ANY, _ONE = "%", "_"


@lru_cache(maxsize=1024)
def like_pattern(pattern: str, escape: str | None, *, is_strict: bool) -> Callable[[str], bool]:
    """Return a function that says whether a text matches a pattern.

    Args:
        pattern: `%` matches any text, `_` one character.
        escape: The character that takes the meaning from the next one; None for no such character.
        is_strict: Whether an escape before an ordinary character is an error, as on Spark.

    Raises:
        Refusal: The escape is the last character, or stands before an ordinary one.

    >>> like_pattern("a!%%", "!", is_strict=True)("a%b")
    True
    """
    first, *middle = _pieces(pattern, escape, is_strict=is_strict)
    if not middle:
        return _matcher(f"{first}\\Z")
    *middle, last = middle
    # An atomic group takes the first place where a piece fits and never another one: a later place
    # leaves less text for the rest, so nothing is missed, and many wildcards take linear time.
    inner = "".join(f"(?>.*?{piece})" for piece in middle if piece)
    return _matcher(f"{first}{inner}.*{last}\\Z")


def _matcher(expression: str) -> Callable[[str], bool]:
    match = re.compile(expression, re.DOTALL).match
    return lambda text: match(text) is not None


def _pieces(pattern: str, escape: str | None, *, is_strict: bool) -> list[str]:
    """Return the pieces between the `%`, as regular expressions."""
    pieces = [""]
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            pieces[-1] += re.escape(_escaped(next(characters, None), pattern, escape, is_strict))
        elif character == _ANY:
            pieces.append("")
        else:
            pieces[-1] += "." if character == _ONE else re.escape(character)
    return pieces


def _escaped(character: str | None, pattern: str, escape: str, is_strict: bool) -> str:
    if character is None:
        raise Refusal(f"The LIKE pattern '{pattern}' ends with its escape character.")
    if is_strict and character not in (_ANY, _ONE, escape):
        raise Refusal(f"The LIKE pattern '{pattern}' has an escape before '{character}'.")
    return character
