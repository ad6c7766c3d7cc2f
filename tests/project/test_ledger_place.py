"""Where the ledger of a sync is, by `vars: featurestore: state:`."""

from __future__ import annotations

import json

import pytest

from featurestore.errors import ProfileError, UnsupportedDialect
from featurestore.project.ledger_place import LedgerPlace, chosen_ledger_place
from featurestore.project.profile import load_project
from featurestore.values.missing import Missing

CANNOT = Missing("it keeps no ledger")


@pytest.fixture
def place(tmp_path):
    """Return a function of the settings, and of the abilities of the warehouse."""

    def chosen(own, missing=CANNOT, target="prod", name="shop", **ways):
        settings = {"name": "shop", "profile": "shop", "vars": {"featurestore": own}}
        (tmp_path / "dbt_project.yml").write_text(json.dumps(settings), encoding="utf-8")
        project = load_project(tmp_path)
        return chosen_ledger_place(
            project,
            target=target,
            name=name,
            schema="features",
            missing=missing,
            **{"inside": False, **ways},
        )

    return chosen


def test_the_default_is_the_warehouse_for_some_and_a_file_for_others(place, tmp_path):
    """Target and namespace name the file, and cannot lead out of its folder."""
    folder = tmp_path / ".featurestore"

    assert LedgerPlace(schema="features") == place({}, missing=None, inside=True)
    assert place({}) == place({}, missing=None)
    assert LedgerPlace(folder / "prod" / "shop.duckdb") == place({})
    assert folder / "%2E%2E" / "a%2Fb.duckdb" == place({}, target="..", name="a/b").file


def test_a_path_may_be_relative_absolute_or_of_the_environment(place, tmp_path, monkeypatch):
    """A relative one begins at dbt_project.yml."""
    monkeypatch.setenv("FEATURESTORE_STATE", "/var/lib/featurestore/shop.duckdb")
    variable = {"state": "{{ env_var('FEATURESTORE_STATE') }}"}

    assert tmp_path / "state" / "a.duckdb" == place({"state": "state/a.duckdb"}).file
    assert "/var/lib/featurestore/shop.duckdb" == str(place(variable, missing=None, inside=True))
    monkeypatch.delenv("FEATURESTORE_STATE")
    with pytest.raises(ProfileError, match="FEATURESTORE_STATE"):
        place(variable)


def test_the_warehouse_may_be_asked_for(place):
    """With a schema of its own; a warehouse that cannot keep it is refused."""
    own = {"state": "warehouse", "state_schema": "sync"}

    assert "the schema sync of the warehouse" == str(place(own, missing=None))
    with pytest.raises(UnsupportedDialect, match="it keeps no ledger"):
        place(own)


def test_syncs_by_spark_may_have_a_schema_of_their_own(place):
    """Other syncs keep their file; elsewhere the schema needs the warehouse."""
    found = place({"state_schema": "sync"}, by_spark=True)

    assert (".duckdb", "sync") == (found.file.suffix, found.schema)
    with pytest.raises(ProfileError, match="needs `state: warehouse`"):
        place({"state_schema": "sync"})
