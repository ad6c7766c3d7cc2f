"""The place in a model's file that a piece of its compiled SQL comes from."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

from sqlglot import exp

from featurestore.project.nodes import CompiledNode

__all__ = ["compiled_line", "file_line", "lines_before", "place", "snippet"]

_LONGEST = 100
_LEAST_FIXED = 4
"""Fewer letters outside Jinja match lines that a line did not produce."""
_JINJA = re.compile(r"\{\{.*?\}\}")
_Match = tuple[Literal["equal", "replace", "insert", "delete"], int, int, int, int]


def place(node: CompiledNode, where: exp.Expr, project: Path) -> tuple[str, int]:
    """Return the file and the line of an expression.

    Args:
        node: The model.
        where: An expression of its compiled SQL.
        project: The dbt project's folder.

    Returns:
        The model's own file if the manifest has its text, otherwise the compiled file.
    """
    line = compiled_line(where)
    if not line:
        return node.original_file_path, 0
    if not node.raw_code:
        return f"target/compiled/{node.package_name}/{node.original_file_path}", line
    found = file_line(node.raw_code, node.compiled_code or "", line)
    return node.original_file_path, found + lines_before(
        project / node.original_file_path, node.raw_code
    )


def compiled_line(where: exp.Expr) -> int:
    r"""Return the line of an expression; for a keyword, which has none, the line of its parent.

    >>> from sqlglot import parse_one
    >>> tree = parse_one("select\n  a,\n  lead(b) over (order by c)\nfrom t")
    >>> compiled_line(tree.expressions[1])
    3
    """
    node: exp.Expr | None = where
    while node is not None:
        marks = [(n.meta["start"], n.meta["line"]) for n in node.walk() if "line" in n.meta]
        if marks:
            return int(min(marks)[1])
        node = node.parent
    return 0


def file_line(raw: str, compiled: str, line: int) -> int:
    r"""Return the line of a model's own text that became a line of its compiled SQL.

    SQL that a macro wrote has the line of the macro's call.

    >>> raw = "{{ config() }}\nselect\n  {{ a_window() }}\nfrom t"
    >>> file_line(raw, "\nselect\n  lead(x) over (\n    order by y\n  )\nfrom t", 4)
    3
    """
    before = 0
    own, made, matches = _matches(raw, compiled)
    for tag, start, end, raw_start, raw_end in matches:
        if start <= line - 1 < end:
            if tag != "equal" and own.count(made[line - 1]) == 1 and made[line - 1]:
                return own.index(made[line - 1]) + 1
            offset = line - 1 - start
            last = max(raw_end - 1, raw_start)
            return (raw_start + offset if tag == "equal" else min(raw_start + offset, last)) + 1
        before = raw_end
    return max(before, 1)


# One entry is enough: the findings of one model come one after another.
@lru_cache(maxsize=1)
def _matches(raw: str, compiled: str) -> tuple[list[str], list[str], list[_Match]]:
    """Return the model's own lines, the lines of the SQL, and how the two match.

    A line of SQL that a line with Jinja can produce, such as `from {{ ref('orders') }}`, is
    replaced by that line, so that the two are equal.
    """
    made, own = ([line.strip() for line in text.split("\n")] for text in (compiled, raw))
    patterns = [(line, pattern) for line in dict.fromkeys(own) if (pattern := _pattern(line))]
    written = [
        next((source for source, pattern in patterns if pattern.fullmatch(line)), line)
        for line in made
    ]
    # By default difflib ignores lines that a long text repeats, such as `),`, and matches worse.
    matcher = difflib.SequenceMatcher(None, written, own, autojunk=False)
    return own, written, list(matcher.get_opcodes())


def _pattern(line: str) -> re.Pattern[str] | None:
    """Return a pattern of the SQL that a line with Jinja produces; None if almost any SQL fits.

    >>> bool(_pattern("from {{ ref('orders') }}").fullmatch('from "shop"."orders"'))
    True
    >>> _pattern("{{ columns() }},")
    """
    fixed = _JINJA.split(line)
    if len(fixed) == 1 or sum(map(str.isalnum, "".join(fixed))) < _LEAST_FIXED:
        return None
    return re.compile(".*".join(map(re.escape, fixed)))


def lines_before(path: Path, raw: str) -> int:
    """Return the number of lines of a file before its text in the manifest: dbt strips the head."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return 0
    start = text.find(raw)
    return text.count("\n", 0, start) if start > 0 else 0


def snippet(where: exp.Expr, dialect: str) -> str:
    """Return an expression on one line, cut if it is too long.

    >>> from sqlglot import parse_one
    >>> snippet(parse_one("lead(x)  over (partition by y)"), "duckdb")
    'LEAD(x) OVER (PARTITION BY y)'
    """
    text = " ".join(where.sql(dialect=dialect, comments=False).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
