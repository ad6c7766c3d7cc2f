"""The exit codes of the command line, in one table.

An error of the library carries its code in `exit_code`, in featurestore/errors.py: 1, or 3 if a
service cannot be reached. Typer itself exits with `USAGE`. A test keeps both in step.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["EXIT_CODE_MEANINGS", "ExitCode"]


class ExitCode(IntEnum):
    """How a command ended."""

    GOOD = 0
    WRONG = 1
    USAGE = 2
    UNREACHABLE = 3


EXIT_CODE_MEANINGS = {
    ExitCode.GOOD: "Success",
    ExitCode.WRONG: "The input or the data is wrong; one line explains it",
    ExitCode.USAGE: "A command, an argument or an option is wrong",
    ExitCode.UNREACHABLE: "The warehouse or Redis cannot be reached",
}
"""What each code tells a script; the reference page shows this table."""
