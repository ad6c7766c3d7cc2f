"""DuckDB's statements as text: people read them, so people review each change."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from featurestore.sql.latest_rows import latest_rows
from featurestore.sql.plan import Spine
from featurestore.sql.planning import make_plan
from featurestore.sql.point_in_time import point_in_time
from featurestore.sql.why import why_query
from featurestore.values.parsing import parse_instant
from featurestore.values.type_spellings import parse_type
from tests.sql.golden_files import golden_text
from tests.support.builders import fill, model, registry, service
from tests.support.scenarios import Bench

AT = parse_instant("2024-03-01T12:00")

PLANES = {
    "tailnum": "varchar",
    "observed_at": "timestamp",
    "loaded_at": "timestamp",
    "delay": "double",
    "seats": "integer",
}
WEATHER = {"airport": "varchar", "Observed At": "timestamptz", "wind": "double", "order": "integer"}
ROUTES = {"origin": "varchar", "dest": "varchar", "day": "date", "flights": "bigint"}
ENTITIES = {
    "tailnum": "varchar",
    "origin": "varchar",
    "dest": "varchar",
    "departed_at": "timestamptz",
    "event_timestamp": "timestamp",
}
TABLES = {
    "plane_features": PLANES,
    "weather_features": WEATHER,
    "route_features": ROUTES,
    "flights": ENTITIES,
}
SAMPLES = {
    "varchar": "'N1'",
    "date": "DATE '2024-02-24'",
    "timestamp": "TIMESTAMP '2024-02-25 00:00:00'",
    "timestamptz": "TIMESTAMPTZ '2024-02-25 00:00:00+00'",
}
DECLARED = registry(
    model("plane_features", PLANES, created_timestamp="loaded_at", ttl="30 days"),
    model(
        "weather_features",
        WEATHER,
        entities={"airport": "airport"},
        event_timestamp="Observed At",
        available_after="1 hour 30 minutes",
    ),
    model(
        "route_features",
        ROUTES,
        entities={"route": ["origin", "dest"]},
        event_timestamp="day",
        ttl="7 days",
    ),
    exposures=[
        service(
            "both_ends",
            [
                {"view": "weather_features", "alias": "here", "entities": {"airport": "origin"}},
                {"view": "weather_features", "alias": "there", "entities": {"airport": "dest"}},
            ],
        ),
        service(
            "four_times",
            [
                {"view": "plane_features", "alias": alias, "features": ["delay"]}
                for alias in ("first", "second", "third", "fourth")
            ],
        ),
    ],
).checked()


def training(features=None, *, source="flights", is_query=False, strategy=None, **options):
    """Write the statement of a training set."""
    columns = {name: parse_type(data_type) for name, data_type in ENTITIES.items()}
    service_name = options.pop("service", None)
    order_by = options.pop("order_by", None)
    at = options.pop("at", "event_timestamp")
    stored = options.pop("stored", False)
    if order_by:
        columns[order_by] = parse_type("bigint")
    plan = make_plan(
        DECLARED.dialect,
        Spine(source, is_query, columns, at, order_by, stored),
        DECLARED.members(features, service_name),
        DECLARED.feature_views,
        **options,
    )
    return point_in_time(plan, strategy)


REQUESTS = {
    "one_view": (
        "One view with a ttl, for the rows of a table.",
        lambda: training("plane_features:delay"),
    ),
    "several_views": (
        "Two views with full names and timestamps, for the numbered rows of a data frame.",
        lambda: training(
            ["plane_features:*", "route_features:flights"],
            source="entity_df",
            order_by="_row",
            full_feature_names=True,
            feature_timestamps=True,
        ),
    ),
    "aliased_view": (
        "One view at two ends of a route, known after a delay, for a query with zoned instants.",
        lambda: training(
            service="both_ends",
            source="SELECT * FROM flights WHERE NOT origin IS NULL",
            is_query=True,
            at="departed_at",
            full_feature_names=True,
        ),
    ),
    "one_view_as_known": (
        "Rows written after the entity row's instant are left out.",
        lambda: training("plane_features:delay", as_known=True),
    ),
    "composite_key": (
        "The window form of a composite key, by request.",
        lambda: training("route_features:flights", strategy="window"),
    ),
    "numbered": (
        "Four views of one key, for the rows of a table, which are cheaper to read twice.",
        lambda: training(service="four_times", stored=True, full_feature_names=True),
    ),
    "latest_planes": (
        "The newest row of each entity at one moment, for the online store.",
        lambda: latest_rows(DECLARED.view("plane_features"), "duckdb", AT),
    ),
    "why_of_one_plane": (
        "Each row of one plane, and why it is chosen or rejected.",
        lambda: why_query(
            DECLARED.view("plane_features"),
            "delay",
            {"tailnum": "N1"},
            AT,
            "duckdb",
            as_known=True,
        ),
    ),
}


@pytest.fixture(scope="module")
def bench():
    """Return a DuckDB that has every table, each with one row that all the others match."""
    bench = Bench()
    tables = {
        name: "SELECT "
        + ", ".join(f'{SAMPLES.get(of, 7)}::{of} AS "{key}"' for key, of in columns.items())
        for name, columns in TABLES.items()
    }
    tables["flights"] = (
        f"SELECT * REPLACE (departed_at + INTERVAL 1 DAY AS departed_at) FROM ({tables['flights']})"
    )
    tables["entity_df"] = "SELECT *, 0::BIGINT AS _row FROM flights"
    fill(bench.connection, tables)
    yield bench
    bench.connection.close()


@pytest.mark.parametrize("case", REQUESTS)
def test_the_text_is_the_golden_one(case):
    """The statement is, to the letter, the one that was last reviewed."""
    title, write = REQUESTS[case]
    text = f"-- {title}\n{write()};\n"

    assert golden_text(case, "duckdb", text) == text
    assert text == f"-- {title}\n{write()};\n"


@pytest.mark.parametrize("case", REQUESTS)
def test_the_golden_text_runs(bench, case):
    """DuckDB runs the file unchanged; the only star is in the caller's own query."""
    title, write = REQUESTS[case]
    text = golden_text(case, "duckdb", f"-- {title}\n{write()};\n")
    parsed = sqlglot.parse_one(text, dialect="duckdb")
    stars = [star for star in parsed.find_all(exp.Star) if star.find_ancestor(exp.Subquery) is None]
    rows = bench.connection.execute(text).fetchall()

    assert [] == stars
    assert 1 == len(rows)
    assert None not in rows[0]
