"""One file per rule. The table of rules is made of the files, so a new file is a new rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from featurestore.lint.rule import Rule

__all__ = ["RULES", "find_rules"]


def find_rules(package: str, path: Iterable[str]) -> Mapping[str, Rule]:
    """Return the rules of a package, by code.

    Args:
        package: The package's name.
        path: Its folders, `__path__`.
    """
    names = sorted(module.name for module in iter_modules(path))
    rules: list[Rule] = [import_module(f"{package}.{name}").RULE for name in names]
    return MappingProxyType({rule.code: rule for rule in rules})


RULES = find_rules(__name__, __path__)
"""Every rule by its code, in the order of the codes."""
