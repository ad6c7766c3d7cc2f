"""Where the sync keeps its ledger: beside the job, or in the warehouse.

dbt_project.yml chooses:

    vars:
      featurestore:
        state: warehouse            # or the path of a file; see `chosen_ledger_place`
        state_schema: featurestore  # with `state: warehouse`, by default the schema dbt builds in
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from featurestore.errors import ProfileError, UnsupportedDialect
from featurestore.project.own_vars import own_vars
from featurestore.project.profile import Project, render_text
from featurestore.values.missing import Missing

__all__ = ["LedgerPlace", "chosen_ledger_place"]

_KEY, _SCHEMA_KEY = "state", "state_schema"
_IN_WAREHOUSE = "warehouse"
_EXAMPLE = "Write `vars: {featurestore: {state: warehouse}}`, or the path of a file."


@dataclass(frozen=True, slots=True)
class LedgerPlace:
    """The place of a project's ledger.

    Attributes:
        file: The DuckDB file of a ledger beside the job; None if it is in the warehouse.
        schema: The schema of a ledger in the warehouse; with a file, that of syncs by Spark.
    """

    file: Path | None = None
    schema: str = ""

    def __str__(self) -> str:
        return f"the schema {self.schema} of the warehouse" if self.file is None else str(self.file)


def chosen_ledger_place(
    project: Project,
    *,
    target: str,
    name: str,
    schema: str,
    missing: Missing | None,
    inside: bool,
    by_spark: bool = False,
) -> LedgerPlace:
    """Return where a project's ledger is.

    Args:
        project: The dbt project.
        target: The target of the dbt profile.
        name: The project, as its keys in Redis name it.
        schema: The schema that dbt builds in.
        missing: Why the warehouse cannot keep the ledger; None if it can.
        inside: Whether the warehouse keeps it by default. The default of every other is a file
            `.featurestore/<target>/<name>.duckdb` beside dbt_project.yml: not in `target/`, which
            `dbt clean` deletes.
        by_spark: Whether Spark may keep a ledger of its own in the schema, for its own syncs.

    Raises:
        ProfileError: `state` or `state_schema` is not a text, or does not fit.
        UnsupportedDialect: The warehouse cannot keep the ledger.
    """
    own = own_vars(project.folder)
    state, own_schema = (_text(project, own, key) for key in (_KEY, _SCHEMA_KEY))
    if state == _IN_WAREHOUSE and missing is not None:
        raise UnsupportedDialect(
            f"The ledger of the sync cannot be in this warehouse ({missing}).",
            remedy=f"Leave out `{_KEY}` in {project.file}: the ledger is then a file of its own.",
        )
    if state == _IN_WAREHOUSE or (not state and inside):
        return LedgerPlace(schema=own_schema or schema)
    if own_schema and not by_spark:
        raise ProfileError(
            f"{_SCHEMA_KEY} in {project.file} needs `{_KEY}: {_IN_WAREHOUSE}`.", remedy=_EXAMPLE
        )
    default = Path(".featurestore") / _safe(target) / f"{_safe(name)}.duckdb"
    file = project.folder / (Path(state).expanduser() if state else default)
    return LedgerPlace(file, own_schema)


def _text(project: Project, own: object, key: str) -> str:
    given = own.get(key) if isinstance(own, dict) else None
    if given is None:
        return ""
    if not isinstance(given, str) or not given.strip():
        raise ProfileError(f"{key} in {project.file} is {given!r}, not a text.", remedy=_EXAMPLE)
    return render_text(given, project.file).strip()


def _safe(name: str) -> str:
    """Return a name as a part of a path."""
    return quote(name, safe=" ") if name not in (".", "..") else name.replace(".", "%2E")
