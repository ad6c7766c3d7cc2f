"""A declared type that is not in the table of spellings: the warehouse's own type counts."""

from __future__ import annotations

import pytest

from featurestore.cli import main
from featurestore.errors import DefinitionProblems
from featurestore.registry.definitions import FeatureRef
from tests.support.builders import (
    COLUMNS,
    PLANES,
    ROW,
    column,
    model,
    problems,
    registry,
    tiny_project,
)

SPELLINGS = [
    ("snowflake", "array"),
    ("snowflake", "geography"),
    ("redshift", "super"),
    ("postgres", "vector(3)"),
    ("postgres", "interval"),
    ("postgres", "inet"),
    ("postgres", "hstore"),
    ("postgres", "xml"),
    ("trino", "uint256"),
    ("postgres", "inet[]"),
]
TRIPS = "select 'N1' as tailnum, timestamp '2024-02-01' as observed_at, interval 2 day as lasted"


@pytest.mark.parametrize(("adapter", "spelling"), SPELLINGS)
def test_it_is_not_an_error(adapter, spelling):
    """A feature keeps its spelling; a column that is not a feature is not read."""
    columns = [
        *(column(name, kind) for name, kind in COLUMNS.items()),
        column("own", spelling),
        column("left_out", spelling, feature=False),
    ]
    found = registry(model(columns=columns), adapter=adapter).checked()

    assert spelling == str(found.feature(FeatureRef("plane_features", "own")).data_type)


def test_a_key_of_such_a_type_is_as_the_warehouse_has_it():
    """Postgres' `citext` is a text; its name alone does not say so."""
    columns = {**COLUMNS, "tailnum": "citext", "observed_at": "abstime"}
    view = registry(model(columns=columns), adapter="postgres").checked().view("plane_features")

    assert [None] == [key.data_type for key in view.join_keys]
    assert view.event_timestamp.data_type is None


def test_a_known_type_is_still_checked():
    """A list of texts does not identify an entity."""
    assert problems(model(columns={**COLUMNS, "tailnum": "varchar[]"}))


def test_the_other_views_go_on(tmp_path, redis_server, redis_client, monkeypatch, capsys):
    """The view itself can be trained on, and says why it cannot be published."""
    columns = [
        *(column(name, kind) for name, kind in COLUMNS.items() if name != "delay"),
        column("lasted", "interval day to second"),
    ]
    models = [model(), model("trips", columns)]
    store = tiny_project(tmp_path, models, {"plane_features": PLANES, "trips": TRIPS})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEATURESTORE_REDIS_URL", redis_server)
    monkeypatch.setenv("FEATURESTORE_NOW", "2024-03-01")
    manifest = str(tmp_path / "target" / "manifest.json")

    for command in (
        ["list"],
        ["list", "features"],
        ["show", "trips"],
        ["sql", ROW, "-f", "plane_features:delay"],
        ["train", ROW, "-f", "plane_features:delay"],
        ["sync", "--view", "plane_features"],
        ["get", "-f", "plane_features:delay", "-e", "tailnum=N1"],
        ["docs"],
        ["diff", "--state", manifest],
    ):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert not ended.value.code, (command, capsys.readouterr().err)
    assert "interval day to second" in _output(capsys, "show", "trips")
    got = _output(capsys, "get", "-f", "plane_features:delay", "-e", "tailnum=N1")
    assert "1.5" in got
    with pytest.raises(DefinitionProblems, match="column 'lasted' is INTERVAL"):
        store.get_historical_features(entity_df=ROW, features=["trips:lasted"]).to_arrow()


def _output(capsys, *arguments):
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(list(arguments))
    return capsys.readouterr().out
