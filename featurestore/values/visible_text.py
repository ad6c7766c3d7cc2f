"""Show foreign text: names, values and server replies that may hold control characters."""

from __future__ import annotations

import re

__all__ = ["visible"]

# Control characters move the cursor or set the title of a terminal; the marks of direction make a
# text look like another one; lone surrogates cannot be encoded.
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def visible(text: str) -> str:
    r"""Return a text on one line, with its control characters as escapes.

    >>> print(visible("a\x1b[2Jb\nc"))
    a\x1b[2Jb\nc
    """
    return _HIDDEN.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    mark = found.group()
    return _SHORT.get(mark) or mark.encode("unicode_escape").decode()
