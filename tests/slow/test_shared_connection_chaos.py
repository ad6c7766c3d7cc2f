"""A million reads over shared connections in trouble: no answer ever goes to another caller."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from urllib.parse import urlsplit

import pytest
import redis.asyncio
import uvloop

from featurestore.demo.server import embedded_server
from featurestore.online.redis.async_reader import async_reader
from tests.support.fault_proxy import FaultProxy, faults_in_front_of
from tests.support.shared_reads import Answers, fill

pytestmark = pytest.mark.slow

READS = 1_000_000
AT_ONCE = 64
PROTOCOLS = (2, 3)
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("loop", LOOPS)
def test_no_answer_goes_to_another_caller(tmp_path, loop, protocol):
    """Answers cut at any byte, late, surplus, of servers that are replaced; resets; cancelled."""
    with embedded_server(tmp_path) as url:
        with redis.Redis.from_url(url) as client:
            fill(client)
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.get_loop().set_exception_handler(lambda *_: None)
            counts, opened = runner.run(_read(url, protocol))

    reads = READS // len(LOOPS) // len(PROTOCOLS)
    assert reads == counts.total()
    assert counts["right"] > reads * 0.6
    assert counts["cancelled"] > reads * 0.05
    # The second error is about bytes that the protocol does not have, in answer to a greeting.
    failed = {"OnlineStoreUnavailable", "OnlineStoreError", "OutOfStepError"}
    assert {*counts} - {"right", "cancelled"} <= failed
    assert opened > 50


async def _read(url: str, protocol: int) -> tuple[Counter[str], int]:
    chance = random.Random(protocol)
    async with (
        faults_in_front_of(urlsplit(url).port, chance) as proxy,
        redis.asyncio.Redis.from_url(url) as admin,
    ):
        reader = async_reader(f"{proxy.url}?protocol={protocol}&socket_timeout=0.5")
        answers = Answers(reader.mget, chance)
        trouble = asyncio.create_task(_trouble(proxy, admin, chance))
        await answers.many(READS // len(LOOPS) // len(PROTOCOLS), AT_ONCE, cancelled=0.1)
        trouble.cancel()
        await asyncio.wait([trouble])
        assert trouble.cancelled() or trouble.result() is None
        await reader.aclose()
    return answers.counts, proxy.opened


async def _trouble(proxy: FaultProxy, admin: redis.asyncio.Redis, chance: random.Random) -> None:
    """Do something to the connections or the server from time to time."""
    while True:
        await asyncio.sleep(chance.random() * 0.1)
        match chance.randrange(9):
            case 0 | 1:
                proxy.kill()
            case 2:
                await admin.client_kill_filter(_type="normal", skipme=True)
            case 3:
                await admin.execute_command("CLIENT", "PAUSE", chance.choice(["20", "700"]), "ALL")
            case 4:
                # Of a length that no caller asks for.
                proxy.before.append(b"*5\r\n$1\r\nx\r\n$1\r\ny\r\n$-1\r\n$-1\r\n$-1\r\n")
            case 5:
                proxy.after.append(b"+OK\r\n")
            case 6:
                proxy.refusals.append("LOADING Redis is loading the dataset in memory")
            case 7:
                proxy.refusals.append("READONLY You can't write against a read only replica.")
            case 8:
                proxy.before.append(b"\x00\x01 no answer\r\n")
