"""The step that lists our dbt package among the packages of a project."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from featurestore.errors import FeatureStoreError
from featurestore.project.packaged_project import packaged_project
from featurestore.scaffold.steps import Edit, Paste, Step, load_yaml, read_text
from featurestore.values.version import VERSION

__all__ = ["Package", "add_package", "default_package", "read_package"]

Package = Mapping[str, str]
"""An item of `packages:`: either `local`, or `git` and `revision`."""

_FORMS = "Write local:PATH, or git:URL@REVISION."
_FILES = ("packages.yml", "dependencies.yml")


def default_package(project: Path) -> Package:
    """Return the package that this installation contains.

    Args:
        project: The folder of the dbt project.
    """
    source = packaged_project()
    return {"local": Path(os.path.relpath(source, project.resolve())).as_posix()}


def read_package(text: str, project: Path) -> Package:
    """Read `local:PATH` or `git:URL@REVISION`.

    Args:
        text: The value of the option.
        project: The folder of the dbt project, which a relative path starts from.

    Raises:
        FeatureStoreError: The text is neither, or the path has no dbt package.

    >>> read_package("git:https://example.com/featurestore.git@v1.2", Path())
    {'git': 'https://example.com/featurestore.git', 'revision': 'v1.2'}
    """
    kind, _, source = text.partition(":")
    if kind == "git" and source:
        return _git(source)
    if kind == "local" and source:
        definition = project / source / "dbt_project.yml"
        if not definition.is_file():
            raise FeatureStoreError(
                f"{definition} does not exist.",
                remedy="A local path starts from the folder of the dbt project.",
            )
        return {"local": source}
    raise FeatureStoreError(f"'{text}' does not name a package.", remedy=_FORMS)


def _git(source: str) -> Package:
    # The last @ starts the revision, but not in git@host:owner/name or https://user@host/name: a
    # revision has no colon, and the text before it is more than a protocol and a user.
    found = re.fullmatch(r"(?P<git>.+)@(?P<revision>[^@:]+)", source)
    has_revision = found is not None and not re.match(r"\w+://[^/]*$", found["git"])
    if found is None or not has_revision:
        return {"git": source, "revision": f"v{VERSION}"}
    return {"git": found["git"], "revision": found["revision"]}


def add_package(project: Path, package: Package) -> Step | None:
    """Return the step that adds the package; None if the project has it.

    Args:
        project: The folder of the dbt project.
        package: The package to add.

    Raises:
        FeatureStoreError: The list of packages cannot be read.
    """
    listed = {name: load_yaml(project / name).get("packages") or [] for name in _FILES}
    if any(_is_ours(item, project) for items in listed.values() for item in items):
        return None
    has_dependencies = (project / "dependencies.yml").is_file()
    has_packages = (project / "packages.yml").is_file()
    name = "dependencies.yml" if has_dependencies and not has_packages else "packages.yml"
    before = read_text(project / name)
    after = _with_item(before, package)
    if after is None or not _adds_it(before, after, package):
        return Paste(f"in {name}, at the end of `packages:`", "\n".join(_item(package, 2)) + "\n")
    return Edit(Path(name), before, after)


def _is_ours(item: Any, project: Path) -> bool:
    if not isinstance(item, dict):
        return False
    if "local" in item:
        named = load_yaml(project / str(item["local"]) / "dbt_project.yml").get("name")
        return bool(named == "featurestore")
    source = str(item.get("git") or item.get("package") or "")
    return re.split(r"[/:]", source.rstrip("/").removesuffix(".git"))[-1] == "featurestore"


def _item(package: Package, indent: int) -> list[str]:
    import yaml

    lines = yaml.safe_dump(dict(package), sort_keys=False, width=1000).splitlines()
    marks = ["- ", *["  "] * (len(lines) - 1)]
    return [f"{' ' * indent}{mark}{line}" for mark, line in zip(marks, lines, strict=True)]


def _with_item(before: str, package: Package) -> str | None:
    """Add an item at the end of the list; return None if the list is written on one line.

    The text is edited line by line, because YAML that is loaded and dumped loses its comments.
    """
    lines = before.splitlines()
    starts = [at for at, line in enumerate(lines) if re.match(r"packages\s*:", line)]
    if not starts:
        head = ["", "packages:"] if lines else ["packages:"]
        return _with_lines(before, len(lines), [*head, *_item(package, 2)])
    if not re.fullmatch(r"packages\s*:\s*(#.*)?", lines[starts[0]]):
        return None
    indent, last = 2, starts[0]
    for at in range(starts[0] + 1, len(lines)):
        line = lines[at]
        if re.match(r"[^\s#-]", line):
            break
        if mark := re.match(r"(\s*)- ", line):
            indent = len(mark[1]) if last == starts[0] else indent
        if line.strip() and not line.lstrip().startswith("#"):
            last = at
    return _with_lines(before, last + 1, _item(package, indent))


def _with_lines(before: str, at: int, added: Sequence[str]) -> str:
    """Return a text with lines added before a line; every other line keeps its own line end."""
    end = "\r\n" if "\r\n" in before else "\n"
    lines = before.splitlines(keepends=True)
    if lines and lines[-1].splitlines()[0] == lines[-1]:
        lines[-1] += end
    return "".join([*lines[:at], *(f"{line}{end}" for line in added), *lines[at:]])


def _adds_it(before: str, after: str, package: Package) -> bool:
    """Return whether the package is the only difference in meaning between two texts."""
    import yaml

    old = yaml.safe_load(before) or {}
    wanted = {**old, "packages": [*(old.get("packages") or []), dict(package)]}
    try:
        return bool(yaml.safe_load(after) == wanted)
    except yaml.YAMLError:
        return False
