"""Runs every rule on a feature view and on the models whose rows it passes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from featurestore.errors import NotCompiled, Problem
from featurestore.lint.linted_view import LintedView
from featurestore.lint.manifest_index import ManifestIndex
from featurestore.lint.models_behind import ModelsBehind
from featurestore.lint.rule import Finding, Rule
from featurestore.lint.rules import RULES
from featurestore.lint.source_lines import place, snippet
from featurestore.project.nodes import CompiledNode
from featurestore.registry.definitions import FeatureView

__all__ = ["ProblemFinder"]

_UPSTREAM = tuple(rule for rule in RULES.values() if rule.upstream)


class ProblemFinder:
    """Finds the problems of feature views. A model behind several views is checked once.

    Args:
        index: The manifest.
        project: The dbt project's folder, for the lines of its files.
    """

    def __init__(self, index: ManifestIndex, project: Path) -> None:
        self.index = index
        self.project = project
        self._models = ModelsBehind(index)
        self._behind: dict[LintedView, tuple[Problem, ...]] = {}

    def problems(self, view: FeatureView) -> list[Problem]:
        """Return the findings of every rule in a view, sorted; those that it ignores too."""
        node = self.index.node(view.unique_id)
        try:
            linted = self._linted(view, node)
        except NotCompiled as error:
            return [_unreadable(node, view, error)]
        # A set, because two models may lead to one place.
        found = set(self._found(linted, RULES.values()))
        for model in self._models.passed_on_unchanged(linted):
            if model not in self._behind:
                self._behind[model] = tuple(self._found(model, _UPSTREAM))
            found.update(self._behind[model])
        return sorted(
            replace(problem, resource=view.name, path=problem.path or view.path)
            for problem in found
        )

    def _linted(self, view: FeatureView, node: CompiledNode) -> LintedView:
        return LintedView(
            view,
            node,
            self.index.root(node),
            self.index.tables(node),
            self.index.services(view),
            self.index.grains(view),
            self._models.upstream(view, node),
        )

    def _found(self, view: LintedView, rules: Iterable[Rule]) -> Iterator[Problem]:
        """Yield problems that do not name the view yet, so that views can share them."""
        for rule in rules:
            for finding in rule.check(view):
                yield self._problem(view, rule, finding)

    def _problem(self, view: LintedView, rule: Rule, found: Finding) -> Problem:
        path, line, text = found.path, 0, found.snippet
        if found.node is not None:
            path, line = place(found.model or view.node, found.node, self.project)
            text = snippet(found.node, self.index.dialect)
        return Problem(
            path,
            "",
            f"{rule.message}: {found.detail}.",
            rule.remedy,
            line=line,
            code=rule.code,
            severity=rule.severity,
            snippet=text,
        )


def _unreadable(node: CompiledNode, view: FeatureView, error: NotCompiled) -> Problem:
    return Problem(
        node.original_file_path,
        view.name,
        f"the lint cannot read its SQL. {error.message}",
        error.remedy,
        severity="warning",
    )
