"""Writing for people and for machines: data on standard output, messages on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from featurestore.cli.cells import plain
from featurestore.errors import DefinitionProblems
from featurestore.values.far_instants import python_rows
from featurestore.values.json_text import to_json
from featurestore.values.visible_text import visible

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "complain",
    "note",
    "print_arrow",
    "print_columns",
    "print_diff",
    "print_json",
    "print_sql",
    "print_table",
    "print_text",
    "stderr",
    "stdout",
    "write_whole_output",
]

Item = TypeVar("Item")
_PIPE_WIDTH = 10_000

stdout = Console(highlight=False, soft_wrap=False)
stderr = Console(stderr=True, highlight=False, soft_wrap=True)


def write_whole_output() -> None:
    """Write what a terminal's encoding lacks as escapes, instead of failing at the first one."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def complain(error: str | Exception) -> None:
    """Write an error to standard error: on one line, or one per problem of the definitions."""
    heading = ("Error: ", "bold red")
    if isinstance(error, DefinitionProblems):
        first, *_ = str(error).splitlines()
        stderr.print(Text.assemble(heading, first))
        for problem in error.problems:
            stderr.print(Text(f"  {visible(str(problem))}"))
    else:
        stderr.print(Text.assemble(heading, visible(str(error))))


def note(message: str) -> None:
    """Write a message to standard error, so that it never mixes with the data."""
    stderr.print(Text(visible(message)))


def print_text(text: str, style: str = "") -> None:
    """Write a line of foreign text to standard output."""
    stdout.print(Text(visible(text), style), soft_wrap=True)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    right: Sequence[str] = (),
) -> None:
    """Write rows as a table: wrapped to fit a terminal, unwrapped in a pipe.

    Args:
        columns: The names of the columns.
        rows: One value per column; see `plain` for how it is written.
        title: A line above the table.
        right: The columns to align to the right.
    """
    heading = None if title is None else Text(visible(title))
    table = Table(box=box.SIMPLE_HEAD, title=heading, title_justify="left", pad_edge=False)
    for name in columns:
        justify: Literal["left", "right"] = "right" if name in right else "left"
        table.add_column(Text(visible(name)), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(plain(value))) for value in row))
    if stdout.is_terminal:
        stdout.print(table)
    else:
        Console(width=_natural_width(table), highlight=False).print(table)


def _natural_width(table: Table) -> int:
    console = Console(width=_PIPE_WIDTH)
    return max(console.measure(table).maximum, 1)


def print_columns(
    columns: Mapping[str, Callable[[Item], object]],
    items: Iterable[Item],
    *,
    right: Sequence[str] = (),
) -> None:
    """Write one row per item; each column is a name and a function of the item."""
    rows = [[cell(item) for cell in columns.values()] for item in items]
    print_table(list(columns), rows, right=right)


def print_arrow(table: pa.Table) -> None:
    """Write an Arrow table."""
    print_table(table.column_names, [list(row.values()) for row in python_rows(table)])


def print_sql(sql: str) -> None:
    """Write a statement, in colour on a terminal."""
    _print_highlighted(sql, "sql", end="\n")


def print_diff(diff: str) -> None:
    """Write a unified diff, in colour on a terminal."""
    if diff:
        _print_highlighted(diff, "diff", end="")


def _print_highlighted(text: str, language: str, *, end: str) -> None:
    if stdout.is_terminal:
        from rich.syntax import Syntax

        stdout.print(Syntax(text, language, background_color="default", word_wrap=True))
    else:
        print(text, end=end)


def print_json(value: object, *, indent: int | None = 2) -> None:
    """Write one value as JSON; see `to_json`."""
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    print(to_json(value, indent=indent, ascii_only=not is_unicode))
