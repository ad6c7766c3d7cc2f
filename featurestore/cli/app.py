"""The application: its commands in the order in which a newcomer meets them."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from featurestore.cli import (
    catalog,
    demo,
    docs,
    init,
    lineage,
    online,
    operations,
    training,
    validate,
)
from featurestore.cli import diff as impact
from featurestore.cli.output import complain
from featurestore.errors import FeatureStoreError

__all__ = ["app"]


class _Group(TyperGroup):
    """Turns an error of the user's into one clear line; a bug of ours traces back."""

    def list_commands(self, ctx: Any) -> list[str]:
        """List the commands in the order they were added."""
        del ctx
        return list(self.commands)

    def invoke(self, ctx: Any) -> Any:
        """Run a command, and translate its errors to an exit code."""
        try:
            return super().invoke(ctx)
        except FeatureStoreError as error:
            complain(str(error))
            raise SystemExit(error.exit_code) from None
        except BrokenPipeError:
            # The reader (`| head`) has left; there is nobody to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0) from None


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A dbt-and-SQL, warehouse-native feature store.",
    epilog="Start with: featurestore demo (it needs 'featurestore[demo]')",
)
for module in (init, catalog, validate, training, online, operations, lineage, impact, docs, demo):
    for command in module.COMMANDS:
        name = command.__name__.removesuffix("_").removesuffix("_command")
        app.command(name)(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        from featurestore.values.version import VERSION

        typer.echo(f"featurestore {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    del version
