"""A row is only written if its bytes are those that its schema describes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from featurestore.errors import WarehouseError
from featurestore.online.schema import Schema
from sync.encoding.byte_columns import from_pieces
from sync.encoding.encoder import Encoder

PLANNED = {
    "int32": pa.int32(),
    "string": pa.string(),
    "timestamp[us]": pa.timestamp("us"),
    "decimal(5,2)": pa.decimal128(5, 2),
    "list<int32>": pa.list_(pa.int32()),
    "float32[2]": pa.list_(pa.float32(), 2),
}
OTHERS = [
    *PLANNED.values(),
    pa.int64(),
    pa.timestamp("us", tz="UTC"),
    pa.decimal128(6, 3),
    pa.list_(pa.int64()),
    pa.list_(pa.float32(), 3),
]


def _encode(planned, found):
    batch = pa.record_batch({"n": pa.nulls(1, found)})
    encoder = Encoder("shop", "prices", Schema((), (("n", planned),)))
    keys = from_pieces([b"fs:shop:prices:{}"])
    return encoder.values(batch, keys, np.zeros(1, np.int64), None)


@pytest.mark.parametrize("planned", PLANNED)
@pytest.mark.parametrize("found", OTHERS, ids=str)
def test_a_column_of_another_type_is_refused(planned, found):
    """A build may change a column after the sync has read its type."""
    if PLANNED[planned] == found:
        assert 1 == len(_encode(planned, found))
    else:
        message = rf"Feature 'n' of feature view 'prices' changed its type from {planned[:4]}"
        with pytest.raises(WarehouseError, match=message):
            _encode(planned, found)


@pytest.mark.parametrize(
    ("planned", "found"),
    [
        ("float32[2]", pa.list_(pa.float32())),
        ("string", pa.large_string()),
        ("string", pa.dictionary(pa.int8(), pa.string())),
    ],
    ids=str,
)
def test_a_column_may_travel_in_another_form(planned, found):
    """An array as a list, a text with long offsets, an enum's values by number."""
    assert 1 == len(_encode(planned, found))
