"""The identity of the one who publishes a project: from which warehouse, and for which target."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Self

from featurestore.project.target_names import TargetNames
from featurestore.values.dbt_profile import Profile
from featurestore.warehouse.duckdb_file import MEMORY, absolute_path

__all__ = ["Identity"]

_HOST_KEYS = ("account", "host", "server", "project")
"""The settings that name a warehouse's server or account, in the profiles of all adapters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who publishes a project. Two are the same if all fields are.

    Attributes:
        project: The dbt project.
        target: The target of the dbt profile.
        adapter: dbt's adapter type, such as `duckdb`.
        host: The server or account of the warehouse; for DuckDB a random id kept in the database.
        database: The database that dbt builds in; empty if the profile does not name it.
        schema: The schema that dbt builds in; empty if the profile does not name it.
    """

    project: str
    target: str
    adapter: str
    host: str
    database: str
    schema: str

    @classmethod
    def of(cls, project: str, profile: Profile, database_id: str) -> Self:
        """Return the identity of a project that is published with a profile.

        Args:
            project: The dbt project.
            profile: The target.
            database_id: The random id that a DuckDB database keeps; empty if its ledger is
                elsewhere, and then its path counts.
        """
        names = TargetNames.of(profile)
        return cls(
            project=project,
            target=profile.target,
            adapter=profile.adapter,
            host=_file(profile, database_id) if profile.adapter == "duckdb" else _host(profile),
            database=names.folded(names.database or ""),
            schema=names.folded(names.schema or ""),
        )

    @classmethod
    def from_fields(cls, found: dict[str, str]) -> Self:
        """Return the identity with these fields; a missing one is empty."""
        return cls(**{field.name: found.get(field.name, "") for field in fields(cls)})

    def to_fields(self) -> dict[str, str]:
        """Return the fields by name."""
        return asdict(self)

    def __str__(self) -> str:
        place = ".".join(name for name in (self.database, self.schema) if name)
        return (
            f"project '{self.project}', target '{self.target}',"
            f" {place or 'no named schema'} in {self.adapter} {self.host}"
        )


def _file(profile: Profile, database_id: str) -> str:
    path = str(profile.settings.get("path") or MEMORY)
    return database_id or absolute_path(path, profile.folder)


def _host(profile: Profile) -> str:
    named = (str(profile.settings[key]) for key in _HOST_KEYS if profile.settings.get(key))
    # A setting that names a port too: two servers of one machine are two.
    port = profile.settings.get("port")
    return f"{next(named, '')}:{port}" if port else next(named, "")
