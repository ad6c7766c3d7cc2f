"""Write the reference pages that are generated from the code: commands, meta keys, macros, lint.

The table of dialects also comes from the list of what the engines' tests proved.

Run it with `make docs`; a test fails while a page is stale.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer.main

from featurestore.cli.app import app
from featurestore.cli.exit_codes import EXIT_CODE_MEANINGS
from featurestore.lint.rule import Rule
from featurestore.lint.rules import RULES
from featurestore.registry.column_meta import COLUMN_KEYS
from featurestore.registry.request_time_meta import ON_DEMAND_KEYS, REQUEST_KEYS
from featurestore.registry.service_meta import MEMBER_KEYS, SERVICE_KEYS
from featurestore.registry.view_meta import FRESHNESS_KEYS, VIEW_KEYS
from featurestore.request_time.form import EVERY, EXECUTED, Form
from featurestore.request_time.forms.casts import CASTS
from featurestore.request_time.refusals import REFUSED
from featurestore.request_time.table import FORMS
from featurestore.serve.metric_definitions import METRICS
from featurestore.sql.dialects import RECORDS
from featurestore.sql.strategies import strategies_of
from featurestore.warehouse import ADAPTERS

REFERENCE = Path(__file__).parent / "reference"
MACROS = Path(__file__).parents[1] / "macros"
PROVEN = Path(__file__).parents[1] / "tests" / "engines" / "proven.json"
ABILITIES = ("training set", "as_known", "newest rows", "why", "macros", "whole project", "sync")
"""The abilities that a test may prove, in the order of the table."""
_MAIN_ENGINE = "duckdb"
_TABLE_BEGINS, _TABLE_ENDS = "<!-- generated -->\n", "<!-- end -->\n"

_CLI = "Commands write data to standard output, and messages to standard error."
_DURATIONS = (
    "`30 days`, `1 hour 30 minutes`, `500 milliseconds`, or dbt's own `{count: 30, period: day}`.\n"
    "A month or a year is refused, because its length varies."
)
_IGNORE = (
    "`featurestore validate` reports an unknown rule code under `ignore`.\n"
    "Such a code never stops training or serving."
)
_LINT = """\
`featurestore validate` reads the compiled SQL of every feature view and looks for leakage: values
that were not known yet at the row's event timestamp.
To run it, and to ignore a rule, see [how to validate features](../how-to/validate-features.md)."""
_LINT_EXAMPLES = """\
In the examples, the entity is the first column, the event timestamp is the column that ends in
`_at`, and all other columns are features.
A comment at the head of an example declares what the yml declares otherwise.
The project's tests run every example: the bad one breaks its own rule and no other, the good one
breaks none."""
_LINT_SCOPE = """\
The rules follow columns through CTEs, subqueries, unions and `select *`. They fire only where a
value reaches a feature or chooses the rows.
A column with `feature: false` is not checked.
If the columns of a table are not documented, the lint reports less, not more. Document the columns
of sources and staging models with their types, and it finds more."""
_LINT_BEHIND = """\
The lint also reads the models behind a view, and reports the file and line of the model. `ignore`
still belongs to the view.
{codes} apply to a model
whose rows the view passes on one by one. FS005 also applies where the view joins totals of a model
to earlier rows.
If a view aggregates or chooses the rows of a model, the lint does not read that model."""
_MACROS = (
    "To install the package and get started, see"
    " [how to use it as a dbt package](../how-to/use-as-a-dbt-package.md).\n"
    "Pass columns by name, as text; pass relations as `ref('...')`, or as the name of a CTE."
)
_TESTS = (
    "Add them under `data_tests:` of a model as `featurestore.<name>:` with their `arguments:`.\n"
    "A test with `column_name` goes under `data_tests:` of a column."
)
_REQUEST_TIME = """\
An on-demand feature is one SQL expression over the values of one row: features, request fields and
other on-demand features. A training set has the expression in its SQL. The online read computes the
same text. Both give the same value and the same type, because an expression has only forms of the
table below. Every other form is refused, with the nearest one that is allowed."""
_REQUEST_TIME_MEANING = """\
- The meaning is that of the project's warehouse. On {executed}, the tests run
  every form with pairs of edge values, and compare each value and each type with the warehouse's.
