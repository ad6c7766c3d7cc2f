"""Reads the Lua scripts that the server runs, from the `lua` folders beside the code."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["lua_script"]


@cache
def lua_script(room: str, name: str) -> str:
    """Return a script as it is sent to the server: without comments, blank lines and indentation.

    A script sent by EVAL travels with each command, so its comments stay at home.

    Args:
        room: The package below `sync` that owns the script.
        name: The file's name without `.lua`.

    >>> print(lua_script("redis", "unlink"))
    for i = 1, n do applied = applied + redis.call('UNLINK', KEYS[i + 1]) end
    return {applied, refused}
    """
    text = (files("sync") / room / "lua" / f"{name}.lua").read_text(encoding="utf-8")
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("--"))
