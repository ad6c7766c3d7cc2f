"""The files of `deploy/` fit the server: its options, its paths, its metrics."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer.main
import yaml

from featurestore.cli.app import app
from featurestore.serve.metric_definitions import METRICS
from featurestore.serve.tokens import parse_tokens

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PAGE = (ROOT / "docs" / "how-to" / "deploy-the-server.md").read_text(encoding="utf-8")
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}
SAMPLES = {
    f"{each.name}{suffix}": {*each.labels, *({"le"} if suffix == "_bucket" else ())}
    for each in METRICS
    for suffix in SUFFIXES.get(each.kind, ("",))
}
"""Every sample that the server shows, with its labels."""
SERVE = {
    option: parameter
    for parameter in typer.main.get_command(app).commands["serve"].params
    for option in (*parameter.opts, *parameter.secondary_opts)
}


def rules():
    """Return the alert rules."""
    (group,) = yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return group["rules"]


def documents(name):
    """Return the objects of a file for Kubernetes, by kind and name."""
    text = (DEPLOY / "kubernetes" / name).read_text(encoding="utf-8")
    return {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(text)}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_metrics_that_exist(rule):
    """With labels that they have; the runbook has a section for it."""
    expression = rule["expr"]
    names = re.findall(r"featurestore_\w+", expression)
    labels = re.findall(r"(\w+)\s*(?:=~|!=|!~|=)\s*\"", expression)
    for listed in re.findall(r"\bby \(([^)]*)\)", expression):
        labels += [label.strip() for label in listed.split(",")]
    labels += re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])

    assert names
    assert {*names} <= {*SAMPLES}
    assert {*labels} <= set.intersection(*(SAMPLES[name] for name in names))
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert expression.count("(") == expression.count(")")
    section = PAGE.partition(f"\n### {rule['alert']}\n")[2].partition("\n###")[0]
    assert all(f"{word}:" in section for word in ("Meaning", "First look", "Remedy"))


def test_the_runbook_has_no_other_alerts():
    """Each section is an alert."""
    assert re.findall(r"^### (\w+)", PAGE, re.MULTILINE) == [rule["alert"] for rule in rules()]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_reads_the_alerts():
    """Its own checker agrees."""
    subprocess.run(["promtool", "check", "rules", DEPLOY / "alerts.yml"], check=True)


def test_kubernetes_objects_fit_together():
    """Two replicas, and one always stays; probes, secrets and mounts that exist."""
    objects = documents("server.yaml")
    secrets = documents("secret.example.yaml")
    deployment = objects["Deployment", "featurestore"]["spec"]
    pod = deployment["template"]["spec"]
    (server,) = pod["containers"]
    labels = deployment["template"]["metadata"]["labels"]
    budget = objects["PodDisruptionBudget", "featurestore"]["spec"]
    (url,) = server["env"]

    assert (2, 1) == (deployment["replicas"], budget["minAvailable"])
    assert labels == deployment["selector"]["matchLabels"] == budget["selector"]["matchLabels"]
    assert labels == objects["Service", "featurestore"]["spec"]["selector"]
    assert ["/readyz", "/healthz"] == [
        server[probe]["httpGet"]["path"] for probe in ("readinessProbe", "livenessProbe")
    ]
    assert {volume["name"] for volume in pod["volumes"]} == {
        mount["name"] for mount in server["volumeMounts"]
    }
    assert {one for one in server["args"] if one.startswith("--")} <= {*SERVE}
    key = url["valueFrom"]["secretKeyRef"]
    assert key["key"] in secrets["Secret", key["name"]]["stringData"]
    tokens = secrets["Secret", "featurestore-tokens"]["stringData"]["tokens.yml"]
    assert ["checkout", "prometheus"] == [one.name for one in parse_tokens(tokens, "example")]


def test_the_image_and_the_unit_know_the_servers_options():
    """Variables, options and paths of the server; no root."""
    image = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    unit = (DEPLOY / "featurestore.service").read_text(encoding="utf-8")
    variables = {parameter.envvar for parameter in SERVE.values()}
    (command,) = re.findall(r"^ExecStart=(.*)", unit, re.MULTILINE)

    assert {*re.findall(r"FEATURESTORE_SERVE_\w+", image)} <= variables
    assert {word for word in command.split() if word.startswith("--")} <= {*SERVE}
    assert "/healthz" in image
    # The last user is the one that runs it.
    assert "10001" == re.findall(r"^USER (\S+)", image, re.MULTILINE)[-1]
    copied = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    assert all((ROOT / name).exists() for name in re.findall(r"^!(\S+)", copied, re.MULTILINE))
