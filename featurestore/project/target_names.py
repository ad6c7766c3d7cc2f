"""The database and the schema that dbt builds in for one target, per adapter.

A name is None where dbt decides it otherwise: no comparison is better than a false alarm.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from featurestore.values.dbt_profile import Profile

__all__ = ["TargetNames"]

_DATABASE_KEYS = {
    "bigquery": ("project", "database"),
    "databricks": ("catalog", "database"),
    "spark": (),
}
_ANY_DATABASE = ("dbname", "database")
_SCHEMA_KEYS = {"bigquery": ("dataset", "schema"), "trino": ("schema",)}
_FOLDING = ("databricks", "duckdb", "snowflake", "spark")


@dataclass(frozen=True, slots=True)
class TargetNames:
    """The names that a target gives to every table without a database or schema of its own.

    Attributes:
        database: The database, project or catalog; None if the profile does not name it.
        schema: The schema or dataset; None if the profile does not name it.
        folds: Whether the warehouse takes `Prod` and `prod` for one name.
    """

    database: str | None
    schema: str | None
    folds: bool = False

    @classmethod
    def of(cls, profile: Profile) -> TargetNames:
        """Return the names of a target.

        >>> TargetNames.of(Profile("shop", "dev", "duckdb", {"path": "data/shop.duckdb"}))
        TargetNames(database='shop', schema='main', folds=True)
        """
        adapter = profile.adapter
        schema = _first(profile, _SCHEMA_KEYS.get(adapter, ("schema",)))
        database = _first(profile, _DATABASE_KEYS.get(adapter, _ANY_DATABASE))
        if adapter == "duckdb":
            database, schema = database or _duckdb_database(profile), schema or "main"
        return cls(database, schema, adapter in _FOLDING)

    def folded(self, name: str) -> str:
        """Return a name in the form in which two spellings of it are equal."""
        return name.casefold() if self.folds else name


def _first(profile: Profile, keys: tuple[str, ...]) -> str | None:
    found = [profile.settings[key] for key in keys if profile.settings.get(key)]
    return str(found[0]) if found else None


def _duckdb_database(profile: Profile) -> str | None:
    """Return the stem of the file; versions of dbt-duckdb differ in files with several dots."""
    path = str(profile.settings.get("path") or "")
    name = PurePath(path).name
    if ":" in path or name.count(".") > 1 or name.startswith("."):
        return None
    return name.partition(".")[0] or None
