"""What the engines' tests prove: which ability ran on which engine.

A test marked `@pytest.mark.proves("why", by="make")` proves it on the engine that its parameter
`make` gives: a class of this folder, or the name of a dialect. `engine="spark"` names it instead.
`proven.json` lists what a run of all tests proved. The last test compares the two, and the page of
dialects shows the list.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from featurestore.sql.dialects import RECORDS

FOLDER = Path(__file__).parent
LIST = FOLDER / "proven.json"
LAST = FOLDER / "test_proven.py"
TRANSLATED = "snowflake on duckdb"
"""Snowflake's statements, translated: they prove the shape, not that Snowflake runs it."""

EMULATED = ("snowflake on fakesnow", "bigquery on duckdb")
"""Engines in the place of others: the first behind the driver and HTTP, the second in its place."""

_NAMES = (*RECORDS, TRANSLATED, *EMULATED)
_PASSED = pytest.StashKey[set[str]]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the comparison last."""
    items.sort(key=lambda item: item.path == LAST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Note each test that passed."""
    report: Any = yield
    if report.when == "call" and report.passed:
        item.config.stash.setdefault(_PASSED, set()).add(item.nodeid)
    return report


def is_whole(session: pytest.Session) -> bool:
    """Return whether every module of this folder takes part, and no engine may be missing."""
    missing = {*FOLDER.glob("test_*.py")} - {item.path for item in session.items}
    return not missing and os.environ.get("FEATURESTORE_ENGINES") == "all"


def proven(session: pytest.Session) -> dict[str, list[str]]:
    """Return the abilities of each engine whose tests ran and passed, every one of them."""
    passed = session.config.stash.setdefault(_PASSED, set())
    claims: dict[tuple[str, str], bool] = {}
    for item in session.items:
        for mark in item.iter_markers("proves"):
            claim = _engine(item, mark), mark.args[0]
            claims[claim] = claims.get(claim, True) and item.nodeid in passed
    found: dict[str, list[str]] = {}
    for engine, ability in sorted(claim for claim, holds in claims.items() if holds):
        if engine:
            found.setdefault(engine, []).append(ability)
    return found


def written() -> dict[str, list[str]]:
    """Return the list of proofs."""
    listed: dict[str, list[str]] = json.loads(LIST.read_text(encoding="utf-8"))
    return listed


def write(found: dict[str, list[str]]) -> None:
    """Write the list of proofs."""
    LIST.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _engine(item: pytest.Item, mark: pytest.Mark) -> str:
    """Return the engine that a test proves an ability on; empty if it names none."""
    parameters = getattr(item, "callspec", None)
    value = parameters.params.get(mark.kwargs.get("by")) if parameters else None
    named = getattr(value, "proves", getattr(value, "dialect", value))
    return str(mark.kwargs.get("engine") or (named if named in _NAMES else ""))
