"""Names the right that a role lacks when a warehouse refuses a statement, and the remedy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from featurestore.errors import MissingRight

__all__ = ["POSTGRES_RIGHTS", "Right", "missing_right"]

_LISTED = "docs/how-to/connect-a-warehouse.md lists the rights that each command needs."


@dataclass(frozen=True, slots=True)
class Right:
    """A right, and how the engine's words show that it is missing.

    Attributes:
        words: A regular expression for the engine's words; its group `on` is the object.
        name: The right and its object.
        remedy: How to grant it, or how to do without.
        doing: The beginning of the actions that need the right; empty for all.
    """

    words: str
    name: str
    remedy: str
    doing: str = ""


# The engine quotes some names and not others, also with blanks: a name ends with its line.
_ON = r'"?(?P<on>[^"]+?)"?$'
_PLAIN = re.compile("[a-z_][a-z0-9_]*")
POSTGRES_RIGHTS = (
    Right(
        rf"create temporary tables in database {_ON}",
        "TEMPORARY on the database {on}",
        "GRANT TEMPORARY ON DATABASE {on} TO {role}. Entity rows as SQL or a table, the outputs"
        " to_arrow and to_df, and a sync with its ledger beside the job need no temporary table.",
    ),
    Right(
        rf"for schema {_ON}",
        "CREATE on the schema {on}",
        "GRANT CREATE ON SCHEMA {on} TO {role}.",
        doing="write",
    ),
    Right(
        rf"for schema {_ON}",
        "USAGE on the schema {on}",
        "GRANT USAGE ON SCHEMA {on} TO {role}.",
    ),
    Right(
        rf"for table {_ON}",
        "INSERT and DELETE on {on}",
        "GRANT SELECT, INSERT, DELETE ON {on} TO {role}.",
        doing="change the rows",
    ),
    Right(
        rf"for (?:table|view|relation|materialized view) {_ON}",
        "SELECT on {on}",
        "GRANT SELECT ON {on} TO {role}; in dbt, `grants: {{select: [{role}]}}` keeps it after each"
        " build.",
    ),
    Right(
        rf"must be owner of (?:table|view|relation) {_ON}",
        "the ownership of {on}, which only its owner may replace",
        "Write to another name, or let the owner run the command.",
    ),
    Right(
        rf"(?:set role|member of role) {_ON}",
        "membership in the role {on}, which profiles.yml names as `role`",
        "GRANT {on} TO {role}.",
    ),
    Right(
        rf"for database {_ON}",
        "CREATE on the database {on}, to create the schema",
        "GRANT CREATE ON DATABASE {on} TO {role}. Or let an administrator create the schema, and"
        " grant USAGE and CREATE on it.",
        doing="create the schema",
    ),
    Right(
        rf"for database {_ON}",
        "CONNECT on the database {on}",
        "GRANT CONNECT ON DATABASE {on} TO {role}.",
    ),
)
"""The rights of PostgreSQL; the first one that fits counts."""


def missing_right(doing: str, reason: str, role: str, rights: Sequence[Right] = ()) -> MissingRight:
    """Return the error about a right that a role lacks.

    Args:
        doing: The action, such as "run the query".
        reason: The engine's words.
        role: The role or user; empty if unknown.
        rights: The rights of the engine; the engine's words stand alone if none fits.
    """
    who = f"the role '{role}'" if role else "the role of the target"
    told = f"Cannot {doing}: {reason}".rstrip(".") + "."
    for right in rights:
        found = re.search(right.words, reason)
        if found and doing.startswith(right.doing):
            names = {"on": _quoted(found["on"]), "role": _quoted(role) if role else "the role"}
            lacks = f"{who[0].upper()}{who[1:]} lacks {right.name.format(**names)}."
            return MissingRight(f"{told} {lacks}", remedy=right.remedy.format(**names))
    return MissingRight(told, remedy=f"Grant {who} the right. {_LISTED}")


def _quoted(name: str) -> str:
    """Return a name as it is written in a statement.

    >>> _quoted("features"), _quoted("Training sets")
    ('features', '"Training sets"')
    """
    return name if _PLAIN.fullmatch(name) else f'"{name}"'
