"""The steps of the demo after `dbt build`: registry, training set, sync, online read, parity."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from featurestore.cli.cells import plain
from featurestore.cli.output import print_columns, print_table, stderr, stdout
from featurestore.cli.progress import publishing_views
from featurestore.cli.sync import print_sync_report
from featurestore.values.parsing import parse_instant

if TYPE_CHECKING:
    from featurestore.online.response import OnlineResponse
    from featurestore.registry.definitions import FeatureView
    from featurestore.store.feature_store import FeatureStore

__all__ = ["PLANE", "say", "step", "tour"]

PLANE = "N14228"
"""The tail number of the plane that the demo follows."""

_NOW = "2013-12-30T20:00"
"""The time of the demo, one day before the last flight of the data."""

_FLIGHT = {
    "tailnum": PLANE,
    "carrier": "UA",
    "origin": "EWR",
    "dest": "IAH",
    "scheduled_departure_at": datetime(2013, 12, 30, 22, 0),  # noqa: DTZ001, naive means UTC
}
_SHOWN = ("event_timestamp", "tailnum", "origin", "dest", "arrived_late")
_VIEW_COLUMNS: dict[str, Callable[[FeatureView], object]] = {
    "feature view": lambda view: view.name,
    "keys": lambda view: ", ".join(key.name for key in view.join_keys),
    "features": lambda view: len(view.features),
    "description": lambda view: view.description.partition(".")[0],
}


def step(number: int, text: str) -> None:
    """Write the title of a step."""
    stdout.print(f"\n[bold cyan]{number}[/bold cyan]  [bold]{text}[/bold]", soft_wrap=True)


def say(text: str) -> None:
    """Write a line below a title."""
    stdout.print(f"   {text}", markup=False, soft_wrap=True)


def tour(project: Path, redis_url: str) -> None:
    """Show what a project does once dbt has built it.

    Args:
        project: The folder of the dbt project.
        redis_url: The online store to publish to.
    """
    from featurestore.store.feature_store import FeatureStore

    now = parse_instant(_NOW)
    store = FeatureStore(project, redis_url=redis_url, now=now)
    step(3, "The registry: read from dbt's manifest, and from nothing else")
    views = store.registry.feature_views.values()
    print_columns(_VIEW_COLUMNS, views, right=("features",))
    step(4, "A training set: each flight with what was known two hours before departure")
    _show_training_set(store)
    step(5, f"The sync: the newest row of each entity, as of {plain(now)}, into Redis")
    _show_sync(store)
    step(6, "An online read: the values served for tonight's flight from Newark to Houston")
    _show_online(store)
    step(7, "The promise: online equals offline, value for value")
    _show_parity(store, now)


def _show_training_set(store: FeatureStore) -> None:
    job = store.get_historical_features(
        "ref:flight_delay_labels", feature_service="flight_delay", full_feature_names=True
    )
    table = job.to_arrow()
    features = [output.name for join in job.plan.joins for output in join.outputs]
    features += [computed.name for computed in job.plan.on_demand]
    columns = [name for name in (*_SHOWN, features[0], features[-1]) if name in table.column_names]
    of_plane = [row for row in table.select(columns).to_pylist() if row["tailnum"] == PLANE]
    of_plane.sort(key=lambda row: row["event_timestamp"])
    print_table(columns, [list(row.values()) for row in of_plane[-5:]])
    say(
        f"{table.num_rows:,} rows, {len(features)} features from {len(job.plan.joins)} views,"
        f" one statement of {len(job.to_sql().splitlines())} lines of SQL;"
        f" above, the last rows of the plane {PLANE}"
    )


def _show_sync(store: FeatureStore) -> None:
    with publishing_views(wanted=stderr.is_terminal) as progress:
        print_sync_report(store.sync(progress=progress))
    again = store.sync()
    written = sum(view.written for view in again.views)
    say(f"A second sync found no changes and wrote {written} rows.")


def _show_online(store: FeatureStore) -> None:
    response = _online(store)
    values, statuses = response.to_dict(), response.statuses
    rows = [(name, values[name][0], found[0].value) for name, found in statuses.items()]
    print_table(("feature", "value", "status"), rows)


def _online(store: FeatureStore) -> OnlineResponse:
    return store.get_online_features(
        feature_service="flight_delay", entity_rows=[_FLIGHT], full_feature_names=True
    )


def _show_parity(store: FeatureStore, now: datetime) -> None:
    import pyarrow as pa

    online = _online(store)
    frame = pa.Table.from_pylist([{**_FLIGHT, "event_timestamp": now}])
    offline = store.get_historical_features(
        frame, feature_service="flight_delay", full_feature_names=True
    )
    expected = offline.to_arrow().to_pylist()[0]
    found = online.to_dict()
    equal = [name for name in online.statuses if found[name][0] == expected[name]]
    say(
        f"{len(equal)} of {len(online.statuses)} online values equal the point-in-time join for now"
    )
