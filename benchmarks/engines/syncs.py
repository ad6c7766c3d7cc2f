"""Measure a sync after few changes, on engines that can hold the history and the ledger.

Three views have the same table. dbt says nothing of how the first one changes. It only adds rows to
the second one, and it replaces the newest days of the third one. One entity in a hundred gets a
newer row before each turn that looks for changes.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.engines.cpu import cpu_seconds, ratio
from benchmarks.engines.homes import HOMES, Home
from benchmarks.project import view_node, write_project
from featurestore import FeatureStore
from featurestore.demo.server import embedded_server

__all__ = ["measure"]

_HISTORY = 5
_NEWEST = datetime(2024, 1, 24, tzinfo=UTC)
"""The newest instant of the first load."""
_LOADED = _NEWEST + timedelta(days=7)
_NUMBER = "(hash(e, j, {n}) % 1000000)::BIGINT"
_FEATURES = {
    **{f"i{n}": ("bigint", _NUMBER.format(n=n)) for n in range(4)},
    **{f"d{n}": ("double", f"{_NUMBER.format(n=n + 4)} / 1000.0") for n in range(4)},
    "t0": ("varchar", f"'carrier ' || {_NUMBER.format(n=8)} % 50"),
    "t1": ("varchar", f"'tail number ' || {_NUMBER.format(n=9)}"),
}
_TYPES = {
    "id": "bigint",
    "seen_at": "timestamp",
    "written_at": "timestamp",
    **{name: kind for name, (kind, _) in _FEATURES.items()},
}
_NAMES = ", ".join(_TYPES)
_META = {"entities": {"entity": "id"}, "event_timestamp": "seen_at"}
VIEWS: dict[str, tuple[Mapping[str, object], Mapping[str, object]]] = {
    "untold": (_META, {}),
    "appended": (
        {**_META, "created_timestamp": "written_at"},
        {"materialized": "incremental", "incremental_strategy": "append"},
    ),
    "microbatch": (
        _META,
        {
            "materialized": "incremental",
            "incremental_strategy": "microbatch",
            "event_time": "seen_at",
            "batch_size": "day",
            "lookback": 1,
        },
    ),
}
"""The meta and the config of each view."""
TOLD = ("appended", "microbatch")
"""The views whose config in dbt says how they change."""
NEWEST = {
    "duckdb": {
        "row_number": "SELECT {names} FROM (SELECT *, row_number() OVER (PARTITION BY id"
        " ORDER BY seen_at DESC) AS r FROM {table}) AS ranked WHERE r = 1",
        "max and join": "SELECT {listed} FROM {table} AS f JOIN (SELECT id, max(seen_at) AS e"
        " FROM {table} GROUP BY id) AS n ON n.id = f.id AND n.e = f.seen_at",
    },
}
NEWEST["postgres"] = {
    **NEWEST["duckdb"],
    "DISTINCT ON": "SELECT DISTINCT ON (id) {names} FROM {table} ORDER BY id, seen_at DESC",
}
"""The newest row of each entity, written by hand."""
UNTOLD = "untold"
FULL, STATEMENT = "all rows again", "newest rows, featurestore"
_LABELS = {
    UNTOLD: "1 % changed, without being told",
    "appended": "1 % changed, dbt only adds rows",
    "microbatch": "1 % changed, dbt replaces the newest days",
}


@dataclass
class Bench:
    """The tables of one engine, and a Redis.

    Attributes:
        engine: The engine's name.
        home: Where the table is.
        folder: The project.
        url: The Redis server.
        entities: The number of entities.
        hour: The hours that have passed since the first load.
    """

    engine: str
    home: Home
    folder: Path
    url: str
    entities: int
    hour: int = 0
    seconds: dict[str, list[float]] = field(default_factory=dict)

    @property
    def views(self) -> tuple[str, ...]:
        """The views to publish: DuckDB cannot tell a table that was rebuilt, so no window helps."""
        return (UNTOLD,) if self.engine == "duckdb" else tuple(VIEWS)

    def write(self) -> None:
        """Write the project."""
        self.folder.mkdir(exist_ok=True)
        nodes = {
            name: view_node(
                name, _TYPES, meta, relation=self.home.relation.format("seen"), config=config
            )
            for name, (meta, config) in VIEWS.items()
        }
        write_project(self.folder, nodes, self.home.target)

    def change(self) -> None:
        """Give one entity in a hundred a newer row, other ones on each call."""
        self.hour += 1
        now = f"{_LOADED + timedelta(hours=self.hour):%Y-%m-%d %H:%M:%S}"
        values = ", ".join(
            f"{name} + {self.hour}" if kind in ("bigint", "double") else name
            for name, (kind, _) in _FEATURES.items()
        )
        self.home.execute(
            f"INSERT INTO seen SELECT id, TIMESTAMP '{now}', TIMESTAMP '{now}', {values} FROM seen"
            f" WHERE id % 100 = {self.hour % 100} AND seen_at = TIMESTAMP '{_NEWEST:%Y-%m-%d}'"
        )

    def sync(self, label: str, view: str, *, full: bool = False) -> None:
        """Publish a view, and note the processor time."""
        now = _LOADED + timedelta(hours=self.hour, minutes=30)
        with FeatureStore(self.folder, redis_url=self.url, now=now) as store:
            before = cpu_seconds(*self.home.servers)
            (report,) = store.sync(views=[view], full=full).views
            self._note(label, before)
        assert bool(report.compared_since) == (view in TOLD and not full), f"{label}: {report}"
        expected = self.entities if full else self.entities // 100
        assert report.written == expected, f"{label}: {report.written}, not {expected}"

    def newest(self) -> None:
        """Run the statements for the newest rows, ours and those by hand, and check their sums."""
        with (
            FeatureStore(self.folder, now=_LOADED + timedelta(days=9)) as store,
            store.warehouse() as warehouse,
        ):
            sums = {}
            for label, sql in self._statements(store).items():
                before = cpu_seconds(*self.home.servers)
                rows = warehouse.stream(sql).read_all()
                self._note(label, before)
                sums[label] = _sums(rows)
        assert len(set(sums.values())) == 1, f"they disagree: {sums}"

    def _statements(self, store: FeatureStore) -> dict[str, str]:
        from featurestore.sql.latest_rows import latest_rows

        view = store.registry.view(UNTOLD)
        ours = latest_rows(view, store.registry.dialect, store.now())
        listed = ", ".join(f"f.{name}" for name in _TYPES)
        table = self.home.relation.format("seen")
        by_hand = {
            f"newest rows, {name}": sql.format(names=_NAMES, listed=listed, table=table)
            for name, sql in NEWEST[self.engine].items()
        }
        return {STATEMENT: ours, **by_hand}

    def _note(self, label: str, before: float) -> None:
        found = cpu_seconds(*self.home.servers) - before
        self.seconds.setdefault(label, []).append(found)


def _sums(table: Any) -> str:
    import pyarrow.compute as pc

    return ":".join(str(pc.sum(table.column(f"i{n}")).as_py()) for n in range(4))


def measure(engine: str, entities: int, rounds: int, files: Path) -> Iterator[list[str]]:
    """Measure one engine, and yield the lines of the table."""
    _make(files, entities)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with (
            HOMES[engine](files, {"seen": _TYPES}, folder) as home,
            embedded_server(folder) as url,
        ):
            # Where a project has a file of DuckDB, the file is in the project's folder.
            bench = Bench(engine, home, folder, url, entities)
            bench.write()
            _first_load(bench)
            for number in range(rounds + 1):
                _turn(bench)
                if not number:
                    # Before it, the newest day of the table is the whole first load.
                    bench.seconds.clear()
            yield from _lines(f"{engine}, {entities // 1000}k", bench.seconds, engine)


def _first_load(bench: Bench) -> None:
    for view in bench.views:
        bench.sync(FULL, view, full=True)


def _turn(bench: Bench) -> None:
    bench.sync(FULL, UNTOLD, full=True)
    bench.change()
    for view in bench.views:
        bench.sync(view, view)
    bench.newest()


def _make(files: Path, entities: int) -> None:
    path = files / "seen.parquet"
    if path.exists():
        return
    files.mkdir(parents=True, exist_ok=True)
    features = ", ".join(f"{text} AS {name}" for name, (_, text) in _FEATURES.items())
    at = f"TIMESTAMP '{_NEWEST:%Y-%m-%d}' - to_days((7 * ({_HISTORY - 1} - j))::INTEGER)"
    duckdb.sql(
        f"COPY (SELECT e::BIGINT AS id, {at} AS seen_at, {at} AS written_at, {features}"
        f" FROM range({_HISTORY}) AS h(j), range({entities}) AS t(e)) TO '{path}'"
    )


def _lines(what: str, seconds: Mapping[str, Sequence[float]], engine: str) -> Iterator[list[str]]:
    print({name: [round(n, 2) for n in found] for name, found in seconds.items()}, file=sys.stderr)
    newest = [name for name in seconds if name.startswith("newest rows") and name != STATEMENT]
    best = min(newest, key=lambda name: statistics.median(seconds[name]))
    inside = engine == "duckdb"
    shown = [(STATEMENT, best, "1.25"), (UNTOLD, best, "" if inside else "1.30")]
    shown += [(FULL, UNTOLD, "at least 8" if inside else "")]
    shown += [(FULL, view, "at least 8") for view in TOLD if view in seconds]
    for above, below, goal in shown:
        found = ratio(seconds[above], seconds[below])
        yield [what, _LABELS.get(above, above), _LABELS.get(below, below), str(found), goal]
