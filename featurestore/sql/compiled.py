"""The SQL that dbt compiled of a model, as a tree."""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from featurestore.errors import NotCompiled
from featurestore.project.nodes import CompiledNode

__all__ = ["parsed"]


def parsed(node: CompiledNode, dialect: str) -> exp.Query:
    """Parse the compiled SQL of a model.

    Args:
        node: The model, from `Manifest.compiled`.
        dialect: The warehouse's dialect, `Manifest.dialect`.

    Raises:
        NotCompiled: dbt has only parsed the project, or sqlglot cannot read the SQL.
    """
    if not node.compiled_code:
        raise NotCompiled(
            f"The manifest has no compiled SQL of model '{node.qualified_name}'"
            f" ({node.original_file_path}).",
            remedy="Run `dbt compile` or `dbt build`; `dbt parse` compiles nothing.",
        )
    try:
        tree = sqlglot.parse_one(node.compiled_code, dialect=dialect)
    except SqlglotError as error:
        first = str(error).partition("\n")[0]
        raise NotCompiled(
            f"The compiled SQL of model '{node.qualified_name}' ({node.original_file_path})"
            f" cannot be read as {dialect}: {first}",
        ) from error
    if not isinstance(tree, exp.Query):
        raise NotCompiled(
            f"The compiled SQL of model '{node.qualified_name}' ({node.original_file_path})"
            " is no query."
        )
    return tree
