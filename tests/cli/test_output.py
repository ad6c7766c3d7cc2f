"""What commands print: foreign text on any terminal, and JSON that every parser reads."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import duckdb
import pytest

from featurestore.cli import main
from featurestore.cli.app import app
from tests.support.builders import Table, column, model, tiny_project
from tests.support.sync_project import NOW

ESCAPES = "\x1b]0;owned\x07\x1b[2J"
TYPES = {
    "id": "varchar",
    "at": "timestamp",
    "ratio": "double",
    "word": "varchar",
    "end": "timestamp",
}
ROWS = [
    ("[/x]", "2024-01-01", "nan", "[bold]", "infinity"),
    ("日本", "2024-01-01", "inf", ESCAPES, "0044-03-15 (BC)"),
]
KEYS = "select id, timestamp '2024-03-01' as event_timestamp, 1 as \"[b]\" from odd"
ALL = ["-f", "odd:ratio", "-f", "odd:word"]
SMALL = [KEYS.replace("odd", "small"), "-f", "small:v"]
WITH_ENDS = [*ALL, "-f", "odd:end"]


def strict(text):
    """Parse JSON as other languages do, where NaN and Infinity do not exist."""
    return json.loads(text, parse_constant=pytest.fail)


@pytest.fixture
def odd(tmp_path, redis_server, redis_client, monkeypatch):
    """Stand in a project whose keys, names and values are hostile to a terminal."""
    columns = [column(name) for name in TYPES]
    view = model("odd", columns, entities={"e": "id"}, event_timestamp="at", ttl="3650 days")
    tiny_project(tmp_path, [view], {"odd": Table(TYPES, ROWS)})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEATURESTORE_REDIS_URL", redis_server)
    monkeypatch.setenv("FEATURESTORE_NOW", NOW.isoformat())
    return tmp_path


@pytest.fixture
def run(odd, monkeypatch, capsys):
    """Run a command on a terminal of 80 columns; return its exit code and both outputs."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main(list(arguments))
        printed = capsys.readouterr()
        return stopped.value.code or 0, printed.out, printed.err

    return run


def run_encoded(encoding, *arguments):
    """Run a command in a process of its own, whose terminal has an encoding."""
    done = subprocess.run(
        [sys.executable, "-m", "featurestore.cli", *arguments],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding)


def test_square_brackets_are_text_and_not_markup(run):
    """They stay in titles, headers and cells."""
    _, table, _ = run("train", KEYS, *ALL)

    assert "[b]" in table
    assert "[bold]" in table
    assert "[/x]" in table


def test_a_value_cannot_command_the_terminal(run):
    """Escape sequences are shown, not sent."""
    _, table, _ = run("train", KEYS, *ALL)

    assert "\x1b" not in table
    assert r"\x1b]0;owned\x07" in table


def test_an_error_is_one_line_whatever_the_name(run):
    """A line break in a name does not start a second line."""
    code, _, error = run("train", KEYS, "-f", "odd:a\nError: b\x1b[2J")

    assert 1 == code
    assert 1 == len(error.splitlines())
    assert r"a\nError: b\x1b[2J" in error


def test_a_title_is_text(odd, run):
    """`get` writes the key that was typed above its values."""
    tiny_project(
        odd, [_small()], {"small": "select '[/x]' as id, timestamp '2024-01-01' as at, 1 v"}
    )
    assert 0 == run("sync")[0]

    code, table, _ = run("get", "-f", "small:v", "-e", "id=[/x]")
    assert (0, True) == (code, "id=[/x]" in table)


def _small():
    columns = [column("id"), column("at"), column("v")]
    return model("small", columns, entities={"e": "id"}, event_timestamp="at")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("shown", ["table", "json"])
def test_a_terminal_that_is_not_utf8_shows_all(odd, encoding, shown):
    """A character that it lacks is an escape."""
    code, text, _ = run_encoded(encoding, "train", KEYS, *ALL, "--format", shown)

    assert 0 == code
    assert r"\u65e5\u672c" in text
    if shown == "json":
        assert "日本" == strict(text)[1]["id"]


def test_instants_beyond_the_years_of_python_are_shown(run, monkeypatch):
    """They are values of the warehouse, and not a reason to fail."""
    code, text, _ = run("train", KEYS, *WITH_ENDS, "--format", "json")

    assert 0 == code
    assert ["infinity", "0044-03-15 (BC) 00:00:00"] == [row["end"] for row in strict(text)]
    monkeypatch.setenv("COLUMNS", "200")
    assert "0044-03-15 (BC)" in run("train", KEYS, *WITH_ENDS)[1]


