"""CONTRIBUTING.md says where a change goes: its files exist, its commands run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CHANGES = re.findall(r"^\| ((?:add|change) .*?) \| (.*) \|$", PAGE, re.MULTILINE)


def test_the_table_has_every_change():
    """The ordinary changes of a newcomer are all there, each once."""
    assert 34 == len(CHANGES) == len(dict(CHANGES))


@pytest.mark.parametrize(("change", "places"), CHANGES, ids=[change for change, _ in CHANGES])
def test_the_file_of_a_change_exists(change, places):
    """Each file that the table names is there, but for the place of a new one."""
    paths = [path for path in re.findall(r"`([^`]+)`", places) if "/" in path and "<" not in path]

    assert paths, change
    assert [] == [path for path in paths if not (ROOT / path).is_file()]


def test_the_rooms_are_those_of_the_tree():
    """Every room of the source has a row in the map."""
    rooms = {path.parent.name for path in ROOT.glob("featurestore/*/__init__.py")}

    assert rooms
    assert [] == [room for room in sorted(rooms) if f"`featurestore/{room}/`" not in PAGE]


def test_the_commands_are_targets():
    """Each `make` command that the page names is a target of the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"`make ([a-z-]+)`", PAGE))

    assert {"quick", "lint", "test"} <= named
    assert set() == {name for name in named if f"\n{name}:" not in makefile}
