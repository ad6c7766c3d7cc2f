"""The application: its commands in the order in which a newcomer meets them."""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperGroup

from featurestore.cli.exit_codes import ExitCode
from featurestore.cli.option_groups import expand_option_groups
from featurestore.cli.output import complain, note, write_whole_output
from featurestore.errors import FeatureStoreError, PersonalDataWarning, TargetWarning

__all__ = ["app"]

_COMMANDS = (
    "init",
    "list",
    "show",
    "validate",
    "sql",
    "train",
    "why",
    "sync",
    "get",
    "status",
    "verify",
    "purge",
    "serve",
    "mcp",
    "token",
    "lineage",
    "diff",
    "docs",
    "demo",
)
"""Every command: `list` is the function `list_command` in `featurestore/cli/list.py`."""


_OWN_WARNINGS = (TargetWarning, PersonalDataWarning)


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Show the package's warnings as one line each; others as Python does."""
    with warnings.catch_warnings():
        shown_by_python = warnings.showwarning

        def show(
            message: Warning | str, category: type[Warning], *place: Any, **named: Any
        ) -> None:
            if issubclass(category, _OWN_WARNINGS):
                note(f"Warning: {message}")
            else:
                shown_by_python(message, category, *place, **named)

        for own in _OWN_WARNINGS:
            warnings.simplefilter("always", own)
        warnings.showwarning = show
        yield


class _Group(TyperGroup):
    """Turns a user's error into one clear line; a bug of ours keeps its traceback."""

    def list_commands(self, ctx: Any) -> list[str]:
        """List the commands in the order they were added."""
        del ctx
        return list(self.commands)

    def invoke(self, ctx: Any) -> Any:
        """Run a command and translate its errors to an exit code."""
        write_whole_output()
        try:
            with _warnings_as_lines():
                return super().invoke(ctx)
        except FeatureStoreError as error:
            complain(error)
            raise SystemExit(error.exit_code) from None
        except BrokenPipeError:
            # The reader (`| head`) has closed the pipe. Without this, Python would fail again when
            # it flushes standard output at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(ExitCode.GOOD) from None


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A dbt-and-SQL, warehouse-native feature store.",
    # Escaped: Typer renders the text as Rich markup, which would drop `[demo]`.
    epilog=escape("Start with `featurestore demo`; it needs: pip install 'featurestore[demo]'"),
)


def _help_of(command: Callable[..., None]) -> str:
    """Return a docstring with one line per paragraph, so that the terminal wraps it."""
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


for name in _COMMANDS:
    function = getattr(import_module(f"featurestore.cli.{name}"), f"{name}_command")
    app.command(name, help=_help_of(function))(expand_option_groups(function))


def _print_version(wanted: bool) -> None:
    if wanted:
        from featurestore.values.version import VERSION

        typer.echo(f"featurestore {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    del version
