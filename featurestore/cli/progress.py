"""Progress while a command works: a bar or a spinner on a terminal, a line or nothing in a log.

Rich's progress bars are imported when they are shown, to keep short commands fast to start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from featurestore.cli.output import note, stderr

if TYPE_CHECKING:
    from rich.progress import TaskID

    from sync.report import ProgressEvent

__all__ = ["counting_views", "publishing_views", "reading_models", "working"]


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show the command's activity and its duration; a log gets nothing."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    shown = stderr.is_terminal
    with Progress(*columns, console=stderr, transient=True, disable=not shown) as progress:
        progress.add_task(what, total=None)
        yield


@contextmanager
def reading_models() -> Iterator[Callable[[str], None] | None]:
    """Yield a function that shows which model is read, and how many were; None in a log."""
    if not stderr.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task("Reading models", total=None)
        yield lambda name: bar.update(task, advance=1, description=name)


@contextmanager
def counting_views() -> Iterator[Callable[[str, int, int], None] | None]:
    """Yield a function that shows a view, its number and the count of views; None in a log."""
    if not stderr.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task("")

        def show(view: str, number: int, count: int) -> None:
            bar.update(task, description=view, completed=number - 1, total=count)

        yield show


@contextmanager
def publishing_views(*, wanted: bool) -> Iterator[Callable[[ProgressEvent], None] | None]:
    """Yield a function that shows a sync's progress: bars on a terminal, lines in a log."""
    if not wanted:
        yield None
    elif stderr.is_terminal:
        with _bars() as show:
            yield show
    else:
        yield _line


@contextmanager
def _bars() -> Iterator[Callable[[ProgressEvent], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=stderr, transient=True) as progress:

        def show(event: ProgressEvent) -> None:
            if event.view not in tasks:
                tasks[event.view] = progress.add_task(event.view, total=event.total)
            progress.update(tasks[event.view], completed=event.done, total=event.total)

        yield show


def _line(event: ProgressEvent) -> None:
    if event.result is not None:
        written, deleted = event.result.written, event.result.deleted
        note(f"{event.view}: {written:,} written, {deleted:,} deleted")
