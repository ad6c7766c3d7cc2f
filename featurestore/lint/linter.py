"""Linting a project: every rule on every view, results kept, ignored findings taken out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from featurestore.errors import NotCompiled, Problem
from featurestore.lint.checks import CHECKS, LINT_VERSION
from featurestore.lint.codes import RULES, WARNING, known_codes
from featurestore.lint.linted_view import Found, LintedView
from featurestore.lint.manifest_index import ManifestIndex
from featurestore.lint.source_lines import place, snippet
from featurestore.lint.upstream import CARRIED, carried, models_behind
from featurestore.project.manifest import Manifest
from featurestore.project.result_cache import ResultCache, checksum
from featurestore.registry.definitions import FeatureView
from featurestore.registry.registry import Registry
from featurestore.sql.compiled import parsed

__all__ = ["LintReport", "lint_project"]

_MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class LintReport:
    """What the lint found.

    Attributes:
        problems: Every finding that is not ignored, sorted by file.
        linted: The names of the views whose SQL was read.
        uncompiled: The names of the views whose SQL is not in the manifest.
    """

    problems: tuple[Problem, ...]
    linted: tuple[str, ...] = ()
    uncompiled: tuple[str, ...] = ()

    def checked(self) -> LintReport:
        """Return this report if any SQL was read, or there was none to read.

        Raises:
            NotCompiled: dbt has compiled no feature view.
        """
        if self.uncompiled and not self.linted:
            raise NotCompiled(
                f"The manifest has no compiled SQL of {_listed(self.uncompiled)}, so there is"
                " nothing to lint.",
                remedy="Run `dbt compile` or `dbt build`; `dbt parse` compiles nothing.",
            )
        return self


def _listed(names: Sequence[str]) -> str:
    """Write a few names and count the rest.

    >>> _listed(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"


def lint_project(
    manifest: Manifest,
    registry: Registry,
    project: Path,
    cache: ResultCache,
    *,
    select: Sequence[str] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> LintReport:
    """Lint every feature view.

    Args:
        manifest: The manifest, compiled.
        registry: The project's registry; one with problems is linted as far as it can be read.
        project: The dbt project's folder, for the lines of its files.
        cache: Results of earlier runs.
        select: The codes of the rules to run; by default all.
        progress: Called before each view with its name, its number and the count of all.

    Raises:
        FeatureStoreError: There is no rule of a selected code.
    """
    codes = known_codes(select) if select is not None else tuple(RULES)
    facts = ManifestIndex(manifest, registry)
    problems: list[Problem] = []
    linted: list[str] = []
    uncompiled: list[str] = []
    views = [v for v in registry.feature_views.values() if not v.unique_id.startswith("seed.")]
    with cache:
        for number, view in enumerate(views, start=1):
            if progress is not None:
                progress(view.name, number, len(views))
            if not facts.node(view.unique_id).compiled_code:
                uncompiled.append(view.name)
                continue
            found = _kept(view, facts, project, cache)
            linted.append(view.name)
            problems += _without_ignored(view, found, codes)
    return LintReport(tuple(sorted(problems)), tuple(linted), tuple(uncompiled))


def _kept(
    view: FeatureView, facts: ManifestIndex, project: Path, cache: ResultCache
) -> list[Problem]:
    definition = repr(replace(view, ignore={}))
    key = checksum(LINT_VERSION, facts.dialect, definition, *facts.finding_inputs(view))
    found = _read(cache.get(key))
    if found is None:
        found = list(_findings(view, facts, project))
        cache.put(key, [asdict(problem) for problem in found])
    return found


def _read(kept: Any) -> list[Problem] | None:
    """Return kept findings; None if they are none, or not what this version keeps."""
    try:
        return None if kept is None else [Problem(**fields) for fields in kept]
    except TypeError:
        return None


def _findings(view: FeatureView, facts: ManifestIndex, project: Path) -> Iterator[Problem]:
    node = facts.node(view.unique_id)
    try:
        tree = parsed(node, facts.dialect)
    except NotCompiled as error:
        yield Problem(
            node.original_file_path,
            view.name,
            f"the lint cannot read it. {error.message}",
            error.remedy,
            severity=WARNING,
        )
        return
    linted = LintedView(
        view,
        node,
        tree,
        facts.tables(node),
        facts.services(view),
        facts.grains(view),
        models_behind(view, node, facts),
    )
    found = {
        _problem(linted, code, one, facts.dialect, project)
        for code, check in CHECKS.items()
        for one in check(linted)
    }
    found |= {
        _problem(behind, code, one, facts.dialect, project)
        for behind in carried(linted)
        for code in CARRIED
        for one in CHECKS[code](behind)
    }
    yield from sorted(found)


def _problem(view: LintedView, code: str, found: Found, dialect: str, project: Path) -> Problem:
    rule = RULES[code]
    path, line = found.path or view.view.path, 0
    if found.node is not None:
        path, line = place(found.model or view.node, found.node, project)
    return Problem(
        path,
        view.view.name,
        f"{rule.message}: {found.detail}.",
        rule.remedy,
        line=line,
        code=code,
        severity=rule.severity,
        snippet=snippet(found.node, dialect) if found.node is not None else found.snippet,
    )


def _without_ignored(
    view: FeatureView, found: Iterable[Problem], codes: Sequence[str]
) -> Iterator[Problem]:
    """Yield what is selected and not ignored, and what is ignored without need."""
    fired = set()
    for problem in found:
        fired.add(problem.code)
        if not problem.code or (problem.code in codes and problem.code not in view.ignore):
            yield problem
    for code in view.ignore:
        if code in codes and code not in fired:
            yield Problem(
                view.path,
                view.name,
                f"it ignores {code}, which finds nothing here any more.",
                f"Remove {code} from `ignore`.",
                code=code,
                severity=WARNING,
            )
