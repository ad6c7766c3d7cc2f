"""A rule of the lint, and a finding of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlglot import exp

from featurestore.errors import Severity
from featurestore.lint.linted_view import LintedView
from featurestore.project.nodes import CompiledNode

__all__ = ["Check", "Finding", "Rule"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A place where a rule fires.

    Attributes:
        node: The offending SQL; None if the definition is wrong, not the SQL.
        detail: Names and values that the rule's own message does not have.
        snippet: The text to show if `node` is None.
        path: The file to edit if `node` is None; by default the yml of the view.
        model: The model whose SQL contains the node; by default the view's own.
    """

    node: exp.Expr | None
    detail: str = ""
    snippet: str = ""
    path: str = ""
    model: CompiledNode | None = None


Check = Callable[[LintedView], Iterator[Finding]]
"""Yields each place in a view where a rule fires."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of the lint; each file in `rules/` defines one.

    Attributes:
        code: Its number; a code never changes its meaning.
        name: A short name for people.
        severity: An error fails `featurestore validate`; a warning fails it with `--strict`.
        message: What is wrong where the rule fires, in one line.
        remedy: What to do about it, in one line.
        description: The paragraphs of the reference page: why it is wrong, what else counts.
        bad: A query that breaks this rule and no other; leading `-- key: value` comments declare
            the parts of the definition that differ from the page's defaults.
        good: The same query without the leak; it breaks no rule.
        check: Finds the places where a view breaks the rule.
        upstream: Whether the rule also holds for models whose rows a view passes on unchanged.
    """

    code: str
    name: str
    severity: Severity
    message: str
    remedy: str
    description: str
    bad: str
    good: str
    check: Check
    upstream: bool = False
