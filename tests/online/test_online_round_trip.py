"""A read's one command meets broken connections, other threads, and callers that give up."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from featurestore.errors import OnlineStoreUnavailable
from tests.support.builders import Table, model
from tests.support.online_project import Shop

COLUMNS = {"id": "bigint", "seen_at": "timestamp", "n": "bigint"}
COUNT = 40
ROWS = [(number, "2024-03-10 11:00:00", number * 10) for number in range(COUNT)]
N = ["things:n"]


@pytest.fixture
def shop(tmp_path, redis_client, redis_server):
    """Return a project that is published."""
    shop = Shop(tmp_path / "shop", redis_server)
    things = model("things", COLUMNS, entities={"one": "id"}, event_timestamp="seen_at")
    shop.publish([things], {"things": Table(COLUMNS, ROWS)})
    return shop


@dataclass
class Cutter:
    """A port before a server, which hangs up on some of those who ask for rows.

    Attributes:
        target: The server's port.
        cuts: On how many of the next requests it hangs up.
        requests: How many requests came.
    """

    target: int
    cuts: int = 0
    requests: int = 0
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("", 0)))

    @property
    def url(self):
        """The address to connect to."""
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def serve(self):
        """Take connections until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                taken, _ = self._listener.accept()
                threading.Thread(target=self._handle, args=(taken,), daemon=True).start()

    def close(self):
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _handle(self, taken):
        server = socket.create_connection(("127.0.0.1", self.target))
        with contextlib.suppress(OSError), taken, server:
            while asked := taken.recv(65_536):
                if b"MGET" in asked:
                    self.requests += 1
                    if self.cuts:
                        self.cuts -= 1
                        return
                server.sendall(asked)
                taken.sendall(server.recv(65_536))


@pytest.fixture
def cutter(redis_server):
    """Run a port before the server."""
    cutter = Cutter(int(redis_server.rpartition(":")[2].partition("/")[0]))
    thread = threading.Thread(target=cutter.serve, daemon=True)
    thread.start()
    yield cutter
    cutter.close()
    thread.join()


@pytest.fixture(params=["blocking", "asynchronous"])
def reader(request, shop):
    """Return what opens a store at an address, and gives what reads one entity there."""
    opened = []
    with asyncio.Runner() as runner:

        def of(url):
            store = Shop(shop.folder, url).open()
            opened.append(store)
            return {"blocking": blocking, "asynchronous": asynchronous}[request.param](store)

        def blocking(store):
            return lambda key: store.get_online_features(N, {"id": [key]}).values["n"]

        def asynchronous(store):
            async def read(key):
                return (await store.get_online_features_async(N, {"id": [key]})).values["n"]

            return lambda key: runner.run(read(key))

        yield of
        for store in opened:
            runner.run(store.aclose())


@pytest.mark.parametrize("cuts", [1, 2])
def test_a_connection_that_breaks_is_asked_again(reader, cutter, cuts):
    """A reader that loses its connection while it waits for rows reconnects, and gets them."""
    read = reader(cutter.url)
    assert [70] == read(7)
    cutter.cuts, cutter.requests = cuts, 0

    assert [80] == read(8)

    assert cuts + 1 == cutter.requests


def test_a_connection_that_always_breaks_is_given_up(reader, cutter):
    """After three more attempts there is one clear error; the store itself stays good."""
    read = reader(cutter.url)
    assert [70] == read(7)
    cutter.cuts, cutter.requests = 99, 0

    with pytest.raises(OnlineStoreUnavailable, match="cannot be reached"):
        read(8)

    assert 4 == cutter.requests
    cutter.cuts = 0
    assert [90] == read(9)


def test_threads_do_not_get_one_anothers_rows(shop):
    """One store, read by many threads at once, answers each with what it asked for."""
    store = shop.open()
    store.get_online_features(N, {"id": [0]})

    def read(start):
        keys = [(start + step) % COUNT for step in range(3)]
        found = store.get_online_features(N, {"id": keys}).values["n"]
        return found == [key * 10 for key in keys]

    with store, ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(400)))


async def test_a_read_that_is_given_up_leaves_nothing_behind(shop, redis_client):
    """The late answer to a cancelled read is not taken for the answer to the next."""
    async with shop.open() as store:
        await store.get_online_features_async(N, {"id": [1]})
        redis_client.client_pause(300, all=True)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(store.get_online_features_async(N, {"id": [2]}), 0.05)

        found = await store.get_online_features_async(N, {"id": [3]})

    assert [30] == found.values["n"]


@pytest.mark.parametrize("option", ["protocol=2", "protocol=3", "health_check_interval=1"])
def test_both_versions_of_the_protocol_are_spoken(reader, redis_server, option):
    """The options of the URL hold for reads as for everything else."""
    read = reader(f"{redis_server}?{option}")

    assert [[70], [80], [None]] == [read(7), read(8), read(99)]
