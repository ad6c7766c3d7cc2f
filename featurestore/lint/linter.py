"""Lints a project: runs every rule on every view, keeps results, removes ignored findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from featurestore.errors import NotCompiled, Problem
from featurestore.lint.ignored_rules import without_ignored
from featurestore.lint.manifest_index import ManifestIndex
from featurestore.lint.problem_finder import ProblemFinder
from featurestore.lint.processes import lint_in_processes
from featurestore.lint.rule_codes import select_codes
from featurestore.lint.rules import RULES
from featurestore.project.manifest import Manifest
from featurestore.project.result_cache import ResultCache, checksum
from featurestore.registry.definitions import FeatureView
from featurestore.registry.registry import Registry

__all__ = ["LINT_VERSION", "LintReport", "lint_project", "result_key"]

LINT_VERSION = "5"
"""Part of the cache key. Raise it when a rule finds or says something else than before."""

_MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class LintReport:
    """The result of linting a project.

    Attributes:
        problems: Every finding that is not ignored, sorted by file.
        linted: The names of the views whose SQL was read.
        uncompiled: The names of the views whose SQL is not in the manifest.
    """

    problems: tuple[Problem, ...]
    linted: tuple[str, ...] = ()
    uncompiled: tuple[str, ...] = ()

    def checked(self) -> LintReport:
        """Return this report if it read any SQL, or if there was none to read.

        Raises:
            NotCompiled: dbt has compiled no feature view.
        """
        if self.uncompiled and not self.linted:
            raise NotCompiled(
                f"The manifest has no compiled SQL of {_some_names(self.uncompiled)}, so there is"
                " nothing to lint.",
                remedy="Run `dbt compile` or `dbt build`; `dbt parse` compiles nothing.",
            )
        return self


def _some_names(names: Sequence[str]) -> str:
    """Write a few names and count the rest.

    >>> _some_names(["a", "b", "c", "d", "e"])
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
        FeatureStoreError: A selected code is unknown.
    """
    codes = select_codes(select) if select is not None else tuple(RULES)
    index = ManifestIndex(manifest, registry)
    finder = ProblemFinder(index, project)
    problems: list[Problem] = []
    linted: list[str] = []
    uncompiled: list[str] = []
    # A seed is a file of rows: it has no SQL.
    views = [v for v in registry.feature_views.values() if not v.unique_id.startswith("seed.")]

    def tell(name: str, number: int) -> None:
        if progress is not None:
            progress(name, number, len(views))

    with cache:
        new = _without_result(views, index, project, cache)
        done = _lint_many(new, manifest.path, project, cache, tell)
        for view in views:
            if view.name not in done:
                done.add(view.name)
                tell(view.name, len(done))
            if not index.node(view.unique_id).compiled_code:
                uncompiled.append(view.name)
                continue
            found = _cached_problems(view, finder, cache)
            linted.append(view.name)
            problems += without_ignored(view, found, codes)
    return LintReport(tuple(sorted(problems)), tuple(linted), tuple(uncompiled))


def _without_result(
    views: Sequence[FeatureView], index: ManifestIndex, project: Path, cache: ResultCache
) -> list[str]:
    compiled = (view for view in views if index.node(view.unique_id).compiled_code)
    return [view.name for view in compiled if cache.get(result_key(view, index, project)) is None]


def _lint_many(
    names: Sequence[str],
    manifest: Path,
    project: Path,
    cache: ResultCache,
    tell: Callable[[str, int], None],
) -> set[str]:
    """Put the results of views into the cache, if several cores help; return the views' names."""
    done: set[str] = set()
    for line in lint_in_processes(manifest, project, names):
        # The worker's own key: the manifest may have changed since this process read it.
        cache.put(line["key"], line["problems"])
        done.add(line["view"])
        tell(line["view"], len(done))
    return done


@cache
def _parser_version() -> str:
    # Read from the disk.
    return version("sqlglot")


def result_key(view: FeatureView, index: ManifestIndex, project: Path) -> str:
    """Return the hash of everything that the problems of a view depend on."""
    # Without `ignore`, which hides findings and does not change them.
    definition = repr(replace(view, ignore={}))
    versions = (LINT_VERSION, _parser_version(), index.dialect)
    return checksum(*versions, definition, *index.finding_inputs(view, project))


def _cached_problems(view: FeatureView, finder: ProblemFinder, cache: ResultCache) -> list[Problem]:
    key = result_key(view, finder.index, finder.project)
    found = _from_cache(cache.get(key))
    if found is None:
        found = finder.problems(view)
        cache.put(key, [asdict(problem) for problem in found])
    return found


def _from_cache(stored: Any) -> list[Problem] | None:
    """Return cached findings; None if there are none, or another version wrote them."""
    try:
        return None if stored is None else [Problem(**fields) for fields in stored]
    except TypeError:
        return None
