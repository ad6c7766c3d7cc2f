"""The reader in examples/node finds in the documented bytes what this package finds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

from tests.online.test_online_format import VECTORS
from tests.support.builders import PROJECT, Table, model
from tests.support.online_project import Shop

EXAMPLES = Path(__file__).parents[2] / "examples" / "node"
EXACT = 2**53
"""Above, a number of JavaScript is not exact."""


def node(*words, given="", **environment):
    """Run Node; return the lines that it prints, as JSON."""
    found = shutil.which("node") or shutil.which("nodejs")
    if found is None:
        reason = "Node is not installed"
        if os.environ.get("CI"):
            pytest.fail(f"{reason}. Install it, on Debian with `apt-get install nodejs`.")
        pytest.skip(reason)
    ran = subprocess.run(
        [found, *words],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert "" == ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def as_shown(kind, value):
    """Return a vector's value as the script prints it: large integers and -0.0 are text."""
    if isinstance(value, list):
        element = kind[5:-1] if kind.startswith("list<") else kind[: kind.rindex("[")]
        return [as_shown(element, item) for item in value]
    if kind in ("int64", "uint64"):
        return str(value)
    if isinstance(value, float) and value == 0 and str(value) == "-0.0":
        return "-0"
    if kind.startswith(("time", "timestamp")) and value is not None:
        # The script always prints six digits.
        value, zone = value.removesuffix("Z"), "Z" if value.endswith("Z") else ""
        return f"{value}{'' if '.' in value else '.'}".ljust(value.index(":") + 13, "0") + zone
    return value


def test_every_vector_is_read():
    """Keys, timestamps and values, in lists and arrays too."""
    given = [
        {
            **vector,
            "keys": [
                str(key) if isinstance(key, int) and abs(key) > EXACT else key
                for key in vector["keys"]
            ],
        }
        for vector in VECTORS
    ]
    found = node(
        str(EXAMPLES / "vectors.mjs"), given="".join(f"{json.dumps(one)}\n" for one in given)
    )

    assert len(VECTORS) == len(found)
    for vector, row in zip(VECTORS, found, strict=True):
        kinds = [kind for _, kind in json.loads(vector["schema"])["features"]]
        shown = [as_shown(*pair) for pair in zip(kinds, vector["values"], strict=True)]
        assert vector["key"] == row["key"]
        assert shown == row["values"], vector["view"]
        for stamp in ("event", "created", "end"):
            assert row[stamp] == (None if vector[stamp] is None else str(vector[stamp])), stamp


def test_one_wrong_bit_is_refused():
    """Anywhere in the row, and in the key; the table for old releases of Node counts alike."""
    script = """
    const { decodeRow, crc32, byTable } = await import(process.argv[1]);
    const [vector] = JSON.parse(process.argv[2]);
    const schemas = { [vector.fingerprint]: JSON.parse(vector.schema) };
    const refused = (key, raw) => {
      try { decodeRow(schemas, key, raw); return false; } catch { return true; }
    };
    const raw = Buffer.from(vector.row, "hex");
    const flipped = Array.from({ length: raw.length * 8 }, (_, bit) => {
      const other = Buffer.from(raw);
      other[bit >> 3] ^= 1 << (bit & 7);
      return refused(vector.key, other);
    });
    const sums = [crc32(raw, crc32(vector.key)), byTable(raw, byTable(vector.key))];
    const moved = refused(vector.key + "x", raw);
    console.log(JSON.stringify([flipped.every((one) => one), moved, ...sums]));
    """
    reader = (EXAMPLES / "reader.mjs").as_uri()
    words = ("--input-type=module", "-e", script, reader, json.dumps(VECTORS[:1]))
    ((flipped, moved, native, table),) = node(*words)

    assert (True, True) == (flipped, moved)
    assert 0x2144DF1C == native == table


def test_published_rows_are_read(tmp_path, redis_client, redis_server):
    """From a real server: what the client returns, and null for a missing row."""
    columns = {
        "id": "bigint",
        "code": "varchar",
        "seen_at": "timestamp",
        "n": "bigint",
        "price": "decimal(9,2)",
        "note": "varchar",
        "tags": "varchar[]",
    }
    rows = [
        (1, "a b'(!)*~", "2024-03-10 11:00:00.000001", 2**60, "-1.50", "Zoë 🛫", ["x", None]),
        (2, "", "2024-03-10 11:00:00", None, None, None, None),
    ]
    shop = Shop(tmp_path / "shop", redis_server)
    things = model("things", columns, entities={"thing": ["id", "code"]}, event_timestamp="seen_at")
    store = shop.publish([things], {"things": Table(columns, rows)})
    keys = [[one[0], one[1]] for one in rows] + [[3, "c"]]
    online = store.get_online_features(
        ["things:*"], {"id": [key[0] for key in keys], "code": [key[1] for key in keys]}
    )
    port = redis_client.connection_pool.connection_kwargs["port"]
    asked = json.dumps({"project": PROJECT, "views": ["things"], "keys": keys})
    found = node(str(EXAMPLES / "online.mjs"), asked, REDIS_PORT=str(port))

    assert [None] == [one["values"] for one in found[2:]]
    assert ["2024-03-10T11:00:00.000001Z", "2024-03-10T11:00:00.000000Z"] == [
        one["event"] for one in found[:2]
    ]
    for name in ("n", "price", "note", "tags"):
        expected = [
            str(value) if isinstance(value, int | Decimal) else value
            for value in online.values[name][:2]
        ]
        assert expected == [one["values"][name] for one in found[:2]], name
