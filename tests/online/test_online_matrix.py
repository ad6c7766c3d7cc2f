"""The features of a response as a matrix of numbers, read from a real server."""

from __future__ import annotations

import sys
from datetime import timedelta

import numpy as np
import pytest

from featurestore.errors import EntityFrameError, FeatureStoreError, MissingExtra, UnknownFeature
from tests.support.builders import Table, model, service
from tests.support.online_project import NOW, Shop

EVENT = NOW - timedelta(hours=1)
KEYS = {"tailnum": "varchar", "observed_at": "timestamp"}
NUMBERS = {
    "active": "boolean",
    "seats": "integer",
    "flights": "bigint",
    "most": "ubigint",
    "delay": "double",
    "load": "float",
    "share": "decimal(9,4)",
}
ROWS = [
    ("N1", EVENT, True, 100, -7, 2**64 - 1, 1.5, 0.25, "0.1250"),
    ("N2", EVENT, False, None, 2**53 + 1, 0, float("nan"), None, None),
]
WORDS = {"carrier": "varchar", "seen": "date", "tags": "varchar[]", "n": "integer"}
WORD_ROWS = [("N1", EVENT, "UA", "2024-02-29", ["a"], 3)]


@pytest.fixture
def store(tmp_path, redis_client, redis_server):
    """Return a store with a view of numbers and one with other types, published."""
    return Shop(tmp_path / "shop", redis_server).publish(
        [
            model("numbers", {**KEYS, **NUMBERS}, ttl="2 hours"),
            model("words", {**KEYS, **WORDS}),
        ],
        {"numbers": Table({**KEYS, **NUMBERS}, ROWS), "words": Table({**KEYS, **WORDS}, WORD_ROWS)},
        exposures=[service("mixed", ["words:n", "numbers:delay", "numbers:active"])],
    )


def test_each_kind_of_number_is_a_float(store):
    """Booleans are 0 and 1, integers and decimals the nearest float, and NULL is NaN."""
    matrix = store.get_online_features("numbers:*", {"tailnum": ["N1", "N2"]}).to_matrix()

    nan = float("nan")
    expected = [
        [1.0, 100.0, -7.0, 2.0**64, 1.5, 0.25, 0.125],
        [0.0, nan, 2.0**53, 0.0, nan, nan, nan],
    ]
    assert np.float64 == matrix.dtype
    np.testing.assert_array_equal(np.array(expected), matrix)


def test_a_missing_row_is_nan(store):
    """An entity that is not found, a NULL key and an expired row have no numbers."""
    asked = {"tailnum": ["N9", "N1", None]}
    found = store.get_online_features(["numbers:active", "numbers:seats"], asked).to_matrix()
    both = store.get_online_features(["words:n", "numbers:seats"], asked).to_matrix()

    nan = float("nan")
    np.testing.assert_array_equal([[nan, nan], [1.0, 100.0], [nan, nan]], found)
    np.testing.assert_array_equal([[nan, nan], [3.0, 100.0], [nan, nan]], both)


def test_an_expired_row_is_nan(tmp_path, store, redis_server):
    """What is older than its ttl is missing; a view without one keeps its numbers."""
    later = Shop(tmp_path / "shop", redis_server).open(NOW + timedelta(hours=3))

    matrix = later.get_online_features(["words:n", "numbers:seats"], {"tailnum": ["N1"]})

    np.testing.assert_array_equal([[3.0, float("nan")]], matrix.to_matrix())


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        ({"features": ["numbers:seats", "numbers:active"]}, ("seats", "active")),
        ({"features": ["words:n", "numbers:seats"]}, ("n", "seats")),
        ({"feature_service": "mixed"}, ("n", "delay", "active")),
        (
            {"features": ["words:n", "numbers:load"], "full_feature_names": True},
            ("words__n", "numbers__load"),
        ),
    ],
    ids=["features", "two views", "service", "full names"],
)
def test_the_columns_are_those_of_a_training_set(store, request_, names):
    """A model that was fitted on a training set finds its columns in the same order."""
    response = store.get_online_features(entity_rows={"tailnum": ["N1"]}, **request_)
    entities = "SELECT 'N1' AS tailnum, TIMESTAMP '2024-03-10 12:00' AS event_timestamp"
    training = store.get_historical_features(entities, **request_).to_df()

    assert names == response.feature_names
    assert [*names] == [*training.columns[2:]]
    np.testing.assert_array_equal(training[[*names]].astype(float), response.to_matrix())


def test_columns_choose_and_order(store):
    """`columns` takes what a model was fitted on, in its order, and leaves the others alone."""
    response = store.get_online_features(["words:*", "numbers:seats"], {"tailnum": ["N1"]})

    np.testing.assert_array_equal([[100.0, 3.0]], response.to_matrix(np.array(["seats", "n"])))
    assert (1, 0) == response.to_matrix([]).shape