- The other dialects do not run in the tests. They have the forms on which the three agree, if the
  vendor's manual says the same.
- Redshift ignores blanks at the end of a text, so it has no comparison of text. ClickHouse has none
  of decimals.
- A function of NULL is NULL, unless the table says otherwise.
- NaN equals NaN, and is greater than every other number.
- An error of the warehouse, such as an overflow, is the status ERROR of the row. It is never a
  wrong value. A training set fails with the warehouse's own error.
- A date or a timestamp has a year from 1 to 9999. A result outside of them is an error.
- An integer is a `smallint`, an `integer` or a `bigint`. Cast other types first: a `real` to a
  `double`, a `tinyint` to an `integer`.
- A text literal is text. Write `timestamp '2024-02-29 10:00:00'` for an instant.
- A name with another case than that of the feature is found, unless it is quoted.
- Nothing depends on the time zone of a session: forms that would are refused."""


_METRICS = """\
`featurestore serve` answers `GET /metrics` in the text form of Prometheus. With `--workers` the
numbers are those of all workers together. Where the server knows tokens, it asks for one with
`operator: true`. [How to deploy the server](../how-to/deploy-the-server.md) has the alerts."""


def cli_page() -> str:
    """Return the page of the command line, from each command's own help."""
    group: Any = typer.main.get_command(app)
    parts = ["# The command line", _CLI, _exit_codes()]
    for name, command in group.commands.items():
        parts += [f"## featurestore {name}", *_help(command), _parameters(command)]
    return "\n\n".join(parts) + "\n"


def _exit_codes() -> str:
    rows = [f"| {code.value} | {meaning} |" for code, meaning in EXIT_CODE_MEANINGS.items()]
    return "\n".join(["| exit code | meaning |", "| --- | --- |", *rows])


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
        "A field under `request` is a type, or a mapping:",
        _table(REQUEST_KEYS),
        "A feature under `on_demand` is [an expression](request-time.md), or a mapping:",
        _table(ON_DEMAND_KEYS),
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


def lint_page() -> str:
    """Return the page of the lint's rules, from the rules themselves."""
    rows = [f"| {r.code} | {r.name} | {r.severity} | {r.message} |" for r in RULES.values()]
    table = ["| code | name | severity | message |", "| --- | --- | --- | --- |", *rows]
    parts = ["# The rules of the lint", _LINT, "\n".join(table), _LINT_EXAMPLES, _LINT_SCOPE]
    upstream = [code for code, rule in RULES.items() if rule.upstream]
    parts.append(_LINT_BEHIND.format(codes=f"{', '.join(upstream[:-1])} and {upstream[-1]}"))
    return "\n\n".join([*parts, *map(_lint_rule, RULES.values())]) + "\n"


def _lint_rule(rule: Rule) -> str:
    examples = [
        f"```sql\n-- {verdict}\n{sql.strip()}\n```"
        for verdict, sql in (("bad", rule.bad), ("good", rule.good))
    ]
    title = f"## {rule.code} {rule.name}"
    return "\n\n".join([title, rule.description.strip(), f"Remedy: {rule.remedy}", *examples])


def dialects_page() -> str:
    """Return the page of dialects; its table is that of the records, the connections and proofs."""
    page = (REFERENCE / "dialects.md").read_text(encoding="utf-8")
    before, _, rest = page.partition(_TABLE_BEGINS)
    _, _, after = rest.partition(_TABLE_ENDS)
    head = ["dialect", "shapes, the preferred one first", "connection", *ABILITIES]
    proven = json.loads(PROVEN.read_text(encoding="utf-8"))
    rows = [head, ["---"] * len(head), *(_dialect(name, proven) for name in RECORDS)]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return f"{before}{_TABLE_BEGINS}{table}{_TABLE_ENDS}{after}"


