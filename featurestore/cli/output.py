"""Writing for people and for machines: data on standard output, messages on standard error."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from featurestore.cli.cells import plain

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
    "stderr",
    "stdout",
]

Item = TypeVar("Item")
_PIPE_WIDTH = 10_000

stdout = Console(highlight=False, soft_wrap=False)
stderr = Console(stderr=True, highlight=False, soft_wrap=True)


def complain(message: str) -> None:
    """Write an error to standard error."""
    stderr.print(Text.assemble(("Error: ", "bold red"), message))


def note(message: str) -> None:
    """Write a message to standard error, so that it never mixes with the data."""
    stderr.print(escape(message))


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
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(plain(value)) for value in row))
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
    print_table(table.column_names, [list(row.values()) for row in table.to_pylist()])


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


def print_json(value: object) -> None:
    """Write one value as indented JSON."""
    print(json.dumps(value, indent=2, default=_jsonable, ensure_ascii=False))


def _jsonable(value: object) -> object:
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
