"""The help texts: whole at 80 columns, and options that two commands share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
import typer.main
from typer.testing import CliRunner

from featurestore.cli.app import app
from featurestore.cli.option_groups import expand_option_groups

COMMANDS = list(typer.main.get_command(app).commands)


@dataclass(frozen=True, slots=True)
class Place:
    """Options that a command takes as one value."""

    name: Annotated[str, typer.Argument(metavar="NAME")]
    depth: Annotated[int, typer.Option("--depth", "-d", help="In metres.")] = 7


@pytest.fixture
def shown(monkeypatch):
    """Return what a command line prints on a narrow terminal without colours."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")

    def shown(*arguments, of=app):
        result = CliRunner().invoke(of, list(arguments))
        assert 0 == result.exit_code, result.output
        return result.output

    return shown


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_is_whole(shown, command):
    """No word is cut, and the example is there."""
    text = shown(command, "--help")

    assert "…" not in text
    assert f"Example: featurestore {command}" in text
    assert max(map(len, text.splitlines())) <= 80


def test_each_command_has_one_line_in_the_list(shown):
    """A newcomer sees them at a glance, with the way to begin below."""
    text = shown("--help")
    lines = re.findall(r"^│ (\w+) +\w", text, re.MULTILINE)

    assert COMMANDS == lines
    assert "pip install 'featurestore[demo]'" in text
    assert "│           " not in text


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["a"], "Place(name='a', depth=7) False"),
        (["a", "-d", "1", "--loud"], "Place(name='a', depth=1) True"),
    ],
)
def test_a_dataclass_is_a_group_of_options(shown, arguments, printed):
    """Each field is an argument or option of its own; the command gets the value."""

    def dive(place: Place, loud: Annotated[bool, typer.Option("--loud")] = False) -> None:
        """Dive."""
        typer.echo(f"{place} {loud}")

    program = typer.Typer()
    program.command()(expand_option_groups(dive))

    assert printed == shown(*arguments, of=program).strip()
    assert "In metres." in shown("--help", of=program)
