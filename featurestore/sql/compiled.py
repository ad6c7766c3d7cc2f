"""A model's SQL, as dbt compiled it, parsed into a tree."""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from featurestore.errors import NotCompiled
from featurestore.project.nodes import CompiledNode
from featurestore.sql.dialects import grammar

__all__ = ["parsed"]


def parsed(node: CompiledNode, dialect: str) -> exp.Query:
    """Parse the compiled SQL of a model.

    Args:
        node: The model, from `Manifest.compiled`.
        dialect: The warehouse's dialect, `Manifest.dialect`.

    Raises:
        NotCompiled: dbt has only parsed the project, or sqlglot cannot parse the SQL.
    """
    if not node.compiled_code:
        raise NotCompiled(
            f"The manifest has no compiled SQL for model '{node.qualified_name}'"
            f" ({node.original_file_path}).",
            remedy="Run `dbt compile` or `dbt build`; `dbt parse` does not compile.",
        )
    try:
        tree = sqlglot.parse_one(node.compiled_code, dialect=grammar(dialect))
    except SqlglotError as error:
        first = str(error).partition("\n")[0]
        raise NotCompiled(
            f"The compiled SQL of model '{node.qualified_name}' ({node.original_file_path})"
            f" cannot be parsed as {dialect}: {first}",
        ) from error
    if not isinstance(tree, exp.Query):
        raise NotCompiled(
            f"The compiled SQL of model '{node.qualified_name}' ({node.original_file_path})"
            f" is a {tree.key.upper()}, not a SELECT."
        )
    return tree
