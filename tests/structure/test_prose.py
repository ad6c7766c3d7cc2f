"""Plain English: phrases that slow a reader down do not come back."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("featurestore", "sync", "examples", "benchmarks", "docs", "tests")
TEXTS = ("*.md", "docs/**/*.md", "macros/**/*.sql", "macros/**/*.yml", "models/**/*.yml")
LUA = "sync/**/*.lua"

BANNED = {
    r"\b(is|are|was|were) no(?! longer\b| more than\b| less than\b| later than\b)\b": "is not a",
    r"\bof which\b": "two sentences",
    r"\bwhatever\b": "any, or every",
    r"\banew\b": "again",
    r"\bmay be had\b": "is allowed, is available",
    r"\bthat stands\b|\bstands (there|here|at|in|for)\b": "is",
    r"\bgoes on\b": "continues",
    r"\bbooks?\b": "ledger (warehouse) or metadata key (Redis)",
    r"\bleads nowhere\b": "is not valid",
    r"\bsay whether\b": "return whether",
}
"""Each phrase, and what to write instead."""


def words_of(source: str) -> Iterator[tuple[int, str]]:
    """Yield the comments and the texts of a module, each with its line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def prose_of(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a page that are no code."""
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        fenced ^= line.lstrip().startswith("```")
        if not fenced:
            yield number, re.sub(r"`[^`]*`", "", line)


def files() -> list[Path]:
    """Return every file that people read, but this one."""
    modules = [path for folder in CODE for path in (ROOT / folder).rglob("*.py")]
    pages = [path for pattern in (*TEXTS, LUA) for path in ROOT.glob(pattern)]
    own = Path(__file__)
    return sorted(
        path
        for path in (*modules, *pages)
        if path != own and ".venv" not in path.parts and "macro_project" not in path.parts
    )


def phrases(path: Path) -> list[str]:
    """Return each banned phrase of a file with its line and a remedy."""
    text = path.read_text(encoding="utf-8")
    parts = words_of(text) if path.suffix == ".py" else prose_of(text)
    return [
        f"{path.relative_to(ROOT)}:{line}: '{found[0]}': write {remedy}"
        for line, words in parts
        for pattern, remedy in BANNED.items()
        for found in re.finditer(pattern, words, re.IGNORECASE)
    ]


def test_the_ban_list_bites():
    """The list finds what it is for, in comments and in texts, and leaves plain English alone."""
    source = 'x = "The step is no step."  # Whatever it is.\ny = "It is no longer used."\n'
    found = [words for _, words in words_of(source)]

    assert ["# Whatever it is.", "The step is no step.", "It is no longer used."] == found
    bites = [any(re.search(p, words, re.IGNORECASE) for p in BANNED) for words in found]
    assert [True, True, False] == bites


def test_every_kind_of_file_is_read():
    """Modules, pages, macros and scripts are all among the files."""
    assert {".py", ".md", ".sql", ".yml"} <= {path.suffix for path in files()}


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_banned_phrase(path):
    """Subject first, the technical term, one idea in a sentence."""
    assert [] == phrases(path)
