"""Snapshots in the lint: as feature views themselves, and behind a model."""

from __future__ import annotations

import pytest

from tests.support.builders import PROJECT, column, model, tiny_project

SQL = "select id, plan, updated_at from db.customers"
NAMES = {"dbt_valid_from": "live_from", "dbt_valid_to": "live_to"}


def snapshot(features=(), config=None, **own):
    """Return a compiled snapshot that is a feature view, or with `meta={}` a plain snapshot."""
    return model(
        "snap",
        [column("id"), column("plan"), *features],
        config={"unique_key": "id", "strategy": "timestamp", **(config or {})},
        node={
            "resource_type": "snapshot",
            "unique_id": f"snapshot.{PROJECT}.snap",
            "relation_name": '"db"."snap"',
            "compiled_code": SQL,
            "raw_code": SQL,
        },
        **{"entities": {"c": "id"}, "event_timestamp": None, **own},
    )


def reading(sql, event="known_at", table="snap", kind="snapshot", name="plane_features", **own):
    """Return a compiled view that reads a snapshot, or another model."""
    node = {
        "compiled_code": sql,
        "raw_code": sql,
        "relation_name": f'"db"."{name}"',
        "depends_on": {"nodes": [f"{kind}.{PROJECT}.{table}"]},
    }
    columns = [column("id"), column(event), column("f")]
    config = {"unique_key": ["id", event]}
    declared = {"entities": {"c": "id"}, "event_timestamp": event, **own}
    return model(name, columns, node=node, config=config, **declared)


@pytest.fixture
def lint(tmp_path):
    def lint(*models):
        problems = tiny_project(tmp_path, models).lint().problems
        return sorted((problem.code, problem.resource) for problem in problems)

    return lint


BY_UPDATED_AT = {"updated_at": "updated_at"}


def test_a_snapshot_by_timestamp_is_advised_to_declare_a_delay(lint):
    assert lint(snapshot(config=BY_UPDATED_AT)) == [("FS011", "snap")]
    assert lint(snapshot(config={**BY_UPDATED_AT, "strategy": "check"})) == [("FS011", "snap")]
    assert lint(snapshot(config=BY_UPDATED_AT, available_after="1 day")) == []
    # The start is the instant of the run.
    assert lint(snapshot(config={"strategy": "check"})) == []


def test_the_columns_of_dbt_as_features_are_findings(lint):
    asked = [column(name, feature=True) for name in ("dbt_updated_at", "dbt_scd_id")]
    assert lint(snapshot(asked)) == [("FS012", "snap")]
    renamed = {"snapshot_meta_column_names": {"dbt_updated_at": "changed"}}
    assert lint(snapshot([column("changed", feature=True)], config=renamed)) == [("FS012", "snap")]


PLAIN = {"meta": {}, "config": {"snapshot_meta_column_names": NAMES, **BY_UPDATED_AT}}


@pytest.mark.parametrize(
    ("sql", "codes"),
    [
        ("select id, live_from as known_at, plan as f from db.snap", ["FS011"]),
        ("select id, live_from as known_at, live_to is null as f from db.snap", ["FS011", "FS012"]),
        ("select id, live_from + interval 1 day as known_at, live_to as f from db.snap", ["FS012"]),
        ("select id, live_to as known_at, live_to - live_from as f from db.snap", []),
    ],
)
@pytest.mark.parametrize("through", [False, True])
def test_a_model_that_reads_a_snapshot(lint, sql, codes, through):
    """The names are those of the snapshot's config; a model between changes nothing."""
    if not through:
        assert lint(snapshot(**PLAIN), reading(sql)) == [(c, "plane_features") for c in codes]
        return
    between = reading(sql, name="step", meta={})
    view = reading("select id, known_at, f from db.step", table="step", kind="model")
    found = lint(snapshot(**PLAIN), between, view)
    assert found == [(code, "plane_features") for code in codes]
