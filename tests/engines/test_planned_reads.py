"""What each engine says that a training set will read, and the limit on it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from featurestore.errors import PlanError
from tests.engines.shops import NOW, View, ago

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]
PLANES = View(
    "planes",
    ("tailnum",),
    {"tailnum": "varchar", "observed_at": "timestamp", "delay": "double"},
    {"event_timestamp": "observed_at", "ttl": "40 days"},
)
TELLS_ROWS = {"duckdb", "postgres"}
TELLS_BYTES = {"postgres", "spark"}


@pytest.fixture(params=["duckdb", "postgres", "clickhouse", "spark"])
def home(request):
    """Return where the tables are."""
    return request.getfixturevalue("homes")(request.param)


@pytest.fixture
def shop(make):
    """Return a project with a view of 500 rows."""
    shop = make(PLANES)
    rows = [PLANES.row(f"N{number % 50}", ago(number % 10, number), 1.5) for number in range(500)]
    shop.build(PLANES, *rows)
    types = {"tailnum": "varchar", "event_timestamp": "timestamp"}
    asked = [{"tailnum": f"N{number}", "event_timestamp": ago()} for number in range(20)]
    shop.home.create("asked", types, asked)
    return shop


def job(shop, url, most=None):
    """Return the job of a training set."""
    source = f"SELECT * FROM {shop.home.relation('asked')}"
    store = shop.store(url, NOW + timedelta(hours=1))
    return store.get_historical_features(source, ["planes:*"], max_bytes=most)


def test_the_engine_tells_what_is_read(shop, url):
    """Rows, bytes or both, for the statement as a whole."""
    (report,) = job(shop, url).explain()

    assert (shop.home.adapter in TELLS_BYTES) == (report.statement_bytes is not None)
    if shop.home.adapter in TELLS_ROWS:
        assert report.statement_rows > 0
    assert 20 == report.matched


def test_a_statement_that_would_read_more_does_not_run(shop, url, tmp_path):
    """The error names the estimate and the limit; an engine that tells no bytes refuses it."""
    target = tmp_path / "training.parquet"
    if shop.home.adapter not in TELLS_BYTES:
        with pytest.raises(PlanError, match=f"{shop.home.adapter} never tells them"):
            job(shop, url, "1 GB").to_arrow()
        return
    small, large = job(shop, url, 1), job(shop, url, "1 GB")
    for run in (small.to_arrow, small.explain, small.card, lambda: small.to_parquet(target)):
        with pytest.raises(PlanError, match=r"^Nothing was read: .* max_bytes \(1 B\)"):
            run()

    assert not target.exists()
    assert 20 == large.to_arrow().num_rows
