"""The access log: one line of JSON per request on standard output, or on another file.

The lines of one turn of the event loop go out in one write, so a busy server makes few of them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from featurestore.serve.visit import Visit
from featurestore.values.visible_text import visible

__all__ = ["AccessLog", "access_line"]

_STDOUT = 1
_ATOMIC = 4096
"""The bytes that a pipe takes as one, so that no line of another worker comes in between."""
_LENGTH = 100
_VIEWS = 10
_ENCODER = msgspec.json.Encoder()


class AccessLog:
    """Writes the lines.

    Args:
        descriptor: The number of the open file to write to.
    """

    def __init__(self, descriptor: int = _STDOUT) -> None:
        self._descriptor = descriptor
        self._lines: list[bytes] = []

    def note(self, visit: Visit) -> None:
        """Write the line of a request that is answered, at the end of this turn of the loop."""
        if not self._lines:
            asyncio.get_running_loop().call_soon(self.flush)
        self._lines.append(access_line(visit, datetime.now(UTC)))

    def flush(self) -> None:
        """Write the lines that wait."""
        lines, self._lines = self._lines, []
        # A server whose log cannot be written still answers.
        with suppress(OSError):
            for part in _parts(lines):
                _write(self._descriptor, part)


def access_line(visit: Visit, now: datetime) -> bytes:
    """Return the line of a request. It never has a key, a value or a secret."""
    return _ENCODER.encode(
        {
            "time": now,
            "caller": visit.caller,
            "method": visit.method,
            "path": _shown(visit.path),
            "service": _shown(visit.service),
            "views": _views(visit.features),
            "rows": visit.rows,
            "status": visit.status,
            "milliseconds": round(visit.seconds * 1000, 3),
            "request_id": visit.request_id,
        }
    )


def _shown(text: str) -> str:
    return visible(text[:_LENGTH])


def _views(features: Sequence[str]) -> list[str]:
    """Return the views of references, as far as a line has room for them."""
    names = dict.fromkeys(feature.partition(":")[0] for feature in features)
    return [_shown(name) for name in [*names][:_VIEWS]]


def _parts(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the lines in parts that are written as one."""
    part = b""
    for line in lines:
        if part and len(part) + len(line) >= _ATOMIC:
            yield part
            part = b""
        part += line + b"\n"
    yield part


def _write(descriptor: int, part: bytes) -> None:
    while part:
        part = part[os.write(descriptor, part) :]
