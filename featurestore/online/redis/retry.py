"""Retries while a cluster reshards, instead of failing the run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["RETRY_SECONDS", "retry_while"]

# A replica replaces a dead master after about `cluster-node-timeout`, 15 s by default, and a slot
# usually moves faster. Half a minute is twice that. A cluster that is down longer fails the run,
# and the next run heals it.
RETRY_SECONDS = 30.0
_PAUSE_SECONDS = 0.2

_Answer = TypeVar("_Answer")


def retry_while(action: Callable[[], _Answer], curable: tuple[type[Exception], ...]) -> _Answer:
    """Repeat an action while it fails with a curable error, for at most `RETRY_SECONDS`.

    Args:
        action: The action, which must be safe to repeat.
        curable: The errors worth a retry.

    Returns:
        The answer of the first attempt that succeeds.
    """
    deadline = time.monotonic() + RETRY_SECONDS
    while True:
        try:
            return action()
        except curable:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
