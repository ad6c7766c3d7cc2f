"""Writing for people and for machines: data on standard output, words on standard error."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

__all__ = [
    "complain",
    "note",
    "plain",
    "print_diff",
    "print_json",
    "print_sql",
    "print_table",
    "reading_models",
    "stderr",
    "stdout",
    "working",
]

stdout = Console(highlight=False, soft_wrap=False)
stderr = Console(stderr=True, highlight=False, soft_wrap=True)


def complain(message: str) -> None:
    """Write an error."""
    stderr.print(Text.assemble(("Error: ", "bold red"), message))


def note(message: str) -> None:
    """Write a word to the person at the terminal, beside the data."""
    stderr.print(escape(message))


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something is being waited for, and since when; a log gets nothing of it."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    shown = stderr.is_terminal
    with Progress(*columns, console=stderr, transient=True, disable=not shown) as progress:
        progress.add_task(what, total=None)
        yield


@contextmanager
def reading_models() -> Iterator[Callable[[str], None] | None]:
    """Show which model is being read, told its name; a log gets nothing of it."""
    if not stderr.is_terminal:
        yield None
        return
    from rich.progress import Progress

    with Progress(console=stderr, transient=True) as bar:
        task = bar.add_task("Reading models", total=None)
        yield lambda name: bar.update(task, advance=1, description=name)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    title: str | None = None,
    right: Sequence[str] = (),
) -> None:
    """Write rows as a table that fits the terminal; a pipe gets it unwrapped."""
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(plain(value)) for value in row))
    width = None if stdout.is_terminal else 10_000
    (stdout if width is None else Console(width=_needed(table), highlight=False)).print(table)


def _needed(table: Table) -> int:
    console = Console(width=10_000)
    return max(console.measure(table).maximum, 1)


def print_sql(sql: str) -> None:
    """Write a statement, in colour on a terminal."""
    if stdout.is_terminal:
        from rich.syntax import Syntax

        stdout.print(Syntax(sql, "sql", background_color="default", word_wrap=True))
    else:
        print(sql)


def print_diff(diff: str) -> None:
    """Write a unified diff, in colour on a terminal."""
    if stdout.is_terminal and diff:
        from rich.syntax import Syntax

        stdout.print(Syntax(diff, "diff", background_color="default", word_wrap=True))
    elif diff:
        print(diff, end="")


def print_json(value: Any) -> None:
    """Write JSON, one value, indented."""
    print(json.dumps(value, indent=2, default=_jsonable, ensure_ascii=False))


def plain(value: Any) -> str:
    """Write one value the way a person reads it.

    >>> plain(None), plain(True), plain(1.23456789), plain(datetime(2013, 1, 1, 12))
    ('', 'true', '1.23457', '2013-01-01 12:00:00')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return str(value)


def _jsonable(value: Any) -> Any:
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
