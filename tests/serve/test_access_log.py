"""The access log and the traces: what they say of a request, and what they never say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from opentelemetry import trace

from featurestore.serve.access_log import AccessLog, access_line
from featurestore.serve.tokens import hash_of, new_secret
from featurestore.serve.tracing import request_span, tracer
from featurestore.serve.visit import Visit
from tests.serve.test_tokens import write
from tests.support.running_server import running_server, wait_for

BODY = {"entities": {"tailnum": ["SECRETKEY", "N1"]}}


@pytest.fixture
def log(tmp_path, monkeypatch):
    """Return a file that gets the lines, and a function that reads some of them."""
    file = (tmp_path / "log").open("w+b")
    monkeypatch.setattr(AccessLog.__init__, "__defaults__", (file.fileno(),))

    def lines(count):
        path = tmp_path / "log"
        wait_for(lambda: path.read_text("utf-8").count("\n") >= count)
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]

    with file:
        yield lines


def test_a_line_says_who_read_what(shop, log, tmp_path):
    """The caller by its token's name; a key, a value and a secret are not there."""
    secret, file = new_secret(), tmp_path / "tokens.yml"
    write(file, {"name": "caller", "sha256": hash_of(secret), "services": "*", "views": "*"})
    with running_server(shop, tokens_file=file, access_log=True) as server:
        server.http.headers["authorization"] = f"Bearer {secret}"
        named = {"x-request-id": "abc-1"}
        one = server.http.post("/v1/features", json={"service": "delays", **BODY}, headers=named)
        server.feast(features=["plane_features:delay", "plane_features:seats"], **BODY)
        server.http.get("/v1/views/nothing?token=SECRETKEY")
        server.http.get("/v1/registry", headers={"authorization": "Bearer fst_SECRETKEY"})
        lines = log(4)

    assert "abc-1" == one.headers["x-request-id"] == lines[0]["request_id"]
    expected = [
        ("caller", "POST", "/v1/features", "delays", [], 2, 200),
        ("caller", "POST", "/get-online-features", "", ["plane_features"], 2, 200),
        ("caller", "GET", "/v1/views/nothing", "", [], 0, 404),
        ("", "GET", "/v1/registry", "", [], 0, 401),
    ]
    shown = ("caller", "method", "path", "service", "views", "rows", "status")
    assert expected == [tuple(line[name] for name in shown) for line in lines]
    assert all(line["milliseconds"] > 0 for line in lines)
    assert all(datetime.fromisoformat(line["time"]).tzinfo for line in lines)
    assert len({line["request_id"] for line in lines}) == 4
    assert not [word for word in ("SECRETKEY", "N1", secret) if word in str(lines)]


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 129, 'a"b', "é"])
def test_a_request_without_a_good_name_gets_one(server, given):
    """A name with other characters, or a long one, is replaced."""
    headers = {} if given is None else {"x-request-id": given.encode()}
    found = server.http.get("/healthz", headers=headers).headers["x-request-id"]

    assert found != given
    assert len(found) == 16


def test_foreign_text_is_escaped_and_short():
    """A path or a name cannot begin a line, move a cursor, or fill a disk."""
    visit = Visit("GET", "/a\n\x1b[2J\u202e" + "p" * 1000, "id", 0.0)
    visit.asks("s\r" + "e" * 1000, [f"v{n}\n:f" for n in range(1000)], 3)
    line = access_line(visit, datetime(2024, 3, 10, tzinfo=UTC))

    assert len(line) < 1000
    assert not {*b"\n\r\x1b"} & {*line}
    assert "\u202e" not in line.decode()
    assert r"/a\n\x1b[2J\u202e" in json.loads(line)["path"]
    assert "2024-03-10T00:00:00Z" == json.loads(line)["time"]


