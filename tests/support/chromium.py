"""A browser for the tests: the state of a page after its scripts have run."""

from __future__ import annotations

import os
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_VOID = {"meta", "link", "input", "br", "hr", "img", "path", "rect"}


def browser() -> str:
    """Return the browser's path. Fail without one in CI, and skip the test elsewhere."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    reason = f"no browser is installed: none of {', '.join(NAMES)} is on the PATH"
    if os.environ.get("CI"):
        pytest.fail(f"{reason}. Install it, on Debian with `apt-get install chromium`.")
    pytest.skip(reason)


def after_scripts(page: Path, state: str = "", *, script: str = "", folder: Path) -> Element:
    """Open a page, and return it after its scripts have run.

    Args:
        page: The file.
        state: The part of the address after `#`.
        script: A person's actions, as a script that runs after the page's own scripts.
        folder: A folder that the browser may write to.
    """
    opened = page
    if script:
        opened = folder / f"acted-{page.name}"
        text = page.read_text(encoding="utf-8")
        acted = text.replace("</body>", f"<script>{script}</script></body>")
        opened.write_text(acted, encoding="utf-8")
    result = subprocess.run(
        [
            browser(),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            f"--user-data-dir={folder / 'browser'}",
            "--virtual-time-budget=3000",
            "--dump-dom",
            f"file://{quote(str(opened))}#{state}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    tree = _Tree()
    tree.feed(result.stdout)
    return tree.root


class Element:
    """An element of a page: its name, attributes, children and text."""

    def __init__(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[Element | str] = []

    @property
    def text(self) -> str:
        """All text inside the element, with single spaces."""
        parts = [c if isinstance(c, str) else c.text for c in self.children]
        return " ".join(" ".join(parts).split())

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Return the elements inside with a given name and attributes, in order."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                if child.tag == tag and attributes.items() <= child.attributes.items():
                    found.append(child)
                found += child.all(tag, **attributes)
        return found


class _Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in [element.tag for element in self._open[1:]]:
            while self._open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)
