"""One name, one meaning: a file's name and a public name occur once in the source."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for top in ("featurestore", "sync") for path in (ROOT / top).rglob("*.py"))
PARALLEL = ("featurestore/warehouse", "featurestore/sql/dialects", "featurestore/cli")
"""Rooms with one file per engine, dialect or command: their files are named by it."""
BOTH_PATHS = {"request"}
"""The two paths, training and online, each begin with a request."""
ENGINES_OWN = {"options"}
"""Functions that the files of two engines have in common."""


def test_a_basename_occurs_once():
    """A file's name says what a person looks for, so it leads to one file."""
    places = defaultdict(list)
    for path in SOURCES:
        room = path.relative_to(ROOT).parent.as_posix()
        if not path.stem.startswith("__") and room not in PARALLEL:
            places[path.stem].append(room)

    assert {} == {
        name: rooms for name, rooms in places.items() if len(rooms) > 1 and name not in BOTH_PATHS
    }


def public_names(path: Path) -> Iterator[str]:
    """Yield the classes, functions and constants that a module defines for others."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name
            case ast.AsyncFunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))


def test_a_public_name_has_one_meaning():
    """No two modules define a public name, but for what engines, dialects or rules have alike."""
    places = defaultdict(list)
    for path in SOURCES:
        for name in public_names(path):
            if not name.startswith("_") and name not in ENGINES_OWN | {"COMMANDS", "RULE"}:
                places[name].append(path.relative_to(ROOT).as_posix())

    assert len(places) > 400
    assert {} == {name: paths for name, paths in places.items() if len(paths) > 1}
