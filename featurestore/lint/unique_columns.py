"""The columns that a dbt test, a constraint or a unique key makes unique."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from featurestore.project.nodes import DataTest, Node, Source

__all__ = ["unique_sets"]

_SETS = ("combination_of_columns", "column_list", "column_names", "columns")
"""The arguments by which the tests of known packages name their columns."""
_FUNCTIONS = {"concat", "concat_ws", "cast", "as", "text", "varchar", "string", "coalesce"}


def unique_sets(node: Node | Source, tests: Sequence[DataTest]) -> list[frozenset[str]]:
    """Return each set of columns that is unique in a table, in lower case.

    Args:
        node: The model, snapshot, seed or source.
        tests: The data tests attached to it.
    """
    found = [_lower(_tested_columns(test)) for test in tests]
    if isinstance(node, Node):
        found += [
            _lower(constraint.columns or ())
            for constraint in node.constraints or ()
            if constraint.type in ("primary_key", "unique")
        ]
        found.append(_lower(_as_list(node.config.unique_key)))
    return [columns for columns in found if columns]


def _lower(names: Iterable[Any]) -> frozenset[str]:
    return frozenset(str(name).strip('"`').lower() for name in names)


def _tested_columns(test: DataTest) -> list[str]:
    """Return the columns that a test makes unique together; empty for a test of another kind."""
    metadata = test.test_metadata
    if metadata is None:
        return []
    given = metadata.kwargs
    if metadata.name == "unique_entity_timestamp":
        return [*_as_list(given.get("join_keys")), *_as_list(given.get("event_timestamp"))]
    if metadata.name == "unique":
        return _column_words(test.column_name or given.get("column_name"))
    if "unique" in metadata.name or "primary_key" in metadata.name:
        return next((_as_list(given[key]) for key in _SETS if given.get(key)), [])
    return []


def _column_words(expression: Any) -> list[str]:
    """Return the columns in the argument of `unique`: one column, or several concatenated.

    >>> _column_words("tailnum || '-' || cast(observed_at as text)")
    ['tailnum', 'observed_at']
    """
    words: list[str] = re.findall(r"[A-Za-z_][A-Za-z_0-9]*", str(expression or ""))
    return [word for word in words if word.lower() not in _FUNCTIONS]


def _as_list(value: Any) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else [str(value)] if value else []