JSON = {
    "list": ["features"],
    "show": ["small"],
    "validate": ["--no-connect"],
    "sql": SMALL,
    "train": SMALL,
    "why": ["small:v", "-k", "id=[/x]", "--at", "2024-03-01"],
    "sync": [],
    "get": ["-f", "small:v", "-e", "id=[/x]"],
    "status": [],
    "verify": [],
    "lineage": ["small:v"],
    "diff": ["--state", "target"],
    "purge": ["--yes"],
    "token": ["new", "--name", "a", "--view", "small"],
}
"""The arguments of every command with `--format`, in an order in which they work."""


def test_every_command_that_has_a_format_is_tried():
    """A new command must be added to the table."""
    with_format = {
        command.name
        for command in _commands()
        if any("--format" in option.opts for option in command.params)
    }
    assert set(JSON) == with_format


WRITTEN = {
    ("-o", "t.parquet"): {"output": "t.parquet", "rows": 2, "card": "t.card.json"},
    ("--table", "built"): {"output": "built", "rows": 2, "card": "target/featurestore/built"},
    ("--dbt-model", "m.sql"): {"output": "m.sql", "rows": None, "card": None},
}


@pytest.fixture
def small(odd):
    """Stand in a project with two rows of one small view."""
    rows = "select i::varchar as id, timestamp '2024-01-01' as at, i as v from range(2) r(i)"
    tiny_project(odd, [_small()], {"small": rows})
    return odd


@pytest.mark.parametrize("options", WRITTEN, ids=" ".join)
def test_train_prints_what_it_wrote_as_json(small, run, options):
    """One value: the output, its rows, and the card, which is a file that exists."""
    code, text, error = run("train", *SMALL, *options, "--format", "json")

    assert 0 == code, error
    found, wanted = strict(text), WRITTEN[options]
    assert (wanted["output"], wanted["rows"]) == (found["output"], found["rows"])
    assert bool(wanted["card"]) == bool(found["card"])
    if wanted["card"]:
        assert wanted["card"] in found["card"]
        assert (small / found["card"]).is_file()
    else:
        assert "+++" in found["diff"]


def test_train_prints_one_list_of_several_outputs(small, run):
    """A parser reads one value, however many outputs there are."""
    options = [part for pair in WRITTEN for part in pair]
    code, text, error = run("train", *SMALL, *options, "--format", "json")

    assert 0 == code, error
    assert ["t.parquet", "built", "m.sql"] == [one["output"] for one in strict(text)]


def test_a_check_of_a_training_set_is_json(small, run):
    """It says whether the rows are the same, and what differs."""
    assert 0 == run("train", *SMALL, "-o", "t.parquet")[0]
    code, text, _ = run("train", "--check", "t.card.json", "--format", "json")
    assert (0, {"card": "t.card.json", "same": True, "differences": []}) == (code, strict(text))

    with duckdb.connect(str(small / "warehouse.duckdb")) as connection:
        connection.execute("update small set v = 7")
    code, text, error = run("train", "--check", "t.card.json", "--format", "json")
    found = strict(text)
    assert (1, False) == (code, found["same"])
    assert found["differences"]
    assert "other rows" in error


def _commands():
    import typer.main

    return typer.main.get_command(app).commands.values()


def test_json_is_read_by_every_parser(odd, run):
    """Each command prints one value on standard output, and nothing else there."""
    small = "select '[/x]' as id, timestamp '2024-01-01' as at, 'nan'::double as v"
    tiny_project(odd, [_small()], {"small": small})
    for command, arguments in JSON.items():
        code, text, error = run(command, *arguments, "--format", "json")
        assert code in (0, 1), error
        strict(text)
        if command == "get":
            assert [None] == strict(text)["v"]


def test_the_counts_of_a_join_are_json(run):
    """`sql --explain` of a view with a ttl counts expired rows, whose ttl has a form in JSON."""
    code, text, error = run("sql", KEYS, *ALL, "--explain", "--format", "json")

    assert 0 == code, error
    assert "odd" == strict(text)[0]["view"]


def test_explain_says_what_is_read_and_a_limit_that_cannot_be_kept_is_refused(run):
    """DuckDB's plans tell rows, and no bytes."""
    code, _, error = run("sql", KEYS, *ALL, "--explain")
    assert 0 == code, error
    assert re.search(r"The engine estimates that a training set reads \d+ rows?\.", error)

    code, text, error = run("train", KEYS, *ALL, "--max-bytes", "1 GB")
    assert (1, "") == (code, text)
    assert "duckdb never tells them" in " ".join(error.split())
