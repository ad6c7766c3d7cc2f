"""Mixed load on the server for minutes, with reloads and restarts of Redis in it."""

from __future__ import annotations

import gc
import os
import random
import socket
import subprocess
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Self

import httpx
import pytest
import redis

from featurestore.demo.server import find_server
from tests.serve.conftest import MODELS, SERVICES, TABLES
from tests.serve.test_server_reload import manifest, write_manifest
from tests.support.builders import service
from tests.support.online_project import Shop
from tests.support.running_server import PATIENCE, RunningServer, running_server, wait_for

pytestmark = pytest.mark.slow

SECONDS = float(os.environ.get("FEATURESTORE_ENDURANCE_SECONDS", "120"))
CALLERS = 4
PLANES = {"N1": 100, "N2": 200, "N3": None, "N4": 400, "N9": None}
"""The seats of each plane; N9 does not exist."""
GROWTH_KB = 32 * 1024
"""More than the allocator's waste, and far less than a leak of a kilobyte for each request."""


def resident_kb() -> int:
    """Return the memory of this process, in which the server runs."""
    gc.collect()
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(text.partition("VmRSS:")[2].split()[0])


class RestartedRedis:
    """A server that keeps its rows over a restart."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self.start()

    def start(self) -> None:
        """Start, and wait until it answers."""
        words = [find_server(), "--port", str(self.port), "--dir", str(self._folder)]
        self._process = subprocess.Popen([*words, "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL)
        wait_for(self._answers)

    def _answers(self) -> bool:
        assert self._process.poll() is None, "Redis has ended"
        with suppress(redis.RedisError), redis.Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False

    def stop(self) -> None:
        """Save the rows, and end."""
        with suppress(redis.RedisError), redis.Redis.from_url(self.url) as client:
            client.shutdown(save=True)
        self._process.wait(PATIENCE)


class Load:
    """Callers that ask for a random request each time, and check its answer."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self.counts: Counter[object] = Counter()
        self.wrong: list[object] = []
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(CALLERS)]

    def __enter__(self) -> Self:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Wait for the last answers."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, seed: int) -> None:
        chance = random.Random(seed)
        with self._server.client() as http:
            while not self._ended.is_set():
                planes = chance.choices([*PLANES], k=chance.choice((1, 1, 3, 200)))
                try:
                    self._check(chance.choice(REQUESTS)(http, planes), planes)
                except Exception as error:  # noqa: BLE001, a thread's error is a wrong answer
                    self.wrong.append(error)

    def _check(self, answer: httpx.Response, planes: list[str]) -> None:
        self.counts[answer.status_code] += 1
        seats = [PLANES[plane] for plane in planes]
        match answer.status_code:
            case 200:
                found = answer.json()
                columns = found.get("values") or dict(
                    zip(
                        found["metadata"]["feature_names"],
                        (one["values"] for one in found["results"]),
                        strict=True,
                    )
                )
                is_right = columns["seats"] == seats
            case 422:
                is_right = "'delay' " not in answer.text and "Did you mean" in answer.text
            case status:
                is_right = status == 503
        if not is_right:
            self.wrong.append((answer.status_code, answer.text[:500], planes))


def _ours(http: httpx.Client, planes: list[str]) -> httpx.Response:
    return http.post("/v1/features", json={"service": "delays", "entities": {"tailnum": planes}})


def _as_feast(http: httpx.Client, planes: list[str]) -> httpx.Response:
    asked = {"features": ["plane_features:seats"], "entities": {"tailnum": planes}}
    return http.post("/get-online-features", json=asked)


def _mistaken(http: httpx.Client, planes: list[str]) -> httpx.Response:
    return http.post("/v1/features", json={"service": "delay", "entities": {"tailnum": planes}})


REQUESTS = (_ours, _ours, _as_feast, _mistaken)


def test_memory_is_flat_and_no_answer_wrong(tmp_path):
    """Answers are right or 503, also in trouble; memory does not grow after a warm-up."""
    server = RestartedRedis(tmp_path)
    try:
        shop = Shop(tmp_path / "shop", server.url)
        shop.publish(MODELS, TABLES, exposures=SERVICES)
        with running_server(shop) as running, Load(running) as load:
            _disturb(shop, server, SECONDS / 3)
            warm = resident_kb()
            _disturb(shop, server, SECONDS * 2 / 3)
            wait_for(lambda: _ours(running.http, ["N1"]).status_code == 200)
        grown = resident_kb() - warm
    finally:
        server.stop()

    assert [] == load.wrong[:3]
    assert {200, 422} <= {*load.counts} <= {200, 422, 503}
    assert grown < GROWTH_KB


def _disturb(shop: Shop, server: RestartedRedis, seconds: float) -> None:
    """Replace the manifest again and again, break it, and restart Redis."""
    end, number = time.monotonic() + seconds, 0
    extra = service("seats", ["plane_features:seats"])
    while time.monotonic() < end:
        number += 1
        write_manifest(shop, ("{", manifest(*SERVICES), manifest(*SERVICES, extra))[number % 3])
        time.sleep(1)
        if number % 5 == 0:
            server.stop()
            time.sleep(0.5)
            server.start()
