"""Rules that a view ignores: `ignore: {FS003: "why it is right here"}` in its meta.

`ignore` is a comment for the lint. A mistake in it is a finding of `validate`, and never stops a
training set or an online read; therefore this module reads it and the registry does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from featurestore.errors import Problem
from featurestore.lint.rule_codes import unknown_code_remedy
from featurestore.registry.definitions import FeatureView

__all__ = ["ignore_problems", "without_ignored"]


def ignore_problems(view: FeatureView) -> Iterator[Problem]:
    """Yield each mistake in a view's `ignore`: its form, an unknown code, a missing reason."""
    if not isinstance(view.ignore, Mapping):
        yield _problem(
            view,
            f"`ignore` must map codes to reasons, got {view.ignore!r}.",
            'Write `ignore: {FS003: "why it is right here"}`.',
        )
        return
    for code, reason in view.ignore.items():
        if remedy := unknown_code_remedy(str(code)):
            yield _problem(view, f"`ignore` has '{code}', which is not a lint rule.", remedy)
        elif not isinstance(reason, str) or not reason.strip():
            yield _problem(
                view,
                f"`ignore` needs a reason for {code}, got {reason!r}.",
                "Write in one sentence why the rule is wrong here.",
            )


def _problem(view: FeatureView, message: str, remedy: str) -> Problem:
    return Problem(view.path, view.name, message, remedy)


def without_ignored(
    view: FeatureView, found: Iterable[Problem], selected: Sequence[str]
) -> Iterator[Problem]:
    """Yield the findings that are selected and not ignored, and each `ignore` without a finding.

    Args:
        view: The feature view.
        found: The findings of every rule.
        selected: The codes to report.
    """
    ignored = [str(code) for code in view.ignore] if isinstance(view.ignore, Mapping) else []
    fired = set()
    for problem in found:
        fired.add(problem.code)
        # A finding without a code reports SQL that the lint cannot read: `ignore` cannot hide it.
        if not problem.code or (problem.code in selected and problem.code not in ignored):
            yield problem
    for code in ignored:
        if code in selected and code not in fired:
            yield Problem(
                view.path,
                view.name,
                f"`ignore` names {code}, but {code} no longer finds anything here.",
                f"Remove {code} from `ignore`.",
                code=code,
                severity="warning",
            )
