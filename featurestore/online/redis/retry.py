"""Waits for a cluster that is being rearranged, instead of giving the run up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["reshard_errors", "retry_while", "unreachable_errors"]

_RETRY_SECONDS = 30.0
_PAUSE_SECONDS = 0.2

_Answer = TypeVar("_Answer")


def retry_while(action: Callable[[], _Answer], curable: tuple[type[Exception], ...]) -> _Answer:
    """Do something again while it fails for a cause that passes; for a while, then give up.

    Args:
        action: What is done; it may be done twice.
        curable: The errors that pass.
    """
    given_up = time.monotonic() + _RETRY_SECONDS
    while True:
        try:
            return action()
        except curable:
            if time.monotonic() > given_up:
                raise
            time.sleep(_PAUSE_SECONDS)


def reshard_errors() -> tuple[type[Exception], ...]:
    """Return the errors of a cluster whose slots are on the move, or change their master."""
    import redis.exceptions as failures

    # redis-py says ClusterError when it has followed a moving slot too often.
    return (
        failures.ClusterError,
        failures.AskError,
        failures.TryAgainError,
        failures.MasterDownError,
        failures.ReadOnlyError,
        failures.NoScriptError,
    )


def unreachable_errors() -> tuple[type[Exception], ...]:
    """Return the errors of a node that does not answer, and of slots that nobody has."""
    import redis.exceptions as failures

    return (failures.ConnectionError, failures.TimeoutError, failures.RedisClusterException)
