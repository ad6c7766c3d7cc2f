"""redis-py lives in one room: a new version of it breaks nothing outside of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROOM = ROOT / "featurestore/online/redis"
OUTSIDE = sorted(
    path
    for top in ("featurestore", "sync")
    for path in (ROOT / top).rglob("*.py")
    if not path.is_relative_to(ROOM)
)
PRIVATE_PARTS = {
    "connection_pool",
    "ensure_connection",
    "get_connection",
    "get_node_from_slot",
    "get_primaries",
    "get_redis_connection",
    "make_connection",
    "nodes_manager",
    "read_response",
    "send_packed_command",
    "sentinel_manager",
}


def violations(source: str) -> Iterator[str]:
    """Yield each import of redis, and each of its private parts, of a module."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (each.name for each in names if each.name.split(".")[0] == "redis")
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] == "redis":
                yield module
            case ast.Attribute(attr=name) | ast.Constant(value=str(name)) if name in PRIVATE_PARTS:
                yield name


@pytest.mark.parametrize("path", OUTSIDE, ids=[str(p.relative_to(ROOT)) for p in OUTSIDE])
def test_redis_py_is_used_in_one_room(path):
    """No other file imports redis, be it for a type, or touches its private parts."""
    assert [] == list(violations(path.read_text(encoding="utf-8")))


def test_violations_are_found():
    """Imports of every form, attributes, and attributes by name."""
    source = """
    import redis.asyncio
    from redis.crc import key_slot
    client.connection_pool.release(None)
    hasattr(client, "nodes_manager")
    """

    expected = {"redis.asyncio", "redis.crc", "connection_pool", "nodes_manager"}
    assert expected == set(violations("if True:" + source))
    assert len(OUTSIDE) > 100


def test_the_room_uses_them():
    """The list of private parts names what the room does use."""
    used = {name for path in ROOM.glob("*.py") for name in violations(path.read_text("utf-8"))}

    assert PRIVATE_PARTS <= used
