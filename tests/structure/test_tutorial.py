"""The tutorial is true: its commands run, print what it shows, and its numbers hold."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
from pathlib import Path

import pytest
import typer
from threadpoolctl import threadpool_limits

from featurestore import FeatureStore
from featurestore.cli import main
from featurestore.cli.app import app
from featurestore.demo.server import embedded_server

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial" / "flight-delay.md").read_text(encoding="utf-8")
ONLINE = ("sync", "get")


def _examples() -> list[tuple[str, list[str]]]:
    """Return each command of the page, with the lines shown below it."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            elif line.strip() not in {"", "..."}:
                found[-1][1].append(line)
    return found


COMMANDS = [
    (words[1:], shown)
    for line, shown in _examples()
    if (words := shlex.split(line)) and words[0] == "featurestore"
]
OFFLINE = [(words, shown) for words, shown in COMMANDS if words[0] not in ONLINE]
ON_REDIS = [(words, shown) for words, shown in COMMANDS if words[0] in ONLINE]

SECONDS = re.compile(r"(?<=\s)\d+\.\d\d$")


def _squeezed(line: str) -> str:
    """Leave out what differs between two machines: the widths, and how long it took."""
    return " ".join(SECONDS.sub("", line.replace("─", "").rstrip()).split())


def test_the_page_shows_the_commands_of_a_first_hour():
    """The tutorial shows each command that a newcomer needs."""
    assert {"list", "show", "validate", "sql", "train", "why", "sync", "get"} == {
        words[0] for words, _ in COMMANDS
    }


@pytest.mark.parametrize("words", [words for words, _ in COMMANDS], ids=" ".join)
def test_every_command_parses(words):
    """Each command line is one that the program understands."""
    command = typer.main.get_command(app).commands[words[0]]

    context = command.make_context(words[0], list(words[1:]))

    assert words[0] == context.info_name


@pytest.fixture
def run(example_project, capsys, monkeypatch, tmp_path):
    """Run a command of the page; return the lines shown that it does not print in this order."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "110")
    monkeypatch.setenv("DBT_PROJECT_DIR", str(example_project.project_dir))

    def run(words, shown):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        printed = capsys.readouterr()
        assert 0 == (stopped.value.code or 0), printed.err
        lines = map(_squeezed, (printed.out + printed.err).splitlines())
        # An iterator: each line must come after the one shown before it.
        return [line for line in shown if _squeezed(line) not in lines]

    return run


@pytest.mark.parametrize(("words", "shown"), OFFLINE, ids=[" ".join(w) for w, _ in OFFLINE])
def test_every_command_prints_what_is_shown(words, shown, run):
    """The lines shown below a command are lines that it prints, in their order."""
    assert shown
    assert [] == run(words, shown)


def test_the_online_section_prints_what_is_shown(run, example_project, monkeypatch, tmp_path):
    """The commands of the section on Redis, run in their order, print what is shown."""
    warehouse = shutil.copy(example_project.warehouse, tmp_path / "warehouse.duckdb")
    monkeypatch.setenv("FEATURESTORE_WAREHOUSE", str(warehouse))
    with embedded_server(tmp_path) as url:
        monkeypatch.setenv("FEATURESTORE_REDIS_URL", url)
        missing = [line for words, shown in ON_REDIS for line in run(words, shown)]

    assert {"sync", "get"} == {words[0] for words, shown in ON_REDIS if shown}
    assert [] == missing


@pytest.mark.xdist_group("tutorial")
def test_a_leaky_join_promises_more_and_keeps_less(example_project, capsys):
    """The page's table is what the example computes; only the point-in-time join is honest."""
    path = ROOT / "examples" / "flight_delay.py"
    spec = importlib.util.spec_from_file_location("flight_delay", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)

    # Threads of several test processes on few cores would wait for each other.
    with threadpool_limits(1):
        results = example.compare(FeatureStore(example_project.project_dir))

    (promised, kept), (_, kept_latest), (promised_day, kept_day) = results.values()
    table = re.findall(r"^(\S.*?)\s+(0\.\d{3})\s+(0\.\d{3})$", PAGE, re.MULTILINE)
    assert [(name, *map(_near, numbers)) for name, numbers in results.items()] == [
        (name, float(first), float(second)) for name, first, second in table
    ]
    assert promised == kept
    assert promised_day > 0.9
    assert kept > kept_day + 0.05
    assert kept > kept_latest + 0.05
    assert capsys.readouterr().out.strip() in PAGE


def _near(number: float):
    """Allow for the differences between versions of scikit-learn."""
    return pytest.approx(number, abs=0.01)
