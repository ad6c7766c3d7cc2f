"""Redis is gone, hangs, or comes back: 503 in time, and the server heals by itself."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from featurestore.demo.server import embedded_server
from tests.serve.conftest import MODELS, SERVICES, TABLES
from tests.support.online_project import Shop
from tests.support.running_server import PATIENT, running_server, wait_for

BODY = {"service": "delays", "entities": {"tailnum": ["N1"]}}


class Gate:
    """A way to Redis that can be cut, and can fall silent."""

    def __init__(self, target):
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self._open = set()
        self.is_cut = False
        self.is_silent = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.is_cut:
                near.close()
                continue
            far = socket.create_connection(self._target)
            self._open |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one, other):
        with suppress(OSError):
            while data := one.recv(65536):
                if not self.is_silent:
                    other.sendall(data)
        for end in (one, other):
            end.close()

    def cut(self):
        """End every connection, and refuse further ones."""
        self.is_cut = True
        for end in [*self._open]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self):
        """End everything."""
        self.cut()
        self._listener.close()


@contextmanager
def gate_to(url):
    host, _, port = url.removeprefix("redis://").partition("/")[0].partition(":")
    gate = Gate((host, int(port)))
    try:
        yield gate
    finally:
        gate.close()


@pytest.fixture
def gate(redis_server):
    """Return a way to Redis."""
    with gate_to(redis_server) as way:
        yield way


@pytest.fixture
def behind_gate(shop, gate):
    """Return a published project that is read through the gate."""
    return replace(shop, url=f"redis://{gate.address[0]}:{gate.address[1]}/0")


def test_a_server_that_refuses_is_503_and_heals(behind_gate, gate, caplog):
    """Each request gets an answer with the time to try again."""
    with running_server(behind_gate) as server:
        before = server.read(**BODY)
        gate.cut()
        gone, unready = server.read(**BODY), server.http.get("/readyz")
        gate.is_cut = False
        healed = wait_for(lambda: (found := server.read(**BODY)).status_code == 200 and found)
        wait_for(lambda: server.http.get("/readyz").status_code == 200)

    assert [100] == before.json()["values"]["seats"] == healed.json()["values"]["seats"]
    assert (503, "1") == (gone.status_code, gone.headers["retry-after"])
    assert "cannot be reached" in gone.json()["detail"]
    assert 503 == unready.status_code
    assert "cannot be reached" in unready.json()["online_store"]
    # The address is for the operator.
    assert str(gate.address[1]) in unready.text
    assert str(gate.address[1]) not in gone.text
    (line,) = {one for one in caplog.messages if one.startswith("Features cannot be read: ")}
    assert str(gate.address[1]) in line


def test_a_server_that_hangs_is_503_within_the_time(behind_gate, gate):
    """A silent server holds a request for as long as the limit says; no answer is mixed up."""
    limits = replace(PATIENT, seconds=3)
    with running_server(behind_gate, limits=limits) as server:
        wait_for(lambda: server.read(**BODY).status_code == 200)
        gate.is_silent = True
        silent, unready = server.read(**BODY), server.http.get("/readyz")
        gate.is_silent = False
        gate.cut()
        gate.is_cut = False
        other = {"service": "delays", "entities": {"tailnum": ["N2"]}}
        healed = wait_for(lambda: (found := server.read(**other)).status_code == 200 and found)

    assert (503, "1") == (silent.status_code, silent.headers["retry-after"])
    assert "did not answer within 3 seconds" in silent.json()["detail"]
    assert 503 == unready.status_code
    assert [200] == healed.json()["values"]["seats"]


def test_a_server_may_start_before_redis(tmp_path):
    """Without Redis the server runs and is not ready; health is about the process alone."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    shop = Shop(tmp_path / "shop", f"redis://127.0.0.1:{port}/0")
    shop.write(MODELS, TABLES, exposures=SERVICES)
    with running_server(shop) as server:
        health, ready = server.http.get("/healthz"), server.http.get("/readyz")

    assert (200, 503) == (health.status_code, ready.status_code)
    assert {} == ready.json()["views"]


def test_an_emptied_redis_is_published_again(tmp_path):
    """A Redis that lost all its data makes the server not ready until the next sync."""
    with embedded_server(tmp_path) as url:
        shop = Shop(tmp_path / "shop", url)
        store = shop.publish(MODELS, TABLES, exposures=SERVICES)
        with running_server(shop) as server:
            first = server.read(**BODY)
            store.purge()
            lost = server.read(**BODY)
            wait_for(lambda: server.http.get("/readyz").status_code == 503)
            store.sync()
            wait_for(lambda: server.http.get("/readyz").status_code == 200)
            again = server.read(**BODY)

    assert [100] == first.json()["values"]["seats"] == again.json()["values"]["seats"]
    assert ["NOT_FOUND"] == lost.json()["statuses"]["seats"]
