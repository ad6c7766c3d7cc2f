"""The command line: thin commands over the library, and the only place that prints."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Args:
        arguments: The words after the program's name; by default those of this process.

    Raises:
        SystemExit: Always, with one of the codes in `exit_codes.py`.
    """
    from featurestore.cli.app import app
    from featurestore.cli.log_notes import write_log_as_notes

    write_log_as_notes()
    # Not `list(arguments)`: in this package, `list` is the submodule of that command.
    app(args=None if arguments is None else [*arguments], prog_name="featurestore")
