"""`demo`: a tour on real data, from dbt models to an online read."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from featurestore.cli.demo_tour import PLANE, say, step, tour
from featurestore.cli.output import stderr, stdout

__all__ = ["demo_command"]


def demo_command(
    folder: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where to create the example project.")
    ] = Path("featurestore-demo"),
) -> None:
    """Build the example on real flights, train on it and serve it.

    Example: featurestore demo
    """
    from featurestore.demo.example_project import build_example, create_example, require_dbt

    require_dbt()
    project = create_example(folder)
    step(1, "The data: every flight out of New York in 2013, with weather and planes")
    _extract(project)
    step(2, "dbt build: the features are ordinary dbt models, built in the warehouse (DuckDB)")
    with stderr.status("   dbt build ..."):
        summary = build_example(project)
    say(summary)
    with _online_store() as redis_url:
        tour(project, redis_url)
    _say_what_is_next(folder)


def _extract(project: Path) -> None:
    from featurestore.demo.nycflights import extract

    files = extract(project / "data" / "nycflights")
    size = sum(path.stat().st_size for path in files) / 1e6
    say(f"{len(files)} CSV files, {size:.0f} MB, in {files[0].parent}")


@contextmanager
def _online_store() -> Iterator[str]:
    """Yield the URL of FEATURESTORE_REDIS_URL, or of a server that runs until the block ends."""
    url = os.environ.get("FEATURESTORE_REDIS_URL")
    if url:
        yield url
        return
    from featurestore.demo.server import embedded_server

    with (
        tempfile.TemporaryDirectory(prefix="featurestore-") as folder,
        embedded_server(Path(folder)) as embedded,
    ):
        yield embedded


def _say_what_is_next(folder: Path) -> None:
    stdout.print("\n[bold]What to type next[/bold]")
    if shutil.which("featurestore") is None:
        activate = Path(sys.prefix) / "bin" / "activate"
        say(f". {shlex.quote(os.path.relpath(activate))}")
    if folder != Path():
        say(f"cd {shlex.quote(str(folder))}")
    for command in (
        "featurestore show flight_delay",
        "featurestore sql ref:flight_delay_labels --service flight_delay --full-feature-names",
        f"featurestore why plane_features:seats -k tailnum={PLANE} --at 2013-07-01T12:00",
        "featurestore --help",
    ):
        say(command)
    say("The tutorial trains a model on this data: docs/tutorial/flight-delay.md")
