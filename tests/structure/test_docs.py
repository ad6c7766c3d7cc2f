"""The documentation says what is true: generated pages are fresh, links lead somewhere."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

from featurestore import __version__

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def _generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name", ["cli.md", "dialects.md", "lint-rules.md", "macros.md", "meta.md", "metrics.md"]
)
def test_generated_pages_are_fresh(name):
    """A reference page equals what the code says today; `make docs` writes it."""
    page = _generator().PAGES[name]

    assert page() == (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")


def test_the_table_of_dialects_knows_every_proof():
    """Each ability of the list of proofs is a column, and each engine is a row."""
    generator = _generator()
    proven = json.loads(generator.PROVEN.read_text(encoding="utf-8"))

    assert set() == {ability for row in proven.values() for ability in row} - {*generator.ABILITIES}
    assert set() == {engine.partition(" on ")[0] for engine in proven} - {*generator.RECORDS}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    """Each relative link of a page leads to a file or folder of the repository."""
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]

    assert [] == [link for link in links if not (page.parent / link).exists()]


def test_every_command_is_documented_with_an_example():
    """Each command has help that ends with a line to try."""
    page = _generator().cli_page()
    sections = page.split("\n## ")[1:]

    assert len(sections) >= 9
    assert [] == [
        section.splitlines()[0] for section in sections if "$ featurestore" not in section
    ]


def test_the_version_is_one():
    """The package, the changelog and the dbt package have one version."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    project = (ROOT / "dbt_project.yml").read_text(encoding="utf-8")
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert f'version = "{__version__}"' in pyproject
    assert re.search(r"^## (\S+)", changelog, re.MULTILINE)[1] == __version__
    assert re.search(r"^version: ['\"]?([^'\"\s]+)", project, re.MULTILINE)[1] == __version__


def test_every_macro_is_documented():
    """Each public macro of the dbt package has a description."""
    import yaml

    documented = yaml.safe_load((ROOT / "macros" / "_macros.yml").read_text(encoding="utf-8"))
    described = {macro["name"] for macro in documented["macros"] if macro.get("description")}
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "macros").rglob("*.sql"))
    macros = re.findall(r"{%-?\s*macro\s+(\w+)\(", text)
    public = {name for name in macros if "__" not in name and not name.startswith("_")}
    tests = {f"test_{name}" for name in re.findall(r"{%-?\s*test\s+(\w+)\(", text)}

    assert public | tests
    assert public | tests <= described
