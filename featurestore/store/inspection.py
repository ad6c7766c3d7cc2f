"""The methods of a feature store that look at definitions before anybody relies on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from featurestore.errors import Problem
from featurestore.store.session import Session

if TYPE_CHECKING:
    from featurestore.impact.changes import Change
    from featurestore.lineage.graph import LineageGraph
    from featurestore.lint.linter import LintReport
    from featurestore.project.result_cache import ResultCache

__all__ = ["Inspection"]


class Inspection(Session):
    """What `FeatureStore` finds out about features without computing any; it only delegates."""

    def validate(
        self,
        *,
        connect: bool = True,
        lint: bool | None = None,
        naming: Mapping[str, str] | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> list[Problem]:
        """Return everything that is wrong with the project's features.

        Args:
            connect: Whether to compare the definitions with the warehouse's tables too.
            lint: Whether to read the SQL for leakage too; by default that of the models that dbt
                has compiled.
            naming: Regular expressions for kinds of names, such as `{"view": "_features$"}`, before
                those of the project; see `governance.naming_problems`.
            progress: Told the name of each model when its SQL has been read for doubles.

        Raises:
            NotCompiled: `lint` is true, and dbt has compiled no feature view.
        """
        problems = [*self.declared.problems, *self._governance(naming or {}, progress)]
        if lint is not False:
            problems += self.lint(required=lint is True).problems
        if connect:
            from featurestore.registry.warehouse_types import check_views

            with self.warehouse() as warehouse:
                problems += check_views(self.declared.feature_views.values(), warehouse)
        return sorted(problems)

    def _governance(
        self, naming: Mapping[str, str], progress: Callable[[str], None] | None
    ) -> list[Problem]:
        from featurestore.governance.access import access_problems
        from featurestore.governance.across_models.duplicates import duplicate_problems
        from featurestore.governance.naming import naming_problems, naming_rules

        rules = {**naming_rules(self._project_dir), **naming}
        found = [*access_problems(self.declared), *naming_problems(self.declared, rules)]
        if not self.declared.problems:
            found += duplicate_problems(self.registry, self.lineage(progress))
        return found

    def lint(
        self,
        *,
        select: Sequence[str] | None = None,
        progress: Callable[[str, int, int], None] | None = None,
        required: bool = True,
    ) -> LintReport:
        """Read the compiled SQL of every feature view for values from the future.

        Args:
            select: The codes of the rules, such as `FS001`; by default all.
            progress: Told the name of each view, its number and the count of all.
            required: Whether it is an error that dbt has compiled no feature view.

        Raises:
            FeatureStoreError: There is no rule of a selected code.
            NotCompiled: Nothing is compiled, and it is required.
        """
        from featurestore.lint.linter import lint_project

        report = lint_project(
            self.manifest,
            self.declared,
            self.project.folder,
            self._cache("lint"),
            select=select,
            progress=progress,
        )
        return report.checked() if required else report

    def lineage(self, progress: Callable[[str], None] | None = None) -> LineageGraph:
        """Trace every feature, key, timestamp and label back to the columns of the sources.

        Args:
            progress: Told the name of each model when its SQL has been read.

        Raises:
            DefinitionProblems: Anything is declared wrongly.
        """
        from featurestore.lineage.graph import build_lineage

        with self._cache("lineage") as cache:
            return build_lineage(self.manifest, self.registry, cache=cache, progress=progress)

    def diff(
        self, state: str | Path, progress: Callable[[str], None] | None = None
    ) -> tuple[list[Change], str]:
        """Compare the project with another state of it, such as production's.

        Args:
            state: The other manifest, or the folder in which it lies.
            progress: Told the name of each model when its SQL has been read.

        Returns:
            What is different here, the most harmful first; and a remark where the SQL could not be
            compared.

        Raises:
            ManifestError: A manifest is missing or cannot be read.
            DefinitionProblems: Anything is declared wrongly in this project.
        """
        from featurestore.impact.compare import compare
        from featurestore.impact.state import ProjectState, load_state, remark

        with self._cache("lineage") as cache:
            old = load_state(Path(state), cache)
            new = ProjectState(self.manifest, self.registry, cache, progress)
            return compare(old, new, self.now()), remark(old, new)

    def _cache(self, name: str) -> ResultCache:
        from featurestore.project.result_cache import ResultCache

        return ResultCache(self.project.target_path / "featurestore", name)
