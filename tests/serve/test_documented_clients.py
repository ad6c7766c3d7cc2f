"""The clients that the how-to page shows get the SDK's values from a server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.support.online_project import Shop
from tests.support.running_server import PATIENCE, running_server

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "serve-features.md"
ENTITIES = {"tailnum": ["N1", "N2", "N9"]}


def block(language: str, start: str) -> str:
    """Return the code block of the page that contains a text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return next(text for text in blocks if start in text)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(shop: Shop):
    """The command of the page, with the project's own names and port."""
    command = block("console", "$ curl").partition("$ curl ")[2].replace("\\\n", " ")
    command = re.sub(r"-d '.*'", "", command).strip()
    expected = shop.open().get_online_features(["plane_features:seats"], ENTITIES)
    asked = json.dumps({"features": ["plane_features:seats"], "entities": ENTITIES})
    with running_server(shop, tcp=True) as server:
        words = command.replace("http://127.0.0.1:6566", server.url).replace("'", "").split()
        # `content-type: application/json` is one word.
        at = words.index("-H") + 1
        words[at : at + 2] = [" ".join(words[at : at + 2])]
        done = subprocess.run(
            ["curl", *words, "-d", asked], capture_output=True, check=True, timeout=PATIENCE
        )

    assert expected.values["seats"] == json.loads(done.stdout)["values"]["seats"]


def test_httpx(shop: Shop):
    """The lines of the page, with the port of the server."""
    with running_server(shop, tcp=True) as server:
        code = block("python", "httpx.Client").replace("http://127.0.0.1:6566", server.url)
        code = code.replace("timeout=1.0", f"timeout={PATIENCE}")
        names: dict[str, object] = {}
        exec(code, names)
        client, read = names["client"], names["read"]
        assert isinstance(client, httpx.Client)
        with client:
            found = read("delays", **ENTITIES)
            with pytest.raises(RuntimeError, match="422: Unknown feature service 'delay'"):
                read("delay", **ENTITIES)

    expected = shop.open().get_online_features(feature_service="delays", entity_rows=ENTITIES)
    assert expected.values == found
