"""The command line: thin commands over the library, and the only place that prints."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Args:
        arguments: The words after the program's name; by default the process's own.

    Raises:
        SystemExit: Always: 0 good, 1 the input or data is wrong, 2 usage, 3 a service is not
            reachable.
    """
    from featurestore.cli.app import app

    app(args=list(arguments) if arguments is not None else None, prog_name="featurestore")
