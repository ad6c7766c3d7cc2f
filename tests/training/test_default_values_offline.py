"""Declared defaults wherever a training set is explained, recorded or written."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from featurestore.cli.app import app
from tests.support.builders import Table, column, model, tiny_project

COLUMNS = {"tailnum": "varchar", "observed_at": "timestamp", "seats": "integer", "delay": "double"}
ROWS = [
    ("N1", "2024-03-01 10:00", 100, 1.5),
    ("N2", "2024-03-01 10:00", None, None),
    ("N3", "2024-02-01 10:00", 300, 3.5),
]
ENTITIES = {"tailnum": "varchar", "event_timestamp": "timestamp"}
ASKED = [(name, "2024-03-01 12:00") for name in ("N1", "N2", "N3", "N4")]
NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
SEATS = "plane_features:seats"


def project(folder, default=7):
    """Write a project with a default for `seats`, and open it."""
    columns = [
        column(name, data_type, **({"default": default} if name == "seats" else {}))
        for name, data_type in COLUMNS.items()
    ]
    return tiny_project(
        folder,
        [model(columns=columns, ttl="2 days")],
        {"plane_features": Table(COLUMNS, ROWS), "entities": Table(ENTITIES, ASKED)},
    )


@pytest.fixture
def store(tmp_path):
    """Return a store with a default for `seats`."""
    return project(tmp_path)


def run(store, *arguments):
    return CliRunner().invoke(app, [*arguments, "--project-dir", str(store.project.folder)])


@pytest.mark.parametrize(
    ("plane", "expected"),
    [
        ("N1", [(100, "chosen")]),
        ("N2", [(7, "default"), (None, "chosen")]),
        ("N3", [(7, "default"), (300, "older than the ttl")]),
        ("N4", [(7, "default")]),
    ],
)
def test_why_shows_the_default_where_it_is_the_value(store, plane, expected):
    """The row comes before the others, in the type of the feature, and has no timestamp."""
    found = store.why(SEATS, {"tailnum": plane}, NOON)

    assert expected == [(row["value"], row["verdict"]) for row in found.to_pylist()]
    assert "int32" == str(found.schema.field("value").type)


@pytest.mark.parametrize(
    ("plane", "sentence"),
    [
        ("N2", "The chosen row has NULL, so the value is the default 7."),
        ("N3", "No row is valid at that instant, so the value is the default 7."),
        ("N4", "The view has no row for tailnum=N4, so the value is the default 7."),
    ],
)
def test_the_command_says_why_the_default_is_the_value(store, plane, sentence):
    """One sentence names the default and its reason."""
    asked = ["-k", f"tailnum={plane}", "--at", "2024-03-01T12:00"]
    found = run(store, "why", SEATS, *asked)

    assert sentence in " ".join(found.stderr.split())


def test_a_card_records_the_defaults_and_notices_their_change(store, tmp_path):
    """The card names each default; another one is another definition."""
    job = store.get_historical_features("entities", ["plane_features:*"])
    job.to_parquet(tmp_path / "training.parquet")
    card = json.loads((tmp_path / "training.card.json").read_text("utf-8"))

    assert {"seats": 7} == card["views"][0]["defaults"]
    assert [] == store.check_training_set(tmp_path / "training.card.json")
    changed = project(tmp_path, 8)
    assert ["The definition of 'plane_features' changed."] == changed.check_training_set(
        tmp_path / "training.card.json"
    )


def test_explain_counts_as_without_a_default_and_names_it(store):
    """A default is not a match: the counts show the rows that were found."""
    (report,) = store.get_historical_features("entities", [SEATS]).explain()

    assert (2, 1, 1) == (report.matched, report.expired, report.missing)
    assert {"seats": 7} == report.defaults


def test_a_dbt_model_fills_and_describes(store, tmp_path):
    """The statement has the default, and the yml says so."""
    job = store.get_historical_features("entities", [SEATS])
    job.to_dbt_model("models/training.sql")
    sql = (store.project.folder / "models/training.sql").read_text("utf-8")
    yml = (store.project.folder / "models/training.yml").read_text("utf-8")

    assert "COALESCE(plane_features.seats, CAST(7 AS INT)) AS seats" in sql
    assert "NULL and missing values are 7." in yml


def test_list_and_show_have_the_default(store):
    """As a value in JSON."""
    asked = (["list", "features"], ["show", "plane_features"], ["show", SEATS])
    listed, view, feature = (
        json.loads(run(store, *arguments, "--format", "json").stdout) for arguments in asked
    )

    assert [7, None] == [row["default"] for row in listed]
    assert [7, None] == [row["default"] for row in view["features"]]
    assert 7 == feature["default"]


def test_validate_checks_a_default_with_the_column(store, tmp_path):
    """With a declared type, and with the warehouse's where none is declared."""
    declared = [*map(str, project(tmp_path, 2**40).validate(connect=False, lint=False))]
    columns = [column(n, None, **({"default": "x"} if n == "seats" else {})) for n in COLUMNS]
    other = tiny_project(tmp_path, [model(columns=columns)], {})
    found = [*map(str, other.validate(lint=False))]

    assert any("default 1099511627776 does not fit, because it must be an" in p for p in declared)
    assert any("column 'seats' is int32: the default 'x' does not fit" in p for p in found)
