"""A response as JSON, column by column, is what each value alone would be."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from featurestore.online.json_columns import json_column
from featurestore.values.json_text import json_value
from tests.online.test_codec import SCALARS
from tests.support.builders import Table, model
from tests.support.examples import examples
from tests.support.online_project import NOW, Shop

KINDS = {
    **SCALARS,
    "decimal(9,2)": st.decimals(allow_nan=False, places=2, max_value=10**6, min_value=-(10**6)),
    "list<float64>": st.lists(st.floats(), max_size=3),
    "float32[2]": st.lists(st.floats(width=32), min_size=2, max_size=2),
    "list<timestamptz[us]>": st.lists(SCALARS["timestamptz[us]"], max_size=3),
}


@examples(300)
@given(st.sampled_from([*KINDS]).flatmap(lambda kind: st.tuples(st.just(kind), columns(kind))))
def test_a_column_is_its_values(case):
    """Any type, with and without missing values, NaN and infinity."""
    kind, values = case

    found = [*json_column(kind, values)]

    assert [json_value(value) for value in values] == found
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def columns(kind):
    """Return a strategy of columns. Some have missing values."""
    return st.lists(KINDS[kind]) | st.lists(st.none() | KINDS[kind])


def test_a_response_says_only_the_statuses_that_tell_something(
    tmp_path, redis_client, redis_server
):
    """Statuses of columns without a missing value are left out; the others are by row."""
    types = {"id": "bigint", "seen_at": "timestamp", "n": "bigint", "share": "double"}
    shop = Shop(tmp_path / "shop", redis_server)
    rows = [(1, NOW, 10, 0.5), (2, NOW, 20, None), (3, NOW, 30, float("nan"))]
    view = model("v", types, entities={"one": "id"}, event_timestamp="seen_at")
    with shop.publish([view], {"v": Table(types, rows)}) as store:
        found = store.get_online_features(["v:*"], {"id": [1, 2, 3]}, feature_timestamps=True)

    assert {"share": ["PRESENT", "NULL", "PRESENT"]} == found.mixed_statuses
    assert {
        "id": [1, 2, 3],
        "n": [10, 20, 30],
        "share": [0.5, None, None],
        "v__event_timestamp": [NOW.isoformat()] * 3,
    } == found.to_json_columns()
    assert found.to_json_columns() == json.loads(found.to_json())
