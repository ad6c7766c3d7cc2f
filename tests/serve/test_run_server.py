"""`featurestore serve` as a process: its options, its signals, its errors."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from featurestore.cli import main
from featurestore.errors import MissingExtra
from featurestore.serve.run import refuse_missing_packages
from featurestore.serve.server_config import ServerConfig
from tests.serve.conftest import MODELS, SERVICES, TABLES
from tests.serve.test_server_reload import manifest, write_manifest
from tests.support.builders import service
from tests.support.online_project import Shop
from tests.support.running_server import PATIENCE, running_server, wait_for
from tests.support.tls_proxy import Authority

BODY = {"service": "delays", "entities": {"tailnum": ["N1"]}}


@contextmanager
def process(shop, *options):
    """Run the command; yield the process with its log's file."""
    with tempfile.TemporaryDirectory(prefix="fs-serve-") as folder:
        uds, log = f"{folder}/s", Path(folder) / "log"
        words = [sys.executable, "-m", "featurestore.cli", "serve", "--uds", uds, *options]
        words += ["--project-dir", str(shop.folder), "--redis-url", shop.url]
        words += ["--now", "2024-03-10T12:00:00Z", "--timeout", "60"]
        with log.open("w", encoding="utf-8") as errors:
            running = subprocess.Popen(words, stderr=errors, env=os.environ | {"PYTHONPATH": "."})
        try:
            transport = httpx.HTTPTransport(uds=uds)
            with httpx.Client(transport=transport, timeout=PATIENCE) as http:
                yield running, http, uds, log
        finally:
            running.kill()
            running.wait()


def answered(http, running, uds):
    """Return the answer of a server that listens; httpx leaks the socket of a failed connection."""

    def listens():
        assert running.poll() is None, "the server has ended"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            return probe.connect_ex(uds) == 0

    wait_for(listens)
    return http.get("http://server/healthz")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_starts_reloads_and_ends(shop, workers):
    """SIGHUP loads a manifest, also a broken one; SIGTERM ends all processes with success."""
    with process(shop, "--workers", workers) as (running, http, uds, log):
        answered(http, running, uds)
        first = http.post("http://server/v1/features", json=BODY)
        wait_for(lambda: log.read_text(encoding="utf-8").count("startup complete") >= int(workers))
        write_manifest(shop, "{")
        running.send_signal(signal.SIGHUP)
        wait_for(lambda: log.read_text(encoding="utf-8").count("still is") >= int(workers))
        kept = http.post("http://server/v1/features", json=BODY)
        write_manifest(shop, manifest(*SERVICES, service("seats", ["plane_features:seats"])))
        running.send_signal(signal.SIGHUP)
        wait_for(lambda: log.read_text(encoding="utf-8").count("Loaded the") >= int(workers))
        # Each of the workers may have loaded it twice: for the signal, and for the file's new time.
        wait_for(lambda: http.get("http://server/v1/services/seats").status_code == 200)
        running.send_signal(signal.SIGTERM)
        code = running.wait(PATIENCE)
        is_left = Path(uds).exists()

    assert {"delay": [1.5], "seats": [100]} == first.json()["values"] == kept.json()["values"]
    assert (0, False) == (code, is_left)


def test_a_dead_worker_is_replaced(shop):
    """The others serve meanwhile, and the log names it."""
    with process(shop, "--workers", "2") as (running, http, uds, log):
        answered(http, running, uds)
        text = wait_for(
            lambda: (
                len(re.findall(r"Started server process", found := log.read_text("utf-8"))) == 2
                and found
            )
        )
        victim = int(re.findall(r"Started server process \[(\d+)\]", text)[0])
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: log.read_text("utf-8").count("Started server process") == 3)
        # A connection to the dead worker has ended with it.
        assert 200 == answered(http, running, uds).status_code
        log_text = log.read_text("utf-8")

    assert f"Worker {victim} ended with code -9; starting another." in log_text


def test_workers_end_with_their_parent(shop):
    """A supervisor that is killed leaves no server behind."""
    with process(shop, "--workers", "2") as (running, http, uds, log):
        answered(http, running, uds)
        wait_for(lambda: log.read_text("utf-8").count("Started server process") == 2)
        pids = re.findall(r"Started server process \[(\d+)\]", log.read_text("utf-8"))
        running.kill()
        running.wait()
        wait_for(lambda: log.read_text("utf-8").count("Finished server process") == 2)

    assert 2 == len(pids)


def test_an_open_request_is_answered_before_the_end(shop):
    """A request that is half sent at SIGTERM gets its answer."""
    body = b'{"service": "delays", "entities": {"tailnum": ["N1"]}}'
    head = b"POST /v1/features HTTP/1.1\r\nhost: server\r\ncontent-length: %d\r\n\r\n" % len(body)
    with process(shop) as (running, http, uds, log):
        answered(http, running, uds)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as late:
            late.settimeout(PATIENCE)
            late.connect(uds)
            late.sendall(head + body[:9])
            # Another request through the same loop shows that this one has begun.
            wait_for(lambda: http.get("http://server/healthz").status_code == 200)
            running.send_signal(signal.SIGTERM)
            wait_for(lambda: "Shutting down" in log.read_text("utf-8"))
            late.sendall(body[9:])
            answer = late.recv(65536)
        code = running.wait(PATIENCE)

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert 0 == code


