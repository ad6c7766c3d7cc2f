"""How the warehouse compares names: which spellings mean one column or one table."""

from __future__ import annotations

from collections.abc import Iterable

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect, NormalizationStrategy
from sqlglot.errors import SqlglotError

from featurestore.sql.dialects import grammar

__all__ = ["NameRules", "documented_name", "spellings"]


def documented_name(name: str) -> str:
    """Return a column's name as ids have it: without quotes and in lower case.

    >>> documented_name('"countVisits"'), documented_name("delay")
    ('countvisits', 'delay')
    """
    return name.strip('"').lower() if name.startswith('"') else name


def spellings(columns: Iterable[str], name: str) -> list[str]:
    """Return the normalized names that a column's documented name means.

    Args:
        columns: The normalized names of a relation's columns.
        name: The name in an id, in lower case.

    >>> spellings(["id", '"countVisits"'], "countvisits"), spellings(["id"], "n")
    (['"countVisits"'], [])
    """
    known = list(columns)
    return [name] if name in known else [one for one in known if documented_name(one) == name]


class NameRules:
    """The name rules of one dialect.

    Args:
        dialect: Its name.

    Example:
        >>> NameRules("snowflake").normalize(exp.to_identifier("Delay", quoted=False))
        'delay'
        >>> NameRules("snowflake").normalize(exp.to_identifier("Delay", quoted=True))
        '"Delay"'
        >>> NameRules("duckdb").normalize(exp.to_identifier("Delay", quoted=True))
        'delay'
    """

    def __init__(self, dialect: str) -> None:
        self.dialect = grammar(dialect)
        self._known: dict[str, tuple[str, ...]] = {"": ()}
        strategy = Dialect.get_or_raise(self.dialect).normalization_strategy
        self._exact = strategy is NormalizationStrategy.CASE_SENSITIVE
        self._own_case = {
            NormalizationStrategy.LOWERCASE: str.lower,
            NormalizationStrategy.UPPERCASE: str.upper,
        }.get(strategy)

    def normalize(self, identifier: exp.Expr | str) -> str:
        """Return the name that every spelling of an identifier shares."""
        if isinstance(identifier, str):
            return identifier if self._exact else identifier.lower()
        name = identifier.name
        if self._exact:
            return name
        quoted = bool(identifier.args.get("quoted"))
        # `"Delay"` and `Delay` differ where the engine folds bare names to another case.
        if quoted and self._own_case and self._own_case(name) != name:
            return f'"{name}"'
        return name.lower()

    def table(self, table: exp.Table) -> tuple[str, ...]:
        """Return the parts of a table's name; for a table function, the call as one part."""
        if isinstance(table.this, exp.Identifier):
            return tuple(self.normalize(part) for part in table.parts)
        return (table.this.sql(self.dialect, comments=False),)

    def relation(self, text: str) -> tuple[str, ...]:
        """Return the parts of a `relation_name` of dbt; empty if it cannot be read."""
        if text not in self._known:
            self._known[text] = self._parsed(text)
        return self._known[text]

    def _parsed(self, text: str) -> tuple[str, ...]:
        try:
            found = sqlglot.parse_one(f"SELECT 1 FROM {text}", dialect=self.dialect).find(exp.Table)
        except SqlglotError:
            return ()
        return self.table(found) if found else ()
