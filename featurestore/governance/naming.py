"""Naming rules: regular expressions for the names of entities, features, services and views."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from featurestore.errors import Problem, RegistryError, did_you_mean
from featurestore.project.own_vars import own_vars
from featurestore.registry.registry import Registry

__all__ = ["NAMING_KINDS", "naming_problems", "naming_rules"]

NAMING_KINDS = ("entity", "feature", "service", "view")
"""The kinds of names that can have a rule."""


def naming_rules(project_dir: Path) -> dict[str, str]:
    """Return the naming rules of a project, from `vars` in its dbt_project.yml.

    Raises:
        RegistryError: The rules are not a mapping.
    """
    own = own_vars(project_dir)
    rules = own.get("naming") or {} if isinstance(own, dict) else own
    if not isinstance(rules, dict):
        raise RegistryError(
            f"The naming rules in {project_dir / 'dbt_project.yml'} are {rules!r}.",
            remedy="Write `vars: {featurestore: {naming: {feature: '^[a-z0-9_]+$'}}}`.",
        )
    return rules


def naming_problems(registry: Registry, rules: Mapping[str, str]) -> list[Problem]:
    """Return a problem for each name that does not follow its rule.

    Args:
        registry: The project's definitions.
        rules: A regular expression for each kind of name (see `NAMING_KINDS`). It matches
            anywhere in the name unless it has `^` and `$`.

    Raises:
        RegistryError: The kind of a rule is unknown, or the rule is not a regular expression.
    """
    patterns = {kind: _pattern(kind, rule) for kind, rule in rules.items()}
    return sorted(
        Problem(
            path,
            resource,
            f"the {kind} name '{name}' does not follow the rule {rules[kind]!r}.",
            "Rename it, or change the rule under `vars: {featurestore: {naming: ...}}`.",
        )
        for kind, path, resource, name in dict.fromkeys(_names(registry))
        if kind in patterns and not patterns[kind].search(name)
    )


def _pattern(kind: str, rule: str) -> re.Pattern[str]:
    if kind not in NAMING_KINDS:
        raise RegistryError(
            f"Unknown kind of name '{kind}' in the naming rules.",
            remedy=did_you_mean(kind, NAMING_KINDS) or f"Known: {', '.join(NAMING_KINDS)}.",
        )
    try:
        return re.compile(rule)
    except (re.error, TypeError) as error:
        raise RegistryError(
            f"The naming rule {rule!r} for '{kind}' is not a regular expression: {error}.",
            remedy="Write for example '^[a-z][a-z0-9_]*$'.",
        ) from None


def _names(registry: Registry) -> Iterator[tuple[str, str, str, str]]:
    for view in registry.feature_views.values():
        # dbt adds the version; the rule is about the name that a person chose.
        plain = view.name.removesuffix(f".v{view.version}") if view.version else view.name
        yield "view", view.path, view.name, plain
        for entity in view.entities:
            yield "entity", view.path, view.name, entity.name
        for feature in view.features:
            yield "feature", view.path, view.name, feature.name
    for service in registry.feature_services.values():
        yield "service", service.path, service.name, service.name
        for computed in service.on_demand:
            yield "feature", service.path, service.name, computed.name
