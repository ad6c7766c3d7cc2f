"""A warehouse or a profile that cannot be used: which, why, and what to do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from featurestore import FeatureStore
from featurestore.errors import (
    FeatureStoreError,
    ProfileError,
    RelationNotBuilt,
    UnsupportedDialect,
    WarehouseUnavailable,
)
from tests.support.builders import PLANES, ROW, model, tiny_project


@pytest.fixture
def store(tmp_path):
    """Return a store of one good view with a table of one row."""
    return tiny_project(tmp_path, [model()], {"plane_features": PLANES})


def said(error, kind, *parts):
    """Check that an error is of a class, exactly, and that its text has all parts."""
    assert kind is type(error.value)
    assert [] == [part for part in parts if part not in str(error.value)]
    assert "Traceback" not in str(error.value)


def test_no_warehouse_file(tmp_path):
    """A warehouse that was never built is named, and is a service that is not reachable."""
    store = tiny_project(tmp_path, [model()])
    with pytest.raises(FeatureStoreError) as error:
        store.get_historical_features(ROW, "plane_features:delay")

    said(error, WarehouseUnavailable, str(tmp_path / "warehouse.duckdb"), "dbt build")
    assert error.value.exit_code == 3


def test_a_warehouse_locked_by_another_process(store, tmp_path):
    """While dbt writes, a reader is told to wait, and for whom."""
    held = (
        "import duckdb, sys; held = duckdb.connect(sys.argv[1]);"
        " print('held', flush=True); sys.stdin.read()"
    )
    path = str(tmp_path / "warehouse.duckdb")
    writer = subprocess.Popen(
        [sys.executable, "-c", held, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with writer:
        assert writer.stdout.readline() == b"held\n"
        with pytest.raises(FeatureStoreError) as error:
            store.get_historical_features(ROW, "plane_features:delay")

    said(error, WarehouseUnavailable, path, "locked by another process", "Wait")
    assert error.value.exit_code == 3
    assert store.get_historical_features(ROW, "plane_features:delay").to_arrow().num_rows == 1


def test_a_warehouse_that_is_another_file(tmp_path):
    """The message names a file that is not a database."""
    store = tiny_project(tmp_path, [model()])
    (tmp_path / "warehouse.duckdb").write_text("tailnum,delay\n" * 1000, encoding="utf-8")
    with pytest.raises(FeatureStoreError) as error:
        store.get_historical_features(ROW, "plane_features:delay")

    said(error, WarehouseUnavailable, str(tmp_path / "warehouse.duckdb"))


def test_tables_that_are_not_built(tmp_path):
    """A view without its table names the table and the command that builds it."""
    store = tiny_project(tmp_path, [model()], {})
    with pytest.raises(FeatureStoreError) as error:
        store.get_historical_features(ROW, "plane_features:delay")

    said(error, RelationNotBuilt, '"main"."plane_features"', "dbt build --select plane_features")


def test_types_that_are_nowhere(tmp_path):
    """Types that yml does not give are the warehouse's, and there they must be."""
    untyped = model(columns=dict.fromkeys(("tailnum", "observed_at", "delay")))
    store = tiny_project(tmp_path, [untyped], {})
    with pytest.raises(FeatureStoreError) as error:
        store.get_historical_features(ROW, "plane_features:delay")

    said(error, RelationNotBuilt, "plane_features", "dbt build")


def _profiles(folder, text):
    (folder / "profiles.yml").write_text(text, encoding="utf-8")
    return FeatureStore(folder)


@pytest.mark.parametrize(
    ("text", "kind", "parts"),
    [
        ("other: {outputs: {}}", ProfileError, ("profile 'shop'", "Known: other")),
        ("shops: {outputs: {}}", ProfileError, ("'shop'", "Did you mean 'shops'?")),
        ("shop: {target: prod, outputs: {dev: {}}}", ProfileError, ("target 'prod'", "dev")),
        ("shop: [", ProfileError, ("Cannot read",)),
        ("- shop", ProfileError, ("not a mapping",)),
        ("shop: {target: dev, outputs: {dev: {path: x}}}", ProfileError, ("no 'type'",)),
        (
            "shop: {target: dev, outputs: {dev: {type: oracle, path: x}}}",
            UnsupportedDialect,
            ("'oracle'", "duckdb"),
        ),
        (
            "shop: {target: dev, outputs: {dev: {type: duckdb}}}",
            WarehouseUnavailable,
            ("in memory", "`path:`"),
        ),
        (
            "shop: {target: dev, outputs: {dev: {type: duckdb, path: \"{{ env_var('UNSET') }}\"}}}",
            ProfileError,
            ("'UNSET'", "not set"),
        ),
        (
            'shop: {target: dev, outputs: {dev: {type: duckdb, path: "{{ nothing }}"}}}',
            ProfileError,
            ("nothing", "profiles.yml"),
        ),
    ],
)
def test_profiles_that_cannot_be_used(store, tmp_path, text, kind, parts):
    """Settings that dbt could not connect with fail with the reason."""
    with pytest.raises(FeatureStoreError) as error:
        _profiles(tmp_path, text).warehouse()

    said(error, kind, *parts)


def test_no_project(tmp_path):
    """A folder without dbt_project.yml is not a project."""
    with pytest.raises(FeatureStoreError) as error:
        FeatureStore(tmp_path).registry  # noqa: B018, reading it is the act

    said(error, ProfileError, str(tmp_path / "dbt_project.yml"), "--project-dir")