async def test_lines_are_written_whole_and_in_order():
    """More than a pipe takes at once; a log that cannot be written stops nobody."""
    reading, writing = os.pipe()
    log = AccessLog(writing)
    for number in range(50):
        log.note(Visit("GET", f"/{number}", "id", 0.0))
    log.flush()
    os.close(writing)
    with os.fdopen(reading) as lines:
        paths = [json.loads(line)["path"] for line in lines]
    log.note(Visit("GET", "/lost", "id", 0.0))
    log.flush()

    assert [f"/{number}" for number in range(50)] == paths


@pytest.mark.parametrize("options", [[], ["--no-access-log"]], ids=["on", "off"])
def test_the_log_is_on_standard_output(shop, tmp_path, options):
    """It can be turned off."""
    words = [sys.executable, "-m", "featurestore.cli", "serve", "--port", "0", *options]
    words += ["--project-dir", str(shop.folder), "--redis-url", shop.url]
    out, errors = tmp_path / "out", tmp_path / "errors"
    with out.open("wb") as lines, errors.open("wb") as words_of_server:
        running = subprocess.Popen(
            words, stdout=lines, stderr=words_of_server, env=os.environ | {"PYTHONPATH": "."}
        )
        try:
            text = wait_for(lambda: "startup complete" in (t := errors.read_text("utf-8")) and t)
            url = text.partition(" at ")[2].split()[0].rstrip(".")
            subprocess.run(
                [sys.executable, "-c", f"import urllib.request as r; r.urlopen('{url}/healthz')"],
                check=True,
            )
            running.send_signal(signal.SIGTERM)
            running.wait()
        finally:
            running.kill()
            running.wait()
    found = [json.loads(line)["path"] for line in out.read_text("utf-8").splitlines()]

    assert ([] if options else ["/healthz"]) == found


class Recorder(trace.TracerProvider):
    """A provider that keeps the spans."""

    def __init__(self):
        self.spans = []

    def get_tracer(self, *_, **__):
        """Return a tracer."""
        return RecordingTracer(self.spans)


class RecordingSpan(trace.NonRecordingSpan):
    """A span that keeps its attributes."""

    def __init__(self, name, parent, attributes):
        super().__init__(parent)
        self.name = name
        self.attributes = dict(attributes)
        self.status = None

    def set_attribute(self, key, value):
        """Keep an attribute."""
        self.attributes[key] = value

    def set_status(self, status, *_):
        """Keep the status."""
        self.status = status


class RecordingTracer(trace.Tracer):
    """A tracer that keeps the spans."""

    def __init__(self, spans):
        self.spans = spans

    def start_span(self, name, context=None, attributes=None, **_):
        """Return a span of a client's trace."""
        parent = trace.get_current_span(context).get_span_context()
        self.spans.append(RecordingSpan(name, parent, attributes))
        return self.spans[-1]

    @contextmanager
    def start_as_current_span(self, name, context=None, attributes=None, **_):
        """Return a span for a block."""
        with trace.use_span(self.start_span(name, context, attributes)) as span:
            yield span


def test_without_a_provider_there_are_no_spans():
    """The package alone costs nothing."""
    assert tracer() is None


def test_a_span_continues_the_clients_trace(monkeypatch):
    """It has the route, the status, the service and the rows; 5xx is an error."""
    recorder = Recorder()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: recorder)
    parent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    scope = {"headers": [(b"traceparent", parent)]}
    for status in (200, 503):
        visit = Visit("POST", "/v1/features", "id", 0.0)
        with request_span(tracer(), scope, visit):
            visit.asks("delays", None, 2)
            visit.status = status
    good, bad = recorder.spans

    assert "POST /v1/features" == good.name
    assert 0x0AF7651916CD43DD8448EB211C80319C == good.get_span_context().trace_id
    assert {
        "http.request.method": "POST",
        "http.route": "/v1/features",
        "http.response.status_code": 200,
        "featurestore.service": "delays",
        "featurestore.rows": 2,
    } == good.attributes
    assert (None, trace.StatusCode.ERROR) == (good.status, bad.status)
