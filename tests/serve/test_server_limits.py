"""The limits of a server, its slow clients and those that hang up."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import replace

import pytest

from tests.support.running_server import PATIENT, running_server, wait_for

BODY = json.dumps({"service": "delays", "entities": {"tailnum": ["N1"]}}).encode()
HEAD = b"POST /v1/features HTTP/1.1\r\nhost: server\r\ncontent-length: %d\r\n\r\n"
REQUEST = HEAD % len(BODY) + BODY


def received(connection):
    """Return all that the server sends until it closes the connection."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def test_a_body_of_ten_megabytes_is_refused(server):
    """The announced length is enough: the server does not read the body."""
    answer = server.http.post("/v1/features", content=b"x" * 10_000_000)

    assert (413, "Body too large") == (answer.status_code, answer.json()["title"])
    assert "more than 1048576 bytes" in answer.json()["detail"]


def test_a_body_in_chunks_is_counted(server):
    """A body without a length is refused once it is too large."""

    def chunks():
        for _ in range(2_000):
            yield b" " * 1_000

    answer = server.http.post("/v1/features", content=chunks())

    assert 413 == answer.status_code


@pytest.mark.parametrize("form", ["rows", "columns"])
def test_a_hundred_thousand_rows_are_refused(shop, form):
    """The number of rows has a limit of its own."""
    limits = replace(PATIENT, body_bytes=100_000_000)
    entities = {"tailnum": ["N1"] * 100_000} if form == "columns" else [{"tailnum": "N1"}] * 100_000
    with running_server(shop, limits=limits) as server:
        answer = server.read(service="delays", entities=entities)
        most = server.read(service="delays", entities={"tailnum": ["N1"] * limits.rows})

    assert (413, "/entities") == (answer.status_code, answer.json()["field"])
    assert "has 100000 rows, and the server takes 5000 at once" in answer.json()["detail"]
    assert [100] * limits.rows == most.json()["values"]["seats"]


def test_a_slow_body_ends_in_time(shop):
    """A client that stops in the middle of its body gets an answer."""
    limits = replace(PATIENT, seconds=3)
    with running_server(shop, limits=limits) as server, server.connect() as slow:
        slow.sendall(HEAD % 100 + b'{"serv')
        answer = slow.recv(65536)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive within 3 seconds" in answer


@pytest.mark.parametrize("start", [b"", b"POST / HTTP/1.1\r\nhost: ser"])
def test_a_slow_head_ends_the_connection(shop, start):
    """A client that never sends the head of a request is dropped."""
    limits = replace(PATIENT, seconds=2)
    with running_server(shop, limits=limits) as server, server.connect() as slow:
        slow.sendall(start)
        assert b"" == received(slow)


def test_a_slow_second_head_ends_the_connection(shop):
    """The second request of a connection has the same time as the first."""
    limits = replace(PATIENT, seconds=3)
    with running_server(shop, limits=limits) as server, server.connect() as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nhost: server\r\n\r\nPOST /v1/fea")
        answer = received(slow)

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert 1 == answer.count(b"HTTP/1.1")


def test_a_half_closed_client_gets_its_answer(server):
    """A client may close its half of the connection after the request."""
    with server.connect() as client:
        client.sendall(REQUEST)
        client.shutdown(socket.SHUT_WR)
        answer = received(client)

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b'{"values":{"delay":[1.5],"seats":[100]},"statuses":{}}')


def test_a_client_that_closes_inside_its_body_is_forgotten(server):
    """Half a body and no more: the server closes, and serves the next one."""
    with server.connect() as client:
        client.sendall(HEAD % 100 + b'{"serv')
        client.shutdown(socket.SHUT_WR)
        assert b"" == received(client)

    assert [100] == server.read(**json.loads(BODY)).json()["values"]["seats"]


def test_requests_in_one_packet_are_answered_in_order(server):
    """HTTP pipelining works on one connection."""
    other = BODY.replace(b"N1", b"N2")
    with server.connect() as client:
        client.sendall(REQUEST + HEAD % len(other) + other)
        client.shutdown(socket.SHUT_WR)
        answer = received(client)

    assert 2 == answer.count(b"HTTP/1.1 200 OK")
    assert answer.index(b'"seats":[100]') < answer.index(b'"seats":[200]')


def test_too_many_requests_at_once_are_refused(shop):
    """A request beyond the limit is answered at once, with the time to try again."""
    with running_server(shop, limits=replace(PATIENT, concurrency=1)) as server:
        with server.connect() as holder:
            holder.sendall(HEAD % len(BODY) + BODY[:5])
            refused = wait_for(
                lambda: (found := server.read(**json.loads(BODY))).status_code == 429 and found
            )
            healthy = server.http.get("/healthz")
            holder.sendall(BODY[5:])
            held = holder.recv(65536)
        after = server.read(**json.loads(BODY))

    assert ("1", "Too many requests") == (
        refused.headers["retry-after"],
        refused.json()["title"],
    )
    assert 200 == healthy.status_code == after.status_code
    assert held.startswith(b"HTTP/1.1 200 OK")


def test_an_impatient_client_costs_nothing(server):
    """Clients that hang up while they are answered leave no request behind."""

    def hang_up():
        with server.connect() as client:
            client.sendall(REQUEST)

    threads = [threading.Thread(target=hang_up) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [100] == server.read(**json.loads(BODY)).json()["values"]["seats"]


def test_what_is_not_http_is_refused(server):
    """A TLS greeting or noise on the socket is an error of the client."""
    with server.connect() as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n")
        assert received(client).startswith(b"HTTP/1.1 400 ")
