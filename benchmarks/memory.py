"""The memory that a contender has had; of the standard library alone, for any environment."""

from __future__ import annotations

from pathlib import Path

__all__ = ["peak_mb"]


def peak_mb() -> float:
    """Return the most memory that this process has had, as Linux counts it.

    `getrusage` would count what the process had that started it, too.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
