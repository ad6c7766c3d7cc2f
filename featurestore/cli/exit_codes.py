"""The exit codes of the command line, in one table.

An error of the library names its code in `FeatureStoreError.exit_code`; it is `WRONG` unless a
service cannot be reached. Typer itself exits with `USAGE`.
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
    ExitCode.GOOD: "Success.",
    ExitCode.WRONG: "The input or the data is wrong; one clear line says how.",
    ExitCode.USAGE: "A command, argument or option is wrong.",
    ExitCode.UNREACHABLE: "The warehouse or Redis cannot be reached.",
}
"""What each code tells a script; the reference page shows this table."""
