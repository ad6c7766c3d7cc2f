"""Render the macros as text, for warehouses whose dbt adapter is not installed here.

Jinja renders them, with stand-ins for the names that dbt adds (`return`, `adapter`, `exceptions`,
`modules`). The engines that run here go through dbt itself.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

from jinja2 import Environment

MACROS = Path(__file__).parents[3] / "macros"
PARENTS = {"databricks": "spark"}
"""The adapter from which dbt lets another inherit its macros."""


class CompilationError(Exception):
    """What dbt raises for `exceptions.raise_compiler_error`."""


class _Returned(Exception):
    """Carries a macro's value out of it."""


class Macros:
    """The package's macros, as a warehouse's adapter would choose them.

    >>> Macros("bigquery")._double("x").strip()
    'cast(x as float64)'
    """

    def __init__(self, dialect):
        self._dialect = dialect
        text = "\n".join(path.read_text("utf-8") for path in sorted(MACROS.rglob("*.sql")))
        text = re.sub(r"{%-?\s*test (\w+)", r"{% macro test_\1", text).replace(
            "endtest", "endmacro"
        )
        # Jinja does not export names that start with an underscore; dbt prefixes them, too.
        text = re.sub(r"(?<=macro )(\w+)(?=\()", r"dbt_\1", text)
        template = Environment(extensions=["jinja2.ext.do"]).from_string(
            text,
            globals={
                "featurestore": self,
                "adapter": SimpleNamespace(dispatch=self._dispatch, quote=self._quote),
                "dbt": SimpleNamespace(current_timestamp=lambda: "current_timestamp"),
                "exceptions": SimpleNamespace(raise_compiler_error=_raise),
                "modules": SimpleNamespace(re=re),
                "execute": True,
                "return": _return,
            },
        )
        self._macros = vars(template.module)

    def __getattr__(self, name):
        macro = self._macros[f"dbt_{name}"]

        def call(*arguments, **options):
            try:
                return str(macro(*arguments, **options))
            except _Returned as returned:
                return returned.args[0]

        return call

    def call(self, name, *arguments):
        """Render a macro by its name, such as one of the package's own."""
        return getattr(self, name)(*arguments)

    def _dispatch(self, name, namespace):
        assert namespace == "featurestore"
        for prefix in (self._dialect, PARENTS.get(self._dialect), "default"):
            if f"dbt_{prefix}__{name}" in self._macros:
                return getattr(self, f"{prefix}__{name}")
        raise AssertionError(f"no {name} for {self._dialect}")

    def _quote(self, name):
        return f"`{name}`" if self._dialect in ("bigquery", "databricks") else f'"{name}"'


def _return(value):
    raise _Returned(value)


def _raise(message):
    raise CompilationError(message)