def _dialect(name: str, proven: Mapping[str, list[str]]) -> list[str]:
    """Return the row of a dialect; a cell is empty if no test executed it."""
    # `make test` itself runs on this engine.
    ran = ABILITIES if name == _MAIN_ENGINE else proven.get(name, ())
    kinds = {
        "ran": ran,
        "emulated": proven.get(f"{name} on fakesnow", ()),
        "translated": proven.get(f"{name} on duckdb", ()),
    }
    marks = [next((kind for kind, proofs in kinds.items() if a in proofs), "") for a in ABILITIES]
    shapes = ", ".join(f"`{strategy.name}`" for strategy in strategies_of(name))
    return [f"`{name}`", shapes, "yes" if name in ADAPTERS else "", *marks]


def request_time_page() -> str:
    """Return the page of request-time expressions, from the table that reads them."""
    meaning = _REQUEST_TIME_MEANING.format(executed=_joined_names(EXECUTED))
    casts = [f"| {source} | {target} | {note} |" for source, target, note in CASTS]
    refused = [
        f"| {', '.join(f'`{name}`' for name in names.split())} | {_sentence(f'It {reason}')}"
        f" {remedy} |"
        for names, (reason, remedy) in REFUSED.items()
    ]
    parts = [
        "# Request-time expressions",
        _REQUEST_TIME,
        "## Meaning",
        meaning,
        "## Forms",
        _rows("form | operands | dialects | result | notes", _form_rows()),
        "## Casts",
        _rows("from | to | notes", casts),
        "## Refused",
        "The names are those of sqlglot's syntax tree.",
        _rows("node | reason and remedy", refused),
    ]
    return "\n\n".join(parts) + "\n"


def metrics_page() -> str:
    """Return the page of the server's metrics, from their definitions."""
    rows = []
    for each in METRICS:
        labels = ", ".join(f"`{label}`" for label in each.labels)
        rows.append(f"| `{each.name}` | {each.kind} | {labels} | {each.meaning} | {each.remedy} |")
    head = "name | type | labels | meaning | what to do"
    return "\n\n".join(["# The metrics of the server", _METRICS, _rows(head, rows)]) + "\n"


def _rows(head: str, rows: list[str]) -> str:
    rule = " | ".join(["---"] * len(head.split(" | ")))
    return "\n".join([f"| {head} |", f"| {rule} |", *rows])


def _form_rows() -> list[str]:
    """Return a row for each form, with all operands that have the same meaning."""
    alike: dict[tuple[str, ...], list[Form]] = {}
    for form in FORMS:
        key = (form.written, _joined_dialects(form.dialects), form.gives, form.note)
        alike.setdefault(key, []).append(form)
    return [
        f"| `{written.replace('|', chr(92) + '|')}` | {_operands(forms)} | {dialects} | {gives}"
        f" | {note} |"
        for (written, dialects, gives, note), forms in alike.items()
    ]


def _operands(forms: list[Form]) -> str:
    listed = ("; ".join(dict.fromkeys(", ".join(form.takes) for form in forms))).split("; ")
    return "<br>".join(f"{types}, ..." if forms[0].repeats else types for types in listed)


def _joined_dialects(dialects: tuple[str, ...]) -> str:
    return "all" if set(dialects) == set(EVERY) else ", ".join(dialects)


def _joined_names(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:].rstrip('.')}."


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "dialects.md": dialects_page,
    "lint-rules.md": lint_page,
    "macros.md": macros_page,
    "meta.md": meta_page,
    "metrics.md": metrics_page,
    "request-time.md": request_time_page,
}


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")
        sys.stdout.write(f"docs/reference/{name}\n")


if __name__ == "__main__":
    main()
