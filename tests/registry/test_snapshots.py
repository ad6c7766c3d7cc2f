"""A dbt snapshot as a feature view: its config gives the defaults, its bookkeeping stays out."""

from __future__ import annotations

import pytest

from featurestore.registry.definitions import Column, FeatureView
from featurestore.registry.warehouse_types import check_views
from tests.support.builders import Table, column, fill, model, problems, registry, view
from tests.support.scenarios import Bench

COLUMNS = {
    "customer_id": "bigint",
    "plan": "varchar",
    "dbt_valid_from": "timestamp",
    "dbt_valid_to": "timestamp",
    "dbt_updated_at": "timestamp",
    "dbt_scd_id": "varchar",
}


def snapshot(columns=COLUMNS, name="customers", config=None, **own):
    """Return a snapshot as dbt writes it, with no key of meta but its entities."""
    node = {"resource_type": "snapshot", "unique_id": f"snapshot.shop.{name}"}
    config = {"materialized": "snapshot", "unique_key": "customer_id", **(config or {})}
    declared = {"entities": {"customer": "customer_id"}, "event_timestamp": None, **own}
    return model(name, columns, config=config, node=node, **declared)


def of_snapshot(*arguments, **own) -> FeatureView:
    return registry(snapshot(*arguments, **own)).checked().view("customers")


def test_a_snapshot_needs_only_its_entities():
    found = of_snapshot()
    assert found.feature_names == ("plan",)
    assert found.event_timestamp.name == "dbt_valid_from"
    assert found.valid_until is not None
    assert found.valid_until.name == "dbt_valid_to"
    assert (found.no_end, found.is_deleted, found.created_timestamp) == ("", None, None)


def test_the_columns_of_dbt_need_no_documentation():
    found = of_snapshot({"customer_id": "bigint", "plan": "varchar"})
    assert [c.name for c in found.columns] == ["customer_id", "dbt_valid_from", "dbt_valid_to"]
    assert found.feature_names == ("plan",)


def test_the_config_of_the_snapshot_names_the_columns():
    renamed = {"dbt_valid_from": "starts", "dbt_valid_to": "ends", "dbt_scd_id": "row_id"}
    config = {
        "snapshot_meta_column_names": {**renamed, "dbt_updated_at": None},
        "dbt_valid_to_current": "cast('9999-12-31' as timestamp)",
        "hard_deletes": "new_record",
    }
    columns = {"customer_id": "bigint", "plan": "varchar", "starts": "timestamp", "row_id": "int"}
    found = of_snapshot(columns, config=config)
    assert found.feature_names == ("plan",)
    assert (found.event_timestamp.name, found.valid_until) == ("starts", Column("ends"))
    assert found.no_end == "cast('9999-12-31' as timestamp)"
    assert found.is_deleted == Column("dbt_is_deleted")


def test_meta_and_event_time_go_before_the_defaults():
    assert of_snapshot(config={"event_time": "dbt_updated_at"}).event_timestamp.name == (
        "dbt_updated_at"
    )
    columns = {**COLUMNS, "cancelled_at": "timestamp"}
    config = {"dbt_valid_to_current": "date '9999-12-31'"}
    found = of_snapshot(columns, config=config, valid_until="cancelled_at")
    # Another column does not hold the value that dbt writes for no end.
    assert found.valid_until is not None
    assert (found.valid_until.name, found.no_end) == (
        "cancelled_at",
        "",
    )
    assert found.feature_names == ("plan",)


def test_bookkeeping_is_a_feature_only_if_it_says_so():
    listed = [column("customer_id", "bigint"), column("plan", "varchar")]
    asked = column("dbt_scd_id", "varchar", feature=True)
    assert of_snapshot([*listed, asked]).feature_names == ("plan", "dbt_scd_id")


def test_a_documented_mark_of_deletions_keeps_its_meaning():
    """`hard_deletes` may change; the rows that record deletions stay in the table."""
    found = of_snapshot({**COLUMNS, "dbt_is_deleted": "varchar"})
    assert found.is_deleted is not None
    assert found.is_deleted.name == "dbt_is_deleted"


def test_any_model_may_declare_the_end_of_its_rows():
    columns = {
        "tailnum": "varchar",
        "observed_at": "timestamp",
        "ends_at": "date",
        "delay": "double",
    }
    found = view("plane_features", columns, valid_until="ends_at")
    assert found.feature_names == ("delay",)
    assert found.valid_until is not None
    assert found.valid_until.name == "ends_at"
    assert view().valid_until is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("end_at", "the valid_until 'end_at' is not a documented column. Did you mean 'ends_at'?"),
        (
            "delay",
            "the valid_until 'delay' is float64. Make it a timestamp or a date in the model.",
        ),
        (7, "valid_until is 7. Name a column."),
        ("observed_at", "valid_until and event_timestamp are both 'observed_at'"),
    ],
)
def test_a_wrong_end_is_a_problem(name, said):
    columns = {"tailnum": "varchar", "observed_at": "timestamp", "ends_at": "date"}
    found = problems(model(columns={**columns, "delay": "double"}, valid_until=name))
    assert any(said in problem for problem in found), found


def test_the_warehouse_checks_the_columns_of_the_validity():
    bench = Bench()
    table = {"customer_id": "bigint", "plan": "varchar", "dbt_valid_from": "timestamp"}
    fill(bench.connection, {"customers": Table({**table, "dbt_valid_to": "varchar"})})
    config = {"hard_deletes": "new_record"}
    declared = of_snapshot({"customer_id": "bigint", "plan": "varchar"}, config=config)
    said = [str(problem) for problem in check_views([declared], bench)]
    bench.connection.close()
    assert len(said) == 2
    assert any("'dbt_valid_to' is string, not a timestamp or a date" in text for text in said)
    assert any("'dbt_is_deleted' is declared, but the table" in text for text in said)
