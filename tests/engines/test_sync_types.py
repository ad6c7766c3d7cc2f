"""The types of PostgreSQL in the online store: each is published as itself, or refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from datetime import time as clock
from decimal import Decimal

import pyarrow as pa
import pytest

from featurestore.errors import FeatureStoreError
from tests.engines.shops import PostgresHome, Shop, View, counts
from tests.support.sync_project import comparable

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]
NAN = float("nan")
TYPES = {
    "boolean": ("true", pa.bool_(), True),
    "smallint": ("-32768", pa.int16(), -32768),
    "bigint": ("9223372036854775807", pa.int64(), 2**63 - 1),
    "real": ("'-0'", pa.float32(), -0.0),
    "double precision": ("'NaN'", pa.float64(), NAN),
    "numeric(38, 10)": ("-1.1", pa.decimal128(38, 10), Decimal("-1.1000000000")),
    "numeric(5, -2)": ("12345", pa.decimal128(7, 0), Decimal(12300)),
    "numeric(2, 4)": ("0.0012", pa.decimal128(4, 4), Decimal("0.0012")),
    "varchar(5)": ("'ab '", pa.string(), "ab "),
    "char(5)": ("'ab'", pa.string(), "ab"),
    '"char"': ("'a'", pa.string(), "a"),
    "mood": ("'low'", pa.string(), "low"),
    "bytea": ("'\\x00ff'", pa.binary(), b"\0\xff"),
    "date": ("'1969-12-31'", pa.date32(), date(1969, 12, 31)),
    "time": ("'23:59:59.999999'", pa.time64("us"), clock(23, 59, 59, 999_999)),
    "timestamp": ("'2024-03-10 02:30'", pa.timestamp("us"), datetime(2024, 3, 10, 2, 30)),  # noqa: DTZ001
    "timestamptz": (
        "'2024-03-10 02:30+05:45'",
        pa.timestamp("us", "UTC"),
        datetime(2024, 3, 9, 20, 45, tzinfo=UTC),
    ),
    "uuid": (
        "'7D5E1C2A-0000-4000-8000-00000000000A'",
        pa.string(),
        "7d5e1c2a-0000-4000-8000-00000000000a",
    ),
    "jsonb": ("'{\"b\": 1}'", pa.string(), '{"b": 1}'),
    "integer[]": ("'{1,3}'", pa.list_(pa.int32()), [1, 3]),
    "text[]": ("""'{a,"b,c"}'""", pa.list_(pa.string()), ["a", "b,c"]),
    "mood[]": ("'{low}'", pa.list_(pa.string()), ["low"]),
    "timestamptz[]": (
        "'{2024-01-01+0}'",
        pa.list_(pa.timestamp("us", "UTC")),
        [datetime(2024, 1, 1, tzinfo=UTC)],
    ),
}  # fmt: skip
"""Types of PostgreSQL: a value, and the type and the value that readers get."""
REFUSED = {
    "numeric": ("1.5", "Write `cast(f as numeric(18, 4))`"),
    "numeric(9, 2)[]": ("'{1.5}'", "Cast it to numeric(18, 4)"),
    "numeric(50, 2)": ("1.5", "Cast it to decimal(38, 2)"),
    "interval": ("'1 day'", "Cast it to a number"),
    "money": ("1.5", "Cast it to text"),
    "numeric(10, 2)": ("'NaN'", "the column 'f' as decimal128(10, 2)"),
    "date": ("'infinity'", "The feature 'f' has a date outside of the range"),
}
"""Types that cannot be published, or values, with the advice."""


def typed_shop(home, folder, types, rows):
    """Return a project whose view has features of types of PostgreSQL."""
    home.execute(
        "DO $$ BEGIN CREATE TYPE mood AS ENUM ('low', 'high');"
        " EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    columns = {f"f{n}": "varchar" for n in range(len(types))} if len(types) > 1 else {"f": ""}
    view = View(
        "typed", ("k",), {"k": "bigint", "at": "timestamp", **columns}, {"event_timestamp": "at"}
    )
    shop = Shop(folder, home)
    shop.views = {view.name: view}
    listed = ", ".join(f"{name} {kind}" for name, kind in zip(columns, types, strict=True))
    home.execute("DROP TABLE IF EXISTS typed", f"CREATE TABLE typed (k bigint, at date, {listed})")
    home.execute(*(f"INSERT INTO typed VALUES ({row})" for row in rows))
    shop.declare()
    return shop


def test_each_type_of_postgres_is_published_as_itself(postgres_engine, tmp_path, url, redis_client):
    """Rows tie, so each type sorts; NULL is NULL; the training set has the same types."""
    cells = ", ".join(cell for cell, _, _ in TYPES.values())
    nulls = ", ".join("NULL" for _ in TYPES)
    tied = [f"1, '2024-03-01', {cells}", f"1, '2024-03-01', {nulls}", f"2, '2024-03-01', {nulls}"]
    shop = typed_shop(PostgresHome(postgres_engine), tmp_path / "project", TYPES, tied)
    store = shop.store(url)

    assert [] == store.validate()
    assert {"typed": (2, 0)} == counts(store.sync())

    spine = "SELECT DISTINCT k, timestamptz '2024-03-31+0' AS event_timestamp FROM typed"
    trained = store.get_historical_features(spine, ["typed:*"]).to_arrow().sort_by("k")
    online = store.get_online_features(["typed:*"], {"k": [1, 2]})
    for name, (_, kind, value) in zip(shop.views["typed"].features, TYPES.values(), strict=True):
        assert kind == trained.column(name).type == online.to_arrow().column(name).type
        expected = comparable([value, None])
        assert expected == comparable(trained.column(name).to_pylist())
        assert expected == comparable(online.values[name])
    assert {"typed": (0, 0)} == counts(shop.store(url).sync())
    assert [0] == [view.differing for view in store.verify(sample="all").views]


@pytest.mark.parametrize("kind", REFUSED)
def test_what_postgres_holds_and_a_row_does_not_is_refused(
    postgres_engine, tmp_path, url, redis_client, kind
):
    """The message names the column and the cast to write; the ledger is usable afterwards."""
    cell, words = REFUSED[kind]
    home = PostgresHome(postgres_engine)
    shop = typed_shop(home, tmp_path / "project", [kind], [f"1, '2024-03-01', {cell}"])
    with pytest.raises(FeatureStoreError) as refused:
        shop.store(url).sync()
    assert words in str(refused.value)
    home.execute("ALTER TABLE typed ALTER f TYPE text")
    assert {"typed": (1, 0)} == counts(shop.store(url).sync())


def test_keys_of_char_n_compare_without_their_blanks(postgres_engine, tmp_path, url, redis_client):
    """As text, in PostgreSQL itself and in a training set."""
    shop = typed_shop(
        PostgresHome(postgres_engine), tmp_path / "project", ["text"], ["1, '2024-03-01', 'x'"]
    )
    shop.home.execute("ALTER TABLE typed ALTER k TYPE char(5) USING 'a'")
    store = shop.store(url)
    store.sync()
    spine = "SELECT 'a' AS k, timestamptz '2024-03-31+0' AS event_timestamp"
    assert ["x"] == store.get_historical_features(spine, ["typed:f"]).to_arrow()["f"].to_pylist()
    assert ["x"] == store.get_online_features(["typed:f"], {"k": ["a"]}).values["f"]
    assert [0] == [view.differing for view in store.verify(sample="all").views]
