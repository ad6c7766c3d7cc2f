"""Record what Feast's own client sends to this server, and what it makes of the answers.

    python3 -m venv feastenv && feastenv/bin/pip install -r benchmarks/requirements-feast.txt
    python -m tests.serve.recorded.record_feast feastenv/bin/python

It fails if Feast returns another value than the SDK for one of a thousand rows.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from featurestore.demo.server import embedded_server
from tests.support.feast_shop import COUNT, FEATURES, LATER, feast_shop
from tests.support.running_server import running_server

HERE = Path(__file__).parent
KEPT_ROWS = 20
"""The rows of a recorded answer: enough for every status."""


def main(python: str) -> None:
    """Run Feast's client against a server, compare, and write the recordings."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "feast").mkdir()
        with embedded_server(folder) as url:
            shop = feast_shop(folder / "shop", url)
            with running_server(shop, tcp=True, now=LATER) as server:
                script = str(HERE / "feast_client.py")
                subprocess.run(
                    [python, script, server.url, str(folder / "feast")], check=True, timeout=600
                )
            ours = shop.open(LATER).get_online_features(["things:*"], {"id": [*range(COUNT)]})
        found = json.loads((folder / "feast" / "feast.json").read_text(encoding="utf-8"))
    compare(found, json.loads(ours.to_json()))
    recorded = [shortened(exchange) for exchange in found["exchanges"]]
    text = json.dumps(recorded, ensure_ascii=False, separators=(",", ":"))
    (HERE / "feast_exchanges.json").write_text(f"{text}\n", encoding="utf-8")
    sys.stdout.write(f"{len(recorded)} exchanges recorded\n")


def compare(found: dict[str, Any], ours: dict[str, list[Any]]) -> None:
    """Raise if Feast returns another value than the SDK."""
    reads = {
        "get_online_features": found["values"],
        "online_read": {name: [row[name] for row in found["direct"]] for name in FEATURES},
    }
    for way, columns in reads.items():
        for name in FEATURES:
            theirs = [plain(value) for value in columns[name]]
            expected = [plain(value) for value in ours[name]]
            assert COUNT == len(theirs)
            assert expected == theirs, f"{way}: {name}"


def plain(value: Any) -> Any:
    """Return a value in one form: instants are seconds, or text, or datetimes as text."""
    if isinstance(value, str) and value.startswith("2024-"):
        moment = datetime.fromisoformat(value)
        return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
    return value


def shortened(exchange: dict[str, Any]) -> dict[str, Any]:
    """Return an exchange with the first rows of its answer."""
    for result in exchange["response"]["results"]:
        for part in result:
            result[part] = result[part][:KEPT_ROWS]
    return exchange


if __name__ == "__main__":
    main(*sys.argv[1:])
