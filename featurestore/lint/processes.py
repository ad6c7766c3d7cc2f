"""Lints many views in several processes: each core takes a share.

A process is a program of its own and reads the manifest again. A fork would copy the threads of the
warehouse's driver, and `multiprocessing` would run a user's script a second time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

__all__ = ["lint_in_processes"]

_LEAST_VIEWS = 100
"""Fewer views take less time than a process that imports the parser and reads the manifest."""

_Line = dict[str, Any]


def lint_in_processes(manifest: Path, project: Path, views: Sequence[str]) -> Iterator[_Line]:
    """Yield the result of each view as it is ready: its `view`, `key` and `problems`.

    A view has no result if its process ends early; none has one if a single process is as fast.

    Args:
        manifest: The path of the manifest.
        project: The dbt project's folder.
        views: The names of the views to lint.
    """
    shares = min(_cores(), len(views) // _LEAST_VIEWS + 1)
    if shares < 2 or getattr(sys, "frozen", False):  # noqa: PLR2004, two are the first that share
        return
    # Neighbours share the models behind them, so each process takes a run of views.
    size = -(-len(views) // shares)
    runs = [views[start : start + size] for start in range(0, len(views), size)]
    processes: list[subprocess.Popen[str]] = []
    lines: SimpleQueue[str | None] = SimpleQueue()
    try:
        for run in runs:
            processes.append(process := _started(manifest, project))
            Thread(target=_talk, args=(process, run, lines), daemon=True).start()
        for _ in processes:
            while (line := lines.get()) is not None:
                yield json.loads(line)
    except OSError:
        return
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _cores() -> int:
    # A container's share of the machine; not every system can tell it.
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _started(manifest: Path, project: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603, our own program
        [sys.executable, "-m", "featurestore.lint.worker", str(manifest), str(project)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        text=True,
        encoding="utf-8",
    )


def _talk(
    process: subprocess.Popen[str], views: Sequence[str], lines: SimpleQueue[str | None]
) -> None:
    """Send a process the names of its views, and pass on its lines; None is the end."""
    # A process that has ended takes no names, and its output is at its end.
    with suppress(OSError), process.stdin or nullcontext() as names:
        if names is not None:
            names.write(json.dumps(list(views)))
    with process.stdout or nullcontext(()) as written:
        for line in written:
            # A process that was killed leaves a part of a line.
            if line.endswith("\n"):
                lines.put(line)
    lines.put(None)
