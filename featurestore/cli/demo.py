"""`demo`: a tour on real data, from dbt models to an online read."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featurestore.cli.cells import plain
from featurestore.cli.output import print_table, stderr, stdout
from featurestore.cli.progress import publishing_views
from featurestore.cli.sync import print_sync_report
from featurestore.errors import FeatureStoreError, MissingExtra

if TYPE_CHECKING:
    from featurestore.online.response import OnlineResponse
    from featurestore.store.feature_store import FeatureStore

__all__ = ["demo_command"]

NOW = "2013-12-30T20:00"
"""The time of the demo, one day before the last flight of the data."""

_PLANE = "N14228"
_FLIGHT = {"tailnum": _PLANE, "carrier": "UA", "origin": "EWR", "dest": "IAH"}
_PARTS = ("dbt_project.yml", "profiles.yml", "models", "macros")
_SHOWN = ("event_timestamp", "tailnum", "origin", "dest", "arrived_late")


def demo_command(
    folder: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where to create the example project.")
    ] = Path("featurestore-demo"),
) -> None:
    """Build the example on real flights, train on it and serve it.

    Example: featurestore demo
    """
    _require("dbt.cli", "dbt-core")
    _require("dbt.adapters.duckdb", "dbt-duckdb")
    project = _project(folder)
    _step(1, "The data: every flight out of New York in 2013, with weather and planes")
    _extract(project)
    _step(2, "dbt build: the features are ordinary dbt models, built in the warehouse (DuckDB)")
    _build(project)
    with _online_store() as redis_url:
        _tour(project, redis_url)
    _farewell(folder)


def _tour(project: Path, redis_url: str) -> None:
    from featurestore.store.feature_store import FeatureStore
    from featurestore.values.parsing import parse_instant

    now = parse_instant(NOW)
    store = FeatureStore(project, redis_url=redis_url, now=now)
    _step(3, "The registry: what dbt's manifest says, and nothing else")
    _show_views(store)
    _step(4, "A training set: each flight with what was known two hours before departure")
    _show_training_set(store)
    _step(5, f"The sync: the newest row of each entity, as of {plain(now)}, into Redis")
    _show_sync(store)
    _step(6, "An online read: what a model is served for tonight's flight from Newark to Houston")
    _show_online(store)
    _step(7, "The promise: online equals offline, value for value")
    _show_parity(store, now)


def _step(number: int, text: str) -> None:
    stdout.print(f"\n[bold cyan]{number}[/bold cyan]  [bold]{text}[/bold]", soft_wrap=True)


def _say(text: str) -> None:
    stdout.print(f"   {text}", markup=False, soft_wrap=True)


def _require(module: str, package: str) -> None:
    try:
        found = find_spec(module) is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        raise MissingExtra(package, "demo", purpose="The demo")


def _project(folder: Path) -> Path:
    """Return the example project's folder, laid out there unless it is there already."""
    if (folder / "dbt_project.yml").is_file():
        return folder.resolve()
    packaged = Path(__file__).parent.parent / "_dbt"
    source = packaged if packaged.is_dir() else Path(__file__).parents[2]
    folder.mkdir(parents=True, exist_ok=True)
    for part in _PARTS:
        if (source / part).is_dir():
            shutil.copytree(source / part, folder / part, dirs_exist_ok=True)
        elif (source / part).is_file():
            shutil.copy2(source / part, folder / part)
    return folder.resolve()


def _extract(project: Path) -> None:
    from featurestore.demo.nycflights import extract

    files = extract(project / "data" / "nycflights")
    size = sum(path.stat().st_size for path in files) / 1e6
    _say(f"{len(files)} CSV files, {size:.0f} MB, in {files[0].parent}")


def _build(project: Path) -> None:
    command = [sys.executable, "-m", "dbt.cli.main", "build", "--no-use-colors"]
    environment = {
        **os.environ,
        "DBT_PROFILES_DIR": str(project),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "0",
    }
    with stderr.status("   dbt build ..."):
        result = subprocess.run(  # noqa: S603, our own interpreter
            command, cwd=project, env=environment, capture_output=True, text=True, check=False
        )
    lines = [line for line in result.stdout.splitlines() if line.strip()]
    if result.returncode:
        raise FeatureStoreError(
            "`dbt build` failed:\n" + "\n".join(lines[-30:] or [result.stderr]),
            remedy=f"Try it by hand in {project}.",
        )
    _say(lines[-1].partition("  ")[2].strip())


@contextmanager
def _online_store() -> Iterator[str]:
    """Yield the URL of the online store: the one that is set, or one that lives for the demo."""
    url = os.environ.get("FEATURESTORE_REDIS_URL")
    if url:
        yield url
        return
    from featurestore.demo.server import embedded_server

    with (
        tempfile.TemporaryDirectory(prefix="featurestore-") as folder,
        embedded_server(Path(folder)) as embedded,
    ):
        yield embedded


def _show_views(store: FeatureStore) -> None:
    rows = [
        (
            view.name,
            ", ".join(key.name for key in view.join_keys),
            len(view.features),
            view.description.partition(".")[0],
        )
        for view in store.registry.feature_views.values()
    ]
    print_table(("feature view", "keys", "features", "description"), rows, right=("features",))


def _show_training_set(store: FeatureStore) -> None:
    job = store.get_historical_features(
        "ref:flight_delay_labels", feature_service="flight_delay", full_feature_names=True
    )
    table = job.to_arrow()
    features = [output.name for join in job.plan.joins for output in join.outputs]
    columns = [name for name in (*_SHOWN, features[0], features[-1]) if name in table.column_names]
    of_plane = [row for row in table.select(columns).to_pylist() if row["tailnum"] == _PLANE]
    of_plane.sort(key=lambda row: row["event_timestamp"])
    print_table(columns, [list(row.values()) for row in of_plane[-5:]])
    _say(
        f"{table.num_rows:,} rows, {len(features)} features from {len(job.plan.joins)} views,"
        f" one statement of {len(job.to_sql().splitlines())} lines of SQL;"
        f" shown are the last of the plane {_PLANE}"
    )


def _show_sync(store: FeatureStore) -> None:
    with publishing_views(wanted=stderr.is_terminal) as progress:
        print_sync_report(store.sync(progress=progress))
    again = store.sync()
    written = sum(view.written for view in again.views)
    _say(f"A second sync, with nothing changed, wrote {written} rows.")


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
    found: dict[str, Any] = {name: values[0] for name, values in online.to_dict().items()}
    equal = [name for name in online.statuses if found[name] == expected[name]]
    _say(
        f"{len(equal)} of {len(online.statuses)} online values equal the point-in-time join for now"
    )


def _farewell(folder: Path) -> None:
    stdout.print("\n[bold]What to type next[/bold]")
    if shutil.which("featurestore") is None:
        activate = Path(sys.prefix) / "bin" / "activate"
        _say(f". {shlex.quote(os.path.relpath(activate))}")
    if folder != Path():
        _say(f"cd {shlex.quote(str(folder))}")
    for command in (
        "featurestore show flight_delay",
        "featurestore sql ref:flight_delay_labels --service flight_delay --full-feature-names",
        f"featurestore why plane_features:seats -k tailnum={_PLANE} --at 2013-07-01T12:00",
        "featurestore --help",
    ):
        _say(command)
    _say("The tutorial trains a model on this: docs/tutorial/flight-delay.md")
