"""The Lua scripts: each file is used, and travels to the server without its comments."""

from __future__ import annotations

from pathlib import Path

import pytest

import sync
from sync.lua_files import lua_script
from sync.redis.scripts import WriteGuard, scripts

FILES = sorted(Path(sync.__file__).parent.glob("*/lua/*.lua"))
SOURCES = "\n".join(
    path.read_text(encoding="utf-8") for path in Path(sync.__file__).parent.rglob("*.py")
)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_script_has_comments_that_stay_at_home(path):
    """A file begins with its purpose; the server gets the statements alone."""
    text = path.read_text(encoding="utf-8")
    sent = lua_script(path.parent.parent.name, path.stem)

    assert text.startswith("-- ")
    assert "--" not in sent
    statements = [line.strip() for line in text.splitlines()]
    assert [line for line in statements if line and line[:2] != "--"] == sent.splitlines()


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_file_is_used(path):
    """A script that no module names is left over."""
    assert f'"{path.stem}"' in SOURCES


@pytest.mark.parametrize("guard", WriteGuard)
def test_every_script_is_guarded_first(guard, redis_client):
    """The guard comes before all else, and the server can compile the whole."""
    found = scripts(guard)

    assert {"overwrite", "newest", "replace", "delete", "discard", "unlink"} == found.keys()
    for text in found.values():
        assert text.startswith(lua_script("redis", guard.value))
        assert 40 == len(redis_client.script_load(text))