def test_the_environment_gives_options(shop, monkeypatch):
    """A container configures the limits by variables."""
    monkeypatch.setenv("FEATURESTORE_SERVE_MAX_ROWS", "1")
    with process(shop) as (running, http, uds, _):
        answered(http, running, uds)
        answer = http.post(
            "http://server/v1/features",
            json={"service": "delays", "entities": {"tailnum": ["N1", "N2"]}},
        )

    assert 413 == answer.status_code
    assert "the server takes 1 at once" in answer.json()["detail"]


def test_a_killed_servers_socket_is_taken_over(shop):
    """A socket file without a listener does not stop the next server."""
    with process(shop) as (running, http, uds, _):
        answered(http, running, uds)
        running.kill()
        running.wait()
        assert Path(uds).exists()
        words = [sys.executable, "-m", "featurestore.cli", "serve", "--uds", uds]
        words += ["--project-dir", str(shop.folder), "--redis-url", shop.url]
        second = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        try:
            assert 200 == answered(http, second, uds).status_code
        finally:
            second.kill()
            second.wait()


# What is refused before the server starts


def refused(capsys, *words):
    """Return the exit code and the error of a command that does not start."""
    with pytest.raises(SystemExit) as ended:
        main(["serve", *words])
    return ended.value.code, " ".join(capsys.readouterr().err.split())


@pytest.fixture
def project(tmp_path):
    """Return the options of a project that is written, without an online store."""
    shop = Shop(tmp_path / "shop", "redis://127.0.0.1:1/0")
    shop.write(MODELS, TABLES, exposures=SERVICES)
    return ["--project-dir", str(shop.folder), "--redis-url", shop.url]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "features.internal"])
def test_another_host_than_loopback_is_refused(capsys, project, host):
    """Without tokens, nothing but this machine may ask."""
    code, error = refused(capsys, "--host", host, *project)

    assert 1 == code
    assert f"--host {host} opens the server to other machines" in error
    assert "or listen on 127.0.0.1 or on a Unix socket (--uds)" in error


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "::1", "localhost"])
def test_loopback_is_allowed(host):
    """Every name of this machine alone is."""
    config = ServerConfig(host=host)

    assert config is config.checked()


def test_a_missing_package_names_its_extra(monkeypatch):
    """The usual error of an extra that is not installed."""
    monkeypatch.setattr("featurestore.serve.run.find_spec", lambda _: None)

    with pytest.raises(MissingExtra, match=r"pip install 'featurestore\[serve\]'"):
        refuse_missing_packages()


def test_a_port_that_is_taken_is_an_error(capsys, project):
    """The error names the address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, error = refused(capsys, "--port", port, *project)

    assert 1 == code
    assert f"Cannot listen at 127.0.0.1:{port}: Address already in use." in error


def test_a_file_is_not_replaced_by_a_socket(capsys, project, tmp_path):
    """A path that holds data is refused."""
    path = tmp_path / "data"
    path.write_text("kept", encoding="utf-8")
    code, error = refused(capsys, "--uds", str(path), *project)

    assert (1, "kept") == (code, path.read_text(encoding="utf-8"))
    assert "Cannot listen at" in error


def test_a_broken_project_does_not_start(capsys, tmp_path):
    """One error, with its remedy."""
    code, error = refused(capsys, "--project-dir", str(tmp_path))

    assert 1 == code
    assert "dbt_project.yml does not exist" in error


def test_a_broken_url_does_not_start(capsys, project):
    """The address of Redis is checked before the server listens."""
    code, error = refused(capsys, *project[:2], "--redis-url", "rediss://host:1/0?ssl_ca=x")

    assert 1 == code
    assert "ssl_ca" in error


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Return an authority with a certificate for a server."""
    return Authority.make(tmp_path_factory.mktemp("tls") / "ours")


def test_tls_is_served(shop, authority):
    """A client that trusts the certificate gets its features."""
    cert, key = authority.pair("server")
    context = ssl.create_default_context(cafile=str(authority.ca))
    with running_server(shop, tcp=True, tls_cert=str(cert), tls_key=str(key)) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        with httpx.Client(verify=context, timeout=PATIENCE) as client:
            answer = client.post(f"{url}/v1/features", json=BODY)

    assert url.startswith("https://")
    assert {"delay": [1.5], "seats": [100]} == answer.json()["values"]


def test_a_certificate_that_cannot_be_used_is_refused(capsys, project, authority, tmp_path):
    """A missing file, a key alone, swapped files, a key with a password."""
    cert, key = map(str, authority.pair("server"))
    secret = str(tmp_path / "secret.key")
    encrypt = ["openssl", "rsa", "-aes256", "-passout", "pass:secret", "-in", key, "-out", secret]
    subprocess.run(encrypt, check=True, capture_output=True)
    missing = refused(capsys, "--tls-cert", str(tmp_path / "no.pem"), *project)
    alone = refused(capsys, "--tls-key", key, *project)
    swapped = refused(capsys, "--tls-cert", key, "--tls-key", cert, *project)

    locked = refused(capsys, "--tls-cert", cert, "--tls-key", secret, *project)

    assert [1, 1, 1, 1] == [missing[0], alone[0], swapped[0], locked[0]]
    assert "cannot be used: No such file or directory" in missing[1]
    assert "is given without a certificate" in alone[1]
    assert "cannot be used" in swapped[1]
    assert "the key without a password" in locked[1]
