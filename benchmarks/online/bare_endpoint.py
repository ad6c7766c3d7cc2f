"""The least that an HTTP endpoint over redis-py does: MGET ready keys, and answer ready bytes.

Run it with: python -m benchmarks.online.bare_endpoint URL PORT FOLDER

A request names the number of entities in its path. The folder has the body of its answer.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import redis.asyncio
import uvicorn

from benchmarks.online.rows import key_of

VIEWS = 3


def endpoint(url: str, folder: Path) -> Callable[..., Awaitable[None]]:
    """Return the ASGI application."""
    client = redis.asyncio.Redis.from_url(url)
    keys: dict[str, list[str]] = {}
    answers: dict[str, dict[str, Any]] = {}
    heads: dict[str, dict[str, Any]] = {}
    for file in folder.glob("*.json"):
        path, body = f"/{file.stem}", file.read_bytes()
        keys[path] = [key_of(view, n) for view in range(VIEWS) for n in range(int(file.stem))]
        answers[path] = {"type": "http.response.body", "body": body}
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ]
        heads[path] = {"type": "http.response.start", "status": 200, "headers": headers}

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        path = scope["path"]
        found = await client.mget(keys[path])
        assert None not in found
        await send(heads[path])
        await send(answers[path])

    return application


def main() -> None:
    """Serve until a signal."""
    url, port, folder = sys.argv[1:]
    uvicorn.run(
        endpoint(url, Path(folder)),
        port=int(port),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
