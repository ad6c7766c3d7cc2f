"""GET /metrics: what is counted, for whom, and over all workers."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from featurestore.serve.metric_definitions import METRICS
from featurestore.serve.metrics import ServerMetrics
from featurestore.serve.tokens import hash_of, new_secret
from tests.serve.test_run_server import answered, process
from tests.serve.test_server_reload import write_manifest
from tests.serve.test_tokens import write
from tests.support.running_server import running_server, wait_for

KEYS = {"tailnum": ["N1", "N2", "no"]}
HOT = ("/v1/features", "/get-online-features")


def numbers(text):
    """Return each sample by its name and its labels, in the order of their names."""
    return {
        (sample.name.removeprefix("featurestore_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def asked(server):
    """Return the numbers of a server."""
    answer = server.http.get("/metrics")
    assert "text/plain; version=0.0.4; charset=utf-8" == answer.headers["content-type"]
    return numbers(answer.text)


def test_reads_are_counted(fresh_server, redis_client):
    """Requests, values by status, ages, round trips and damaged rows."""
    server = fresh_server
    server.read(service="delays", entities=KEYS)
    server.feast(feature_service="delays", entities={"tailnum": ["N1"]})
    server.read(service="nothing", entities=KEYS)
    server.http.get("/v1/views/plane_features")
    server.http.get("/elsewhere/7")
    (key,) = (key for key in redis_client.keys("*") if b"N1" in key)
    redis_client.setrange(key, 20, b"\xff\xff")
    server.read(features=["plane_features:*"], entities={"tailnum": ["N1"]})
    found = asked(server)

    assert [2, 1] == [found["requests_total", path, "200"] for path in HOT]
    assert 1 == found["requests_total", "/v1/features", "422"]
    assert 1 == found["requests_total", "/v1/views/{view}", "200"]
    assert 1 == found["requests_total", "other", "404"]
    assert {"delays", "unknown", ""} == {
        labels[1]
        for name, *labels in found
        if name == "request_seconds_count" and labels[0] == "/v1/features"
    }
    statuses = {
        labels[0]: value
        for (name, *labels), value in found.items()
        if name == "values_total" and labels[1] == "plane_features"
    }
    # Two features of N1, N2 and an unknown plane; N1 once more; N1 damaged.
    assert {"PRESENT": 5, "NULL": 1, "NOT_FOUND": 2, "DAMAGED": 2} == statuses
    assert 1 == found["damaged_rows_total", "plane_features"]
    # The schema, and three reads of rows.
    assert 4 == found["redis_round_trip_seconds_count",]
    # The rows are an hour old; the damaged one has no age.
    assert 2 == found["served_age_seconds_count", "plane_features"]
    assert 2 == found["served_age_seconds_bucket", "3600.0", "plane_features"]
    assert 0 == found["served_age_seconds_bucket", "900.0", "plane_features"]
    assert 0 == found["requests_in_flight",]


def test_a_broken_manifest_is_counted(fresh_server, shop):
    """It is broken until a good one comes."""
    server = fresh_server
    before = asked(server)
    good = (shop.folder / "target" / "manifest.json").read_text(encoding="utf-8")
    write_manifest(shop, "{")
    broken = wait_for(lambda: (found := asked(server))["manifest_broken",] and found)
    (shop.folder / "target" / "manifest.json").write_text(good, encoding="utf-8")
    mended = wait_for(lambda: not (found := asked(server))["manifest_broken",] and found)

    assert 0 == before["manifest_reload_failures_total",] == before["manifest_broken",]
    assert 1 <= broken["manifest_reload_failures_total",]
    name = "manifest_loaded_timestamp_seconds"
    assert mended[name,] > broken[name,] == before[name,]


def test_only_an_operator_reads_them(shop, tmp_path):
    """Refused tokens are counted by their reason."""
    file, reader, operator = tmp_path / "tokens.yml", new_secret(), new_secret()
    write(
        file,
        {"name": "reader", "sha256": hash_of(reader), "services": "*"},
        {"name": "operator", "sha256": hash_of(operator), "operator": True},
    )
    with running_server(shop, tokens_file=file) as server:
        refused = server.http.get("/metrics")
        unknown = server.http.get("/metrics", headers={"authorization": "Bearer fst_x"})
        forbidden = server.http.get("/metrics", headers={"authorization": f"Bearer {reader}"})
        server.http.headers["authorization"] = f"Bearer {operator}"
        found = asked(server)

    assert [401, 401, 403] == [one.status_code for one in (refused, unknown, forbidden)]
    assert "operator: true" in forbidden.json()["remedy"]
    assert (1, 1) == tuple(found["tokens_refused_total", why] for why in ("missing", "unknown"))


def test_labels_do_not_grow_without_bound():
    """The thousand-and-first label is `other`."""
    metrics = ServerMetrics()
    for number in range(2000):
        metrics.request(f"/{number}", "", 200, 0.001)
    found = numbers(metrics.text().decode())

    assert 1000 == found["requests_total", "other", "other"]
    assert 1001 == sum(name == "requests_total" for name, *_ in found)


def test_every_definition_has_a_meaning_and_a_remedy():
    """Names are unique, as Prometheus spells them; the code knows no others."""
    text = ServerMetrics().text().decode()

    assert len(METRICS) == len({each.name for each in METRICS})
    for each in METRICS:
        assert each.name.startswith("featurestore_")
        assert (each.kind == "counter") == each.name.endswith("_total")
        assert (each.kind == "histogram") == bool(each.buckets)
        assert each.meaning.endswith(".")
        assert each.remedy.endswith(".")
        assert f"# TYPE {each.name} {each.kind}" in text


@pytest.mark.whole
def test_the_numbers_are_those_of_all_workers(shop):
    """Also of one that has died; their folder ends with the server."""
    body = {"service": "delays", "entities": {"tailnum": ["N1"]}}
    with process(shop, "--workers", "2") as (running, http, uds, log):
        answered(http, running, uds)
        wait_for(lambda: log.read_text("utf-8").count("startup complete") == 2)
        pids = re.findall(r"Started server process \[(\d+)\]", log.read_text("utf-8"))
        folder = metrics_folder(pids[0])
        for _ in range(20):
            # A connection of its own each, so that both workers get some.
            headers = {"connection": "close"}
            assert 200 == http.post("http://s/v1/features", json=body, headers=headers).status_code
        mode = folder.stat().st_mode & 0o777
        os.kill(int(pids[0]), signal.SIGKILL)
        wait_for(lambda: log.read_text("utf-8").count("startup complete") == 3)
        answered(http, running, uds)
        found = numbers(http.get("http://s/metrics", headers={"connection": "close"}).text)
        running.send_signal(signal.SIGTERM)
        running.wait()

    assert 20 == found["requests_total", "/v1/features", "200"]
    assert 20 == found["values_total", "PRESENT", "plane_features"] / 2
    assert 0o700 == mode
    assert not folder.exists()


def metrics_folder(pid):
    """Return the folder of metrics in the environment of a process."""
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    (found,) = (part for part in environment if part.startswith(b"PROMETHEUS_MULTIPROC_DIR="))
    return Path(found.partition(b"=")[2].decode())
