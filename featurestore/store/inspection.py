"""Checks of a project's definitions before anybody relies on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from featurestore.errors import Problem
from featurestore.store.session import Session
from featurestore.warehouse import missing_connection

if TYPE_CHECKING:
    from featurestore.impact.changes import Change
    from featurestore.lineage.graph import LineageGraph
    from featurestore.lint.linter import LintReport
    from featurestore.warehouse.protocol import Warehouse

__all__ = ["Inspection"]


class Inspection:
    """The part of a `FeatureStore` that reads definitions and SQL; the store documents it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def validate(
        self,
        *,
        connect: bool,
        lint: bool | None,
        naming: Mapping[str, str] | None,
        progress: Callable[[str], None] | None,
    ) -> list[Problem]:
        """Return every problem of the project's features, sorted."""
        declared = self._session.declared
        problems = [
            *declared.problems,
            *self._governance(naming or {}, progress),
            *self._ignore_problems(),
            *self._partition_problems(),
        ]
        if lint is not False:
            problems += self.lint(select=None, progress=None, required=lint is True).problems
        if connect:
            from featurestore.registry.warehouse_types import check_views
            from featurestore.store.publication_checks import publication_problems
            from featurestore.store.validity_checks import overlap_problems

            views = declared.feature_views.values()
            # Lineage needs definitions without problems.
            known = None if declared.problems else self._session.personal_features.reasons
            with self._session.warehouse() as warehouse:
                found = check_views(views, warehouse)
                troubled = {problem.resource for problem in (*declared.problems, *found)}
                sound = [view for view in views if view.name not in troubled]
                found += publication_problems(sound, warehouse, self._session.now())
                problems += [*found, *overlap_problems(views, warehouse, known)]
                problems += self._expressions(warehouse)
        else:
            problems += [*self._unpublishable(), *self._expressions(None)]
        return sorted(problems)

    def _unpublishable(self) -> list[Problem]:
        """Return why views cannot be published, as far as dbt's files tell."""
        from featurestore.registry.unpublishable import declared_types, unpublishable_problems

        declared = self._session.declared
        views = [view for view in declared.feature_views.values() if view.online]
        found = [
            problem
            for view in views
            for problem in unpublishable_problems(view, declared_types(view))
        ]
        missing = missing_connection(declared.dialect)
        if views and missing is not None:
            found.append(
                Problem(
                    "dbt_project.yml",
                    declared.project,
                    f"no feature view can be published from {declared.dialect} ({missing}).",
                    "Declare the views `online: false`, or publish from another target.",
                    severity="warning",
                )
            )
        return found

    def _expressions(self, warehouse: Warehouse | None) -> list[Problem]:
        """Return what is wrong with on-demand features, by the warehouse's types if it is there."""
        from featurestore.registry.warehouse_types import with_types
        from featurestore.training.declared_expressions import expression_problems

        declared = self._session.declared
        if declared.problems or not any(s.on_demand for s in declared.feature_services.values()):
            return []
        if warehouse is None:
            return list(expression_problems(declared))
        return list(expression_problems(declared, partial(with_types, warehouse=warehouse)))

    def _ignore_problems(self) -> list[Problem]:
        from featurestore.lint.ignored_rules import ignore_problems

        views = self._session.declared.feature_views.values()
        return [problem for view in views for problem in ignore_problems(view)]

    def _partition_problems(self) -> list[Problem]:
        from featurestore.registry.partitions import partition_problems

        declared = self._session.declared
        nodes = ((node, node.qualified_name) for node in self._session.manifest.tagged())
        return [
            problem
            for node, name in nodes
            if name in declared.feature_views
            for problem in partition_problems(node, declared.feature_views[name], declared.dialect)
        ]

    def _governance(
        self, naming: Mapping[str, str], progress: Callable[[str], None] | None
    ) -> list[Problem]:
        from featurestore.governance.access import access_problems
        from featurestore.governance.across_models.duplicates import duplicate_problems
        from featurestore.governance.deletion_limit import deletion_limit
        from featurestore.governance.naming import naming_problems, naming_rules
        from featurestore.project.namespace import refuse_bad_namespaces

        declared = self._session.declared
        # The sync reads both; what is wrong is better found here.
        deletion_limit(self._session.project_dir)
        refuse_bad_namespaces(self._session.project)
        rules = {**naming_rules(self._session.project_dir), **naming}
        found = [*access_problems(declared), *naming_problems(declared, rules)]
        # The registry has those of feature views already.
        found += set(self._session.marks.problems) - set(declared.problems)
        if not declared.problems:
            # Lineage needs definitions without problems.
            found += self._session.personal_features.problems
            found += duplicate_problems(declared, self.lineage(progress))
        return found

    def lint(
        self,
        *,
        select: Sequence[str] | None,
        progress: Callable[[str, int, int], None] | None,
        required: bool,
    ) -> LintReport:
        """Search the compiled SQL of every feature view for values from the future."""
        from featurestore.lint.linter import lint_project

        report = lint_project(
            self._session.manifest,
            self._session.declared,
            self._session.project.folder,
            self._session.result_cache("lint"),
            select=select,
            progress=progress,
        )
        return report.checked() if required else report

    def lineage(self, progress: Callable[[str], None] | None) -> LineageGraph:
        """Trace every column of the registry back to the sources."""
        from featurestore.lineage.graph import build_lineage

        session = self._session
        with session.result_cache("lineage") as cache:
            return build_lineage(session.manifest, session.registry, cache=cache, progress=progress)

    def diff(self, state: Path, progress: Callable[[str], None] | None) -> tuple[list[Change], str]:
        """Compare the project with another state of it."""
        from featurestore.impact.compare import compare
        from featurestore.impact.state import ProjectState, comparison_remark, load_state

        session = self._session
        with session.result_cache("lineage") as cache:
            old = load_state(state, cache)
            new = ProjectState(session.manifest, session.declared.checked(), cache, progress)
            return compare(old, new, session.now()), comparison_remark(old, new)
