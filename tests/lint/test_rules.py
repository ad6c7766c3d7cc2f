"""A rule is a file: the table of rules is made of the files, and no rule needs another."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from featurestore.lint import rules
from featurestore.lint.rules import RULES, find_rules

FOLDER = Path(rules.__file__).parent
FILES = sorted(FOLDER.glob("fs*.py"))
CORPUS = Path(__file__).parent / "corpus" / "leaks"


def test_every_file_is_a_rule_and_has_a_corpus():
    """A file is named by its rule's code and name; the corpus by the code."""
    named = [f"{rule.code.lower()}_{rule.name.replace('-', '_')}" for rule in RULES.values()]

    assert named == [path.stem for path in FILES]
    assert list(RULES) == [path.stem.upper() for path in sorted(CORPUS.glob("*.sql"))]


def test_a_new_file_is_a_new_rule(tmp_path, monkeypatch):
    """A copy of a rule under another code, beside another, is found without any other edit."""
    package = tmp_path / "more_rules"
    package.mkdir()
    (package / "__init__.py").touch()
    for name, code in (("fs012_second", "FS012"), ("fs011_first", "FS011")):
        text = (FOLDER / "fs010_untested_grain.py").read_text()
        (package / f"{name}.py").write_text(text.replace('code="FS010"', f'code="{code}"'))
    monkeypatch.syspath_prepend(tmp_path)
    try:
        found = find_rules("more_rules", [str(package)])
    finally:
        for module in [name for name in sys.modules if name.startswith("more_rules")]:
            del sys.modules[module]

    assert ["FS011", "FS012"] == list(found)
    assert {"untested-grain"} == {rule.name for rule in found.values()}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_rule_imports_no_other(path):
    """Rules share the model and its helpers, and each can be read and removed alone."""
    imports = [
        node.module or ""
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
    ]

    assert "featurestore.lint.rule" in imports
    assert [] == [name for name in imports if name.startswith("featurestore.lint.rules")]
