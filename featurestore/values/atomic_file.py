"""Write files atomically: readers see the old content or the new, never a part."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["atomic_write"]


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write to a temporary file beside the target, and rename it at the end of the block.

    Args:
        path: The target. It stays as it was if the block fails.

    Yields:
        The temporary file's path.
    """
    part = path.with_name(f"{path.name}.part-{os.getpid()}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
