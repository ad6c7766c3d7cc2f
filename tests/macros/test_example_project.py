"""The example project: what dbt says of it, and its numbers, counted again from the raw files."""

from __future__ import annotations

import csv
import json
import os
import random
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import duckdb
import pytest

from featurestore import FeatureStore

pytestmark = pytest.mark.whole

PLANES = ("N14228", "N380HA", "N516JB", "N328AA", "N0EGMQ")
"""Of United; of Hawaiian, over five zones; of JetBlue, to Puerto Rico; two fleet numbers."""

AIRPORTS = ("EWR", "LGA", "LAX", "SJU", "PHX")
"""Two airports of departure, and three in other zones, two of them without summer time."""

NEW_YORK = ZoneInfo("America/New_York")
UNLISTED = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")
WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def manifest(example_project):
    """Return dbt's manifest."""
    return json.loads(example_project.manifest.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def models(manifest):
    """Return the models, by name."""
    return {
        node["name"]: node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
    }


@pytest.fixture(scope="module")
def store(example_project):
    """Return the project as a feature store."""
    return FeatureStore(example_project.project_dir)


@pytest.fixture(scope="module")
def query(example_project):
    """Return a function that runs SQL on the warehouse from the project's folder."""
    here = Path.cwd()
    # The staging views read the raw files by paths that start from the project.
    os.chdir(example_project.project_dir)
    with duckdb.connect(str(example_project.warehouse), read_only=True) as connection:
        yield lambda sql, *values: connection.execute(sql, values).fetchall()
    os.chdir(here)


def _read(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / "data" / "nycflights" / f"{table}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


_NOTHING = ("", "NA")


def _number(text: str) -> int | None:
    return None if text in _NOTHING else round(float(text))


def _at_clock(departure: datetime, hhmm: int, zone: str) -> datetime:
    """Wait, minute by minute, until the clocks at the destination show the time."""
    instant = departure
    while True:
        instant += timedelta(minutes=1)
        clock = instant.astimezone(_zone(zone))
        if clock.hour * 100 + clock.minute == hhmm % 2400:
            return instant


_zone = cache(ZoneInfo)


@pytest.fixture(scope="module")
def flights(example_project):
    """Read the flights of some planes and airports from the raw files, with true instants."""
    folder = example_project.project_dir
    zones = UNLISTED | {row["faa"]: row["tzone"] for row in _read(folder, "airports")}
    found = []
    for row in _read(folder, "flights"):
        airports = {row["origin"], row["dest"]} & set(AIRPORTS)
        if row["tailnum"] not in PLANES and (not airports or row["month"] != "3"):
            continue
        clock = int(row["sched_dep_time"])
        scheduled = datetime(
            *(int(row[part]) for part in ("year", "month", "day")),
            *divmod(clock, 100),
            tzinfo=NEW_YORK,
        ).astimezone(UTC)
        left, landed = _number(row["dep_delay"]), _number(row["arr_delay"])
        arrival = _at_clock(scheduled, int(row["sched_arr_time"]), zones[row["dest"]])
        found.append(
            SimpleNamespace(
                tailnum=row["tailnum"],
                origin=row["origin"],
                dest=row["dest"],
                departure_delay=left,
                arrival_delay=landed,
                departed_at=None if left is None else scheduled + timedelta(minutes=left),
                arrived_at=None if landed is None else arrival + timedelta(minutes=landed),
            )
        )
    return found


def _mean(values):
    return pytest.approx(fmean(values)) if values else None


# What dbt says


def test_dbt_builds_it_without_a_warning(example_project):
    """All models and tests pass, and dbt warns of nothing and finds nothing deprecated."""
    log = example_project.log

    assert re.search(r"Done\. PASS=\d+ WARN=0 ERROR=0 SKIP=0 NO-OP=\d+ TOTAL=\d+", log)
    assert "[WARNING]" not in log
    assert "eprecat" not in log


def test_every_model_and_column_is_described(models, query):
    """Each model and each column of its table has a description, and no column is made up."""
    built = {}
    for table, column in query("select table_name, column_name from information_schema.columns"):
        built.setdefault(table, set()).add(column)

    assert built == {name: set(model["columns"]) for name, model in models.items()}
    assert [] == [name for name, model in models.items() if not model["description"].strip()]
    assert [] == [
        f"{name}.{column['name']}"
        for name, model in models.items()
        for column in model["columns"].values()
        if not column["description"].strip()
    ]


def test_every_description_says_the_grain(models):
    """Each model says what one row of it is."""
    assert [] == [name for name, model in models.items() if "one row per" not in _words(model)]


def _words(model):
    return " ".join(model["description"].split())


def test_every_source_is_described(manifest):
    """Each raw table is described, and is in the public domain, as the source says."""
    sources = list(manifest["sources"].values())

    assert 5 == len(sources)
    assert [] == [source["name"] for source in sources if not source["description"].strip()]
    assert all("CC0" in source["source_description"] for source in sources)


def test_every_feature_view_is_governed(manifest, models, store):
    """Each view has an enforced contract, an owner, and tests of its grain and of its time."""
    owners = {group["name"]: group["owner"] for group in manifest["groups"].values()}
    tests = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test":
            tests.setdefault(node["attached_node"], set()).add(node["test_metadata"]["name"])
    views = [models[name] for name in store.registry.feature_views]

    assert 5 == len(views)
    assert all(view["config"]["contract"]["enforced"] for view in views)
    assert all("@" in owners[view["group"]]["email"] for view in views)
    assert [] == [
        view["name"]
        for view in views
        if not tests[view["unique_id"]] >= {"unique_entity_timestamp", "no_future_events"}
    ]


def test_a_unit_test_holds_the_windows(manifest):
    """The model with the subtlest windows has a unit test."""
    tested = {test["model"] for test in manifest["unit_tests"].values()}

    assert "airport_traffic_features" in tested


def test_the_service_resolves_its_aliases(store):
    """The service takes traffic of both airports and weather of one, each under its own key."""
    service = store.registry.service("flight_delay")
    aliased = {
        member.name: (member.view, member.entities["airport"])
        for member in service.members
        if member.name != member.view
    }

    assert {
        "origin_traffic": ("airport_traffic_features", ("origin",)),
        "dest_traffic": ("airport_traffic_features", ("dest",)),
        "origin_weather": ("airport_weather_features", ("origin",)),
    } == aliased
    assert "flight_delay_labels.arrived_late" == service.label


def test_the_definitions_agree_with_the_warehouse(store):
    """Validation, the warehouse's tables included, finds nothing."""
    assert [] == store.validate()


# What the numbers say


def test_every_flight_is_there(query):
    """Staging holds every flight of the file, and every one that arrived has a label."""
    assert [(336_776,)] == query("select count(*) from stg_nycflights__flights")
    assert [(327_346, 327_346)] == query(
        "select count(*), count(arrived_late) from flight_delay_labels"
    )


def test_labels_are_the_delays_of_the_file(query, example_project):
    """As many flights are late as have a delay above 15 minutes in the raw file."""
    delays = [_number(row["arr_delay"]) for row in _read(example_project.project_dir, "flights")]
    late = sum(delay > 15 for delay in delays if delay is not None)

    assert [(late,)] == query("select count_if(arrived_late) from flight_delay_labels")


def test_arrivals_are_in_the_zone_of_the_destination(query):
    """From gate to gate takes a little more than the time in the air, at every destination."""
    minutes = "date_diff('minute', departed_at, arrived_at) - air_time"
    flown = "from stg_nycflights__flights where arrived_at is not null"
    ((shortest, longest, usual),) = query(
        f"select min({minutes}), max({minutes}), quantile_disc({minutes}, 0.99) {flown}"
    )
    medians = query(f"select dest, median({minutes}) {flown} group by dest having count(*) >= 5")

    assert 0 < shortest
    assert longest < 4 * 60
    assert usual <= 90
    assert len(medians) > 95
    assert [] == [(dest, median) for dest, median in medians if not 15 <= median <= 45]


def test_no_plane_row_counts_a_later_landing(query):
    """Each row has the instant of a landing and counts exactly the 30 days up to it."""
    assert [] == query(
        """
        select features.tailnum, features.observed_at
        from plane_features as features
        left join stg_nycflights__flights as flights
            on flights.tailnum = features.tailnum
            and flights.arrived_at <= features.observed_at
            and flights.arrived_at > features.observed_at - interval '30 days'
        group by features.tailnum, features.observed_at, features.flight_count_30d
        having features.flight_count_30d is distinct from count(flights.arrived_at)
            or features.observed_at is distinct from max(flights.arrived_at)
        """
    )


def test_there_is_a_row_for_every_landing(query):
    """Views of planes and routes have one row per landing, those of one instant being one."""
    for view, keys in (("plane_features", "tailnum"), ("route_features", "origin, dest")):
        landings = query(
            f"select count(distinct ({keys}, arrived_at)) from stg_nycflights__flights"
            f" where arrived_at is not null"
        )

        assert landings == query(f"select count(*) from {view}")


@pytest.mark.parametrize("plane", PLANES)
def test_windows_of_a_plane_by_hand(plane, flights, query):
    """The last 7 days of a plane, counted again from the raw file, are what the view says."""
    landings = [f for f in flights if f.tailnum == plane and f.arrived_at is not None]
    expected = {}
    for row in landings:
        window = [f for f in landings if row.arrived_at - WEEK < f.arrived_at <= row.arrived_at]
        expected[row.arrived_at.replace(tzinfo=None)] = (
            _mean([f.arrival_delay for f in window]),
            _mean([f.departure_delay for f in window]),
            len(window),
            sum(f.arrival_delay > 15 for f in window),
        )
    found = query(
        "select observed_at, arr_delay_avg_7d, dep_delay_avg_7d, flight_count_7d, late_count_7d"
        " from plane_features where tailnum = ?",
        plane,
    )

    assert len(found) > 20
    assert expected == {instant: tuple(values) for instant, *values in found}


@pytest.mark.parametrize("airport", AIRPORTS)
def test_windows_of_an_airport_by_hand(airport, flights, query):
    """The newest row at any instant says what happened in the hour before, and no later."""
    start = datetime(2013, 3, 3, tzinfo=UTC)
    picked = random.Random(airport)
    for _ in range(40):
        instant = start + timedelta(seconds=picked.randrange(26 * 86_400))
        left = [
            f.departure_delay
            for f in flights
            if f.origin == airport and f.departed_at and instant - HOUR < f.departed_at <= instant
        ]
        landed = [
            f.arrival_delay
            for f in flights
            if f.dest == airport and f.arrived_at and instant - HOUR < f.arrived_at <= instant
        ]
        found = query(
            "select departures_1h, dep_delay_avg_1h, arrivals_1h, arr_delay_avg_1h"
            " from airport_traffic_features where airport = ? and observed_at <= ?"
            " order by observed_at desc limit 1",
            airport,
            instant.replace(tzinfo=None),
        )

        assert [(len(left), _mean(left), len(landed), _mean(landed))] == found


def test_the_calendar_of_carriers_is_complete(query):
    """Each of the 16 carriers has a row on each of 366 days, flights or none."""
    assert [(16, 366, 366, 366)] == query(
        """
        with carriers as (
            select
                carrier,
                count(distinct as_of_date) as days,
                max(as_of_date) - min(as_of_date) as span
            from carrier_features
            group by carrier
        )
        select count(*), min(days), max(days), min(span) + 1 from carriers
        """
    )
    assert [(0,)] == query(
        "select count(*) from carrier_features"
        " where flight_count_1d = 0 and arr_delay_avg_1d is not null"
    )


@pytest.mark.parametrize("days", [1, 7])
def test_a_carrier_row_counts_what_had_landed_by_midnight(days, query):
    """A carrier's row counts the landings of the days up to its midnight, and none after."""
    assert [] == query(
        f"""
        select features.carrier, features.as_of_date
        from carrier_features as features
        left join stg_nycflights__flights as flights
            on flights.carrier = features.carrier
            and flights.arrived_at <= features.as_of_date
            and flights.arrived_at > features.as_of_date - interval '{days} days'
        where features.carrier in ('HA', 'OO', 'AS', 'YV')
        group by features.carrier, features.as_of_date, flight_count_{days}d, arr_delay_avg_{days}d
        having flight_count_{days}d is distinct from count(flights.arrived_at)
            or round(arr_delay_avg_{days}d, 6) is distinct from round(avg(arrival_delay), 6)
        """
    )


def test_weather_is_known_an_hour_later(store):
    """A report counts from an hour after its timestamp, to the microsecond."""
    job = store.get_historical_features(
        """
        select 'EWR' as airport, timestamp '2013-03-01 12:59:59.999999' as event_timestamp
        union all select 'EWR', timestamp '2013-03-01 13:00:00'
        """,
        features=["airport_weather_features:temperature_f"],
        feature_timestamps=True,
    )
    table = job.to_arrow().sort_by("event_timestamp")
    hours = table["airport_weather_features__event_timestamp"].to_pylist()

    assert [11, 12] == [hour.hour for hour in hours]


def test_the_impossible_wind_is_left_out(query, example_project):
    """Of all the reported winds only the one of 1,048 mph is gone."""
    reports = _read(example_project.project_dir, "weather")
    winds = sorted(float(row["wind_speed"]) for row in reports if row["wind_speed"] not in _NOTHING)

    assert 1048 == int(winds[-1])
    assert [(len(winds) - 1, winds[-2])] == query(
        "select count(wind_speed_mph), max(wind_speed_mph) from stg_nycflights__weather"
    )
