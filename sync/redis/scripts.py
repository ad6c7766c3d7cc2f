"""The Lua scripts that the server runs, atomically, for many rows at once: see `lua/`.

Each script is joined from a guard, which refuses a writer that lost the lock, the common part
`rows.lua`, and its own parts. The row format: docs/reference/online-format.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from featurestore.online.row_format import FORMAT_VERSION, MARKS
from sync.lua_files import lua_script

__all__ = ["LOST", "WriteGuard", "scripts"]

LOST = -1
"""The first number of a script's answer when the lock was lost; then nothing was written."""

# The codec owns the format's version. The scripts get it as two Lua locals: the first byte of a row
# lies between them.
_FIRST = [FORMAT_VERSION << 4 | marks for marks in MARKS[FORMAT_VERSION]]
_FORMAT = f"local least, most = {_FIRST[0]}, {_FIRST[-1]}"

_PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "overwrite": ("put", "overwrite"),
        "newest": ("put", "compare", "newest"),
        "delete": ("compare", "delete"),
        "discard": ("discard",),
        "replace": ("put", "replace"),
        "unlink": ("unlink",),
    }
)


class WriteGuard(Enum):
    """The check that comes before every write, by the name of its Lua file."""

    LOCK = "guard_lock"
    FENCE = "guard_fence"


def scripts(guard: WriteGuard) -> dict[str, str]:
    """Return the text of every script by name, behind a guard."""
    begin = [lua_script("redis", guard.value), _FORMAT, lua_script("redis", "rows")]
    return {
        name: "\n".join([*begin, *(lua_script("redis", part) for part in parts)])
        for name, parts in _PARTS.items()
    }
