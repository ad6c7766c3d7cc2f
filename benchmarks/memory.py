"""The peak memory of a contender; standard library only, so it runs in any environment."""

from __future__ import annotations

from pathlib import Path

__all__ = ["peak_mb"]


def peak_mb() -> float:
    """Return the peak memory of this process in megabytes, as Linux counts it.

    `getrusage` would include the peak of the parent process.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