def test_no_entity_rows_are_no_rows(store):
    """Without entity rows the matrix is empty, and as wide as ever."""
    response = store.get_online_features(["numbers:seats", "numbers:delay"], [])

    assert (0, 2) == response.to_matrix().shape


def test_a_feature_that_is_not_published_yet_is_nan(tmp_path, store, redis_server):
    """A registry ahead of the data gives a column without values, not an error."""
    shop = Shop(tmp_path / "shop", redis_server)
    shop.write([model("numbers", {**KEYS, **NUMBERS, "new": "double"})], {})

    response = shop.open().get_online_features(
        ["numbers:new", "numbers:seats"], {"tailnum": ["N1"]}
    )

    np.testing.assert_array_equal([[float("nan"), 100.0]], response.to_matrix())


def test_a_feature_that_is_no_number_is_refused(store):
    """The error names every such feature with its type, and says what to do."""
    response = store.get_online_features(["words:*", "numbers:seats"], {"tailnum": ["N1"]})

    with pytest.raises(FeatureStoreError) as error:
        response.to_matrix()

    assert (
        "A matrix holds only numbers, not 'carrier' (string), 'seen' (date), 'tags' (list<string>)."
        " Leave such features out of the request, or encode them in the model."
    ) == str(error.value)


def test_an_unknown_column_is_refused(store):
    """A name that the response does not have is an error with a suggestion."""
    response = store.get_online_features(["numbers:seats"], {"tailnum": ["N1"]})

    with pytest.raises(UnknownFeature, match="'seat' in the response"):
        response.to_matrix(["seat"])


def test_without_numpy_the_extra_is_named(store, monkeypatch):
    """Where numpy is not installed, the error says how to install it."""
    response = store.get_online_features(["numbers:seats"], {"tailnum": ["N1"]})
    monkeypatch.setitem(sys.modules, "numpy", None)

    with pytest.raises(MissingExtra, match=r"to_matrix\(\) needs the package 'numpy'"):
        response.to_matrix()


async def test_an_asynchronous_read_has_a_matrix_too(store):
    """Both ways of reading give one response."""
    asked = {"tailnum": ["N1", "N2"]}
    response = await store.get_online_features_async(["numbers:*"], asked)

    np.testing.assert_array_equal(
        store.get_online_features(["numbers:*"], asked).to_matrix(), response.to_matrix()
    )
    await store.aclose()


KEYED = {"id": "ubigint", "observed_at": "timestamp", "n": "integer"}
LARGE = 2**64 - 1


@pytest.fixture
def keyed(tmp_path, redis_client, redis_server):
    """Return a store whose key is an unsigned integer of 64 bits."""
    rows = Table(KEYED, [(LARGE, EVENT, 1), (7, EVENT, 2)])
    declared = model("numbers", KEYED, entities={"thing": "id"})
    return Shop(tmp_path / "shop", redis_server).publish([declared], {"numbers": rows})


@pytest.mark.parametrize(
    ("ids", "kind"),
    [
        ([7, None], "int64"),
        ([LARGE, 7, None], "uint64"),
        ([np.uint64(LARGE), 7], "uint64"),
        ([LARGE], "uint64"),
    ],
)
def test_an_unsigned_key_keeps_its_value(keyed, ids, kind):
    """Beyond what int64 holds the column is uint64, and the features stand beside it."""
    table = keyed.get_online_features("numbers:n", {"id": ids}).to_arrow()

    assert kind == str(table.schema.field("id").type)
    assert ids == table.column("id").to_pylist()
    assert [{LARGE: 1, 7: 2}.get(key) for key in ids] == table.column("n").to_pylist()


@pytest.mark.parametrize("values", [[LARGE, -1], [-1, None, LARGE], [2**64, np.int64(-3)]])
def test_integers_that_no_integer_type_holds_are_decimals(keyed, values):
    """A column beside the keys may have them: none is rounded."""
    asked = {"id": [7] * len(values), "beside": values}
    table = keyed.get_online_features("numbers:n", asked).to_arrow()

    assert "decimal128(38, 0)" == str(table.schema.field("beside").type)
    assert values == table.column("beside").to_pylist()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([LARGE, "x"], "several types"),
        ([LARGE, True], "several types"),
        ([LARGE, 1.5], "several types"),
        ([10**38], "more than 38 digits"),
    ],
)
def test_what_no_type_holds_is_told(keyed, values, told):
    """The column is named, in one error of the project."""
    asked = {"id": [7] * len(values), "beside": values}
    response = keyed.get_online_features("numbers:n", asked)

    with pytest.raises(EntityFrameError, match=f"'beside' has .*{told}"):
        response.to_arrow()
