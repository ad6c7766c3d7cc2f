"""Writes the reference pages that the code itself knows best: the command line and the meta keys.

Run it with `make docs`; a test fails while a page is stale.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer.main

from featurestore.cli.app import app
from featurestore.services import MEMBER_KEYS, SERVICE_KEYS
from featurestore.views import COLUMN_KEYS, FRESHNESS_KEYS, VIEW_KEYS

REFERENCE = Path(__file__).parent / "reference"


_CLI = (
    "Exit codes: 0 good, 1 the input or the data is wrong (one clear line says what), 2 wrong"
    " usage, 3 the warehouse or Redis cannot be reached.\n"
    "Data goes to standard output, words to standard error."
)
_DURATIONS = (
    "`30 days`, `1 hour 30 minutes`, `500 milliseconds`, or dbt's own `{count: 30, period: day}`.\n"
    "A month or a year has no fixed length and is refused."
)


def cli_page() -> str:
    """Return the page of the command line, from each command's own help."""
    group: Any = typer.main.get_command(app)
    parts = ["# The command line", _CLI]
    for name, command in group.commands.items():
        parts += [f"## featurestore {name}", *_help(command), _parameters(command)]
    return "\n\n".join(parts) + "\n"


def _help(command: Any) -> list[str]:
    text, _, example = (command.help or "").partition("Example: ")
    shown = f"```console\n$ {example.strip()}\n```" if example else ""
    return [part for part in (text.strip(), shown) if part]


def _parameters(command: Any) -> str:
    rows = ["| option | meaning |", "| --- | --- |"]
    for parameter in command.params:
        names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
        if parameter.param_type_name == "argument":
            names = f"`{parameter.metavar or parameter.name.upper()}`"
        variable = f" Variable: `{parameter.envvar}`." if parameter.envvar else ""
        rows.append(f"| {names} | {parameter.help or ''}{variable} |")
    return "\n".join(rows)


def meta_page() -> str:
    """Return the page of the meta keys, from the tables that the parser uses."""
    parts = [
        "# The meta keys",
        "All keys stand under `config.meta.featurestore`; an unknown one is an error.",
        "## On a model: a feature view",
        _table(VIEW_KEYS),
        "### Under `freshness`",
        _table(FRESHNESS_KEYS),
        "## On a column: a feature",
        "Every documented column that is no key and no timestamp is a feature.",
        _table(COLUMN_KEYS),
        "## On an exposure of `type: ml`: a feature service",
        _table(SERVICE_KEYS),
        "An item of `features` may be a mapping, for a view taken under another name:",
        _table(MEMBER_KEYS),
        "## Durations",
        _DURATIONS,
    ]
    return "\n\n".join(parts) + "\n"


def _table(keys: Mapping[str, str]) -> str:
    rows = [f"| `{key}` | {meaning} |" for key, meaning in keys.items()]
    return "\n".join(["| key | meaning |", "| --- | --- |", *rows])


PAGES: dict[str, Callable[[], str]] = {"cli.md": cli_page, "meta.md": meta_page}


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")
        sys.stdout.write(f"docs/reference/{name}\n")


if __name__ == "__main__":
    main()
