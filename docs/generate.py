"""Write the reference pages that are generated from the code: command line, meta keys, macros.

Run it with `make docs`; a test fails while a page is stale.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer.main

from featurestore.cli.app import app
from featurestore.registry.service_meta import MEMBER_KEYS, SERVICE_KEYS
from featurestore.registry.view_meta import COLUMN_KEYS, FRESHNESS_KEYS, VIEW_KEYS

REFERENCE = Path(__file__).parent / "reference"
MACROS = Path(__file__).parents[1] / "macros"


_CLI = (
    "Exit codes: 0 success, 1 an error in the input or the data (one line explains it), 2 wrong"
    " usage, 3 the warehouse or Redis cannot be reached.\n"
    "Data goes to standard output, messages to standard error."
)
_DURATIONS = (
    "`30 days`, `1 hour 30 minutes`, `500 milliseconds`, or dbt's own `{count: 30, period: day}`.\n"
    "A month or a year is refused, because its length varies."
)
_IGNORE = (
    "`featurestore validate` reports an unknown rule code under `ignore`.\n"
    "Such a code never stops training or serving."
)
_MACROS = (
    "To install the package and get started, see"
    " [how to use it as a dbt package](../how-to/use-as-a-dbt-package.md).\n"
    "Pass columns by name, as text; pass relations as `ref('...')`, or as the name of a CTE."
)
_TESTS = (
    "Add them under `data_tests:` of a model as `featurestore.<name>:` with their `arguments:`.\n"
    "A test with `column_name` goes under `data_tests:` of a column."
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
        "All keys go under `config.meta.featurestore`; an unknown key is an error.",
        "## On a model: a feature view",
        _table(VIEW_KEYS),
        _IGNORE,
        "### Under `freshness`",
        _table(FRESHNESS_KEYS),
        "## On a column: a feature",
        "Every documented column is a feature, except keys and timestamps.",
        _table(COLUMN_KEYS),
        "## On an exposure of `type: ml`: a feature service",
        _table(SERVICE_KEYS),
        "An item of `features` may be a mapping, to use a view under another name:",
        _table(MEMBER_KEYS),
        "## Durations",
        _DURATIONS,
    ]
    return "\n\n".join(parts) + "\n"


def _table(keys: Mapping[str, str]) -> str:
    rows = [f"| `{key}` | {meaning} |" for key, meaning in keys.items()]
    return "\n".join(["| key | meaning |", "| --- | --- |", *rows])


def macros_page() -> str:
    """Return the page of the dbt package's macros, from their yml and their signatures."""
    import yaml

    documented = yaml.safe_load((MACROS / "_macros.yml").read_text(encoding="utf-8"))["macros"]
    signatures = _signatures()
    parts = ["# The macros of the dbt package", _MACROS, "## Features"]
    parts += [_macro(macro, signatures) for macro in documented if not _is_test(macro)]
    parts += ["## Generic tests", _TESTS]
    parts += [_macro(macro, signatures) for macro in documented if _is_test(macro)]
    return "\n\n".join(parts) + "\n"


def _is_test(macro: Mapping[str, Any]) -> bool:
    return str(macro["name"]).startswith("test_")


def _signatures() -> dict[str, dict[str, str]]:
    """Return the default of each argument of each macro; empty for a required argument."""
    found = {}
    for path in sorted(MACROS.rglob("*.sql")):
        text = path.read_text(encoding="utf-8")
        for kind, name, arguments in re.findall(r"{%-?\s*(macro|test)\s+(\w+)\(([^)]*)\)", text):
            pairs = [argument.strip().partition("=") for argument in arguments.split(",")]
            prefix = "test_" if kind == "test" else ""
            found[prefix + name] = {argument: default for argument, _, default in pairs}
    return found


def _macro(macro: Mapping[str, Any], signatures: Mapping[str, Mapping[str, str]]) -> str:
    defaults = signatures[macro["name"]]
    rows = ["| argument | meaning |", "| --- | --- |"]
    for argument in macro["arguments"]:
        if argument["name"] == "model":
            continue  # dbt gives it
        name, text = argument["name"], " ".join(argument["description"].split())
        optional = "" if not defaults[name] or "efault" in text else " Optional."
        rows.append(f"| `{name}` | {text}{optional} |")
    title = f"### {macro['name'].removeprefix('test_')}"
    return "\n\n".join([title, " ".join(macro["description"].split()), "\n".join(rows)])


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "macros.md": macros_page,
    "meta.md": meta_page,
}


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")
        sys.stdout.write(f"docs/reference/{name}\n")


if __name__ == "__main__":
    main()
