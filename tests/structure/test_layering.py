"""The layers of the source: imports run strictly downward, and only the top layer prints."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS: tuple[tuple[str, ...], ...] = (
    ("featurestore.errors",),
    ("featurestore.values",),
    ("featurestore.project", "featurestore.warehouse"),
    ("featurestore.registry",),
    ("featurestore.governance",),
    ("featurestore.sql.dialects",),
    ("featurestore.sql", "featurestore.request_time"),
    ("featurestore.online", "featurestore.lint", "featurestore.lineage"),
    ("featurestore.governance.across_models",),
    ("featurestore.training",),
    ("featurestore.impact", "featurestore.catalog"),
    ("sync",),
    ("featurestore.store",),
    ("featurestore.serve", "featurestore.scaffold", "featurestore.demo"),
    ("featurestore.cli",),
    ("featurestore", "sync.__main__"),
)
"""The rooms, the lowest layer first. A module belongs to the longest name that it begins with.

Rooms of one layer do not import each other.
"""

NAMES = {name: height for height, layer in enumerate(LAYERS) for name in layer}
SPEAKERS = {"print", "typer", "rich"}


@dataclass(frozen=True)
class Import:
    """An import of one module by another; a lazy one is inside a function."""

    source: str
    target: str
    lazy: bool
    typing_only: bool


def layer_of(module: str) -> str:
    """Return the longest name in LAYERS that a module begins with."""
    parts = module.split(".")
    names = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next(name for name in names if name in NAMES)


def modules() -> dict[str, Path]:
    """Return every module of the project by name."""
    found = {}
    for package in ("featurestore", "sync"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def imports_of(module: str) -> Iterator[Import]:
    """Yield the imports of a module, from its own package and from others."""

    def visit(node: ast.AST, lazy: bool, typing_only: bool) -> Iterator[Import]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lazy = True
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            typing_only = True
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, lazy, typing_only)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield Import(
                    module, name if name in MODULES else str(node.module), lazy, typing_only
                )
        for child in ast.iter_child_nodes(node):
            yield from visit(child, lazy, typing_only)

    yield from visit(TREES[module], lazy=False, typing_only=False)


IMPORTS = [found for module in MODULES for found in imports_of(module)]
OWN = [found for found in IMPORTS if found.target in MODULES]


def test_every_module_has_a_layer():
    """A new room is given a layer before it is used."""
    unplaced = [name for name in MODULES if layer_of(name) == "featurestore"]

    assert ["featurestore"] == unplaced
    assert len(OWN) > 100


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downward(module):
    """A module imports its own room and lower layers only, also lazily and for types alone."""
    room = layer_of(module)
    upward = [
        found.target
        for found in OWN
        if found.source == module
        and layer_of(found.target) != room
        and NAMES[layer_of(found.target)] >= NAMES[room]
    ]

    assert [] == upward


@pytest.mark.parametrize(
    ("one", "other"),
    [("featurestore.sql", "featurestore.online"), ("featurestore.training", "sync")],
)
def test_the_offline_and_the_online_half_do_not_know_each_other(one, other):
    """The two halves meet only in the layers above both."""
    pairs = {(layer_of(found.source), layer_of(found.target)) for found in OWN}

    assert set() == pairs & {(one, other), (other, one)}


def test_who_imports_sync():
    """Only the command line and the facade start a sync, and they import it lazily."""
    outside = [
        f for f in OWN if f.target.split(".")[0] == "sync" and f.source.split(".")[0] != "sync"
    ]

    assert {"featurestore.store", "featurestore.cli"} >= {layer_of(f.source) for f in outside}
    assert [] == [found for found in outside if not (found.lazy or found.typing_only)]


def test_there_is_no_circle():
    """No chain of imports leads back to its module; lazy and type-only imports count too."""
    needs: dict[str, set[str]] = {name: set() for name in MODULES}
    for found in OWN:
        if found.source != found.target:
            needs[found.source].add(found.target)
    while loadable := [name for name, needed in needs.items() if not needed & set(needs)]:
        for name in loadable:
            del needs[name]

    # The rest are the circles, and the modules that import them.
    assert {} == needs


@pytest.mark.parametrize(
    "module",
    [name for name in MODULES if layer_of(name) not in ("featurestore.cli", "sync.__main__")],
)
def test_only_the_command_line_speaks(module):
    """No module below it prints, or imports a library that does."""
    called = {
        node.func.id
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    imported = {found.target.split(".")[0] for found in IMPORTS if found.source == module}

    assert set() == (called | imported) & SPEAKERS


@pytest.mark.parametrize(
    ("library", "homes"),
    [
        ("duckdb", {"featurestore.warehouse.duckdb"}),
        ("redis", {"featurestore.online", "sync", "featurestore.cli"}),
        (
            "msgspec",
            {
                "featurestore.project.manifest",
                "featurestore.project.nodes",
                "featurestore.online",
                "featurestore.serve",
                "sync",
            },
        ),
        ("starlette", {"featurestore.serve"}),
        ("prometheus_client", {"featurestore.serve.metrics"}),
        ("uvicorn", {"featurestore.serve"}),
        ("pandas", {"featurestore.training.outputs", "featurestore.online.response"}),
        ("polars", {"featurestore.training.outputs", "featurestore.online.response"}),
        ("dbt", set()),
    ],
)
def test_a_library_has_a_home(library, homes):
    """Each library is used in one place; nothing imports dbt."""
    users = {
        found.source
        for found in IMPORTS
        if found.target.split(".")[0] == library and not found.typing_only
    }

    assert set() == {user for user in users if not user.startswith(tuple(homes))}
