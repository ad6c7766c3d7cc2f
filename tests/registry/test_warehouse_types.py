"""What dbt declares, held against what the warehouse has."""

from __future__ import annotations

import pytest

from featurestore.errors import DefinitionProblems, RelationNotBuilt
from featurestore.registry.warehouse_types import check_views, with_types
from tests.support.builders import COLUMNS, PLANES, fill, model, registry, tiny_project
from tests.support.scenarios import Bench


@pytest.fixture(scope="module")
def bench():
    """Return a warehouse in memory."""
    bench = Bench()
    yield bench
    bench.connection.close()


def declared(columns=COLUMNS, **own):
    """Return a view as it is declared."""
    return registry(model(columns=columns, **own)).checked().view("plane_features")


def test_types_come_from_the_warehouse(bench):
    """A type that no yml gives is read from the table."""
    fill(bench.connection, {"plane_features": PLANES})
    found = with_types(declared(dict.fromkeys(COLUMNS)), bench)

    assert ["string", "timestamp"] == [str(column.data_type) for column in found.columns]
    assert ["float64"] == [str(feature.data_type) for feature in found.features]


def test_the_table_is_more_exact_than_the_yml(bench):
    """Within a family the table's own type is taken: text in yml says less than a catalog."""
    fill(bench.connection, {"plane_features": PLANES})
    found = with_types(declared({**COLUMNS, "delay": "float"}), bench)

    assert ["float64"] == [str(feature.data_type) for feature in found.features]


@pytest.mark.parametrize(
    ("columns", "own", "message"),
    [
        ({**COLUMNS, "delay": "varchar"}, {}, "'delay' is declared as string"),
        ({**COLUMNS, "tailnum": "bigint"}, {}, "'tailnum' is declared as int64"),
        ({**COLUMNS, "dely": "double"}, {}, "Did you mean 'delay'?"),
        (
            {"tailnum": None, "observed_at": None, "delay": None},
            {"event_timestamp": "delay"},
            "'delay' is float64, not a timestamp or a date",
        ),
        (
            {"tailnum": None, "observed_at": None, "delay": None},
            {"created_timestamp": "delay"},
            "'delay' is float64, not a timestamp or a date",
        ),
    ],
)
def test_what_differs_is_a_problem(bench, columns, own, message):
    """A column that is missing or of another type names the file, the view and the column."""
    fill(bench.connection, {"plane_features": PLANES})
    view = registry(model(columns=columns, **own)).feature_views["plane_features"]
    with pytest.raises(DefinitionProblems) as error:
        with_types(view, bench)

    assert message in str(error.value)
    assert [problem for problem in error.value.problems if message in str(problem)] == [
        problem for problem in check_views([view], bench) if message in str(problem)
    ]
    assert {"models/plane_features.yml"} == {problem.path for problem in error.value.problems}


def test_a_table_that_is_not_built(bench):
    """Checking collects what asking raises: the table is not there."""
    view = registry(model("unbuilt_features")).checked().view("unbuilt_features")
    with pytest.raises(RelationNotBuilt, match="dbt build --select unbuilt_features"):
        with_types(view, bench)

    assert ["unbuilt_features"] == [problem.resource for problem in check_views([view], bench)]


def test_validate_joins_both_kinds_of_problems(tmp_path):
    """`validate` lists what the manifest and what the warehouse say, sorted by file."""
    models = [model("b_features", ttl="soon"), model("a_features", {**COLUMNS, "seats": "integer"})]
    store = tiny_project(tmp_path, models, {"a_features": PLANES, "b_features": PLANES})

    assert ["a_features", "b_features"] == [problem.resource for problem in store.validate()]
    assert ["b_features"] == [problem.resource for problem in store.validate(connect=False)]
    assert [] == tiny_project(tmp_path, models[1:], {"a_features": PLANES}).validate(connect=False)
