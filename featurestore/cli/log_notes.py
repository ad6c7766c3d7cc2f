"""The package's log as notes on standard error: what a command waits for, such as Spark's start."""

from __future__ import annotations

import logging

from featurestore.cli.output import note

__all__ = ["write_log_as_notes"]


class _Notes(logging.Handler):
    """Writes each message as a note."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        note(record.getMessage())


def write_log_as_notes() -> None:
    """Write the messages of this package, and of no other, as notes."""
    logger = logging.getLogger("featurestore")
    if not any(isinstance(handler, _Notes) for handler in logger.handlers):
        logger.addHandler(_Notes())
    logger.setLevel(logging.INFO)
