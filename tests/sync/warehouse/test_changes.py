"""Random histories: after any events between syncs, the law holds after each sync."""

# ruff: noqa: ARG002, every step is told all of itself

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import redis
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from sync.warehouse import change_finder
from tests.support.examples import examples
from tests.support.sync_project import (
    NOW,
    PLANES,
    ROUTES,
    WEATHER,
    SyncProject,
    View,
    assert_parity,
    comparable,
    day,
)

VIEWS = (PLANES.but(ttl="4 days", available_after="6 hours"), ROUTES, WEATHER)
KEYS = {"plane_status": [("a",), (None,), ("",)], "route_load": [("x", 1), ("x,1", 1)]}
DAYS = st.sampled_from([-1.0, 0.0, 0.25, 1.0, 2.0, 3.0, 4.0, 4.25, 5.0])
NUMBERS = st.sampled_from([0.0, -0.0, 1.5, float("nan"), None])


@dataclass(frozen=True)
class Step:
    """One thing that happens to the project, its moment or its server."""

    what: str
    view: View = PLANES
    row: tuple = ()
    where: str = "TRUE"
    days: float = 0.0
    full: bool = False

    @property
    def table(self) -> str:
        """The view's table, quoted."""
        return f'"{self.view.name}"'

    @property
    def condition(self) -> str:
        """Which of its rows are meant."""
        return self.where.format(table=self.table)


@st.composite
def rows(draw, view):
    key = draw(st.sampled_from(KEYS.get(view.name, [()])))
    written = [draw(st.none() | DAYS.map(day))] if view.created else []
    number = draw(NUMBERS)
    if view.name == "plane_status":
        features = [number, draw(st.integers(0, 2)), draw(st.sampled_from([None, "", "é"]))]
    elif view.name == "route_load":
        features = [draw(st.none() | st.integers(0, 2))]
    else:
        features = [number, draw(st.none() | st.booleans())]
    return (*key, day(draw(DAYS)), *written, *features)


def steps():
    views = st.sampled_from(VIEWS)
    inserts = views.flatmap(lambda view: rows(view).map(lambda row: Step("insert", view, row)))
    wheres = st.sampled_from(
        ["TRUE", "random() < 0.5", "observed_at = (SELECT max(observed_at) FROM {table})"]
    )
    return st.one_of(
        inserts,
        inserts,
        st.builds(Step, st.just("delete"), views, where=wheres),
        st.builds(Step, st.just("restate"), views, where=wheres),
        st.builds(Step, st.just("move"), days=st.sampled_from([-3.0, -0.5, 0.5, 2.0, 5.0])),
        st.builds(Step, st.sampled_from(["flush", "forget", "crash", "ttl", "offline"])),
        st.builds(Step, st.sampled_from(["lose", "sync one"]), views),
        st.builds(Step, st.just("sync"), full=st.booleans()),
    )


class World:
    """A project, its moment and its server."""

    def __init__(self, folder: Path, url: str, client: redis.Redis) -> None:
        self.project = SyncProject(folder, *VIEWS, memory=True)
        self.url = url
        self.client = client
        self.now = NOW

    def take(self, step: Step) -> None:
        """Let a step happen."""
        getattr(self, step.what.replace(" ", "_"))(step)

    def insert(self, step: Step) -> None:
        """Add a row: a new one, a late one, one of the future, or one for the same event."""
        self.project.insert(step.view, step.row)

    def delete(self, step: Step) -> None:
        """Take rows away."""
        self.project.execute(f"DELETE FROM {step.table} WHERE {step.condition}")

    def restate(self, step: Step) -> None:
        """Correct rows in place, later than they were written where they say so."""
        feature = next(iter(step.view.features))
        changes = f"{feature} = 1 - coalesce({feature}, 0)"
        if step.view.created:
            changes += ", written_at = written_at + INTERVAL 1 HOUR"
        self.project.execute(f"UPDATE {step.table} SET {changes} WHERE {step.condition}")

    def move(self, step: Step) -> None:
        """Let time go on, or back."""
        self.now += timedelta(days=step.days)

    def flush(self, step: Step) -> None:
        """Empty the server."""
        self.client.flushall()

    def forget(self, step: Step) -> None:
        """Lose the ledger's entries."""
        self.project.execute("DROP TABLE IF EXISTS _featurestore_sync")

    def lose(self, step: Step) -> None:
        """Lose the view's metadata and a row with it, as it loses its last seconds."""
        name = step.view.name
        rows = sorted(self.client.scan_iter(match=f"fs:shop:{name}:*"))
        self.client.delete(f"fs-meta:{{shop}}:view:{name}", *rows[:1])

    def ttl(self, step: Step) -> None:
        """Declare another ttl."""
        self._declare(ttl="2 days" if self._planes.own["ttl"] == "4 days" else "4 days")

    def offline(self, step: Step) -> None:
        """Take a view offline, or back."""
        self._declare(online=not self._planes.own.get("online", True))

    def crash(self, step: Step) -> None:
        """Begin a sync, and fail as soon as rows were sent."""

        def fail(event):
            raise _Crash

        with suppress(_Crash):
            self._store.sync(progress=fail)

    def sync(self, step: Step) -> None:
        """Sync all, check the law, and that another sync has nothing to do."""
        self._store.sync(full=step.full)
        assert_parity(self.project, self.url, self.now)
        again = self._store.sync()
        assert [0] * len(again.views) == [view.changed for view in again.views]

    def sync_one(self, step: Step) -> None:
        """Sync one view alone."""
        if self.project.views[step.view.name].own.get("online", True):
            self._store.sync(views=[step.view.name])

    @property
    def _planes(self) -> View:
        return self.project.views["plane_status"]

    @property
    def _store(self):
        return self.project.store(self.url, self.now)

    def _declare(self, **own: object) -> None:
        planes = replace(self._planes, own={**self._planes.own, **own})
        self.project.declare(planes, *VIEWS[1:])


class _Crash(Exception):
    pass


@pytest.mark.parametrize("many", [0, 100_000], ids=["suspects first", "all at once"])
@examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(steps(), min_size=1, max_size=10))
def test_after_any_history_a_sync_makes_online_equal_to_history(
    redis_server, monkeypatch, many, story
):
    """Inserts, late and restated rows, deletions, moves in time, lost records: a sync heals all."""
    monkeypatch.setattr(change_finder, "_LARGE_ROWS", many)
    with (
        TemporaryDirectory() as folder,
        redis.Redis.from_url(redis_server) as client,
    ):
        client.flushall()
        world = World(Path(folder), redis_server, client)
        for step in [*story, Step("sync")]:
            world.take(step)


@pytest.mark.parametrize("value", [float("nan"), [1.0, float("nan")], "x"])
def test_nan_compares_equal_to_itself_alone(value):
    """The judge of values does not take NaN for anything else."""
    assert comparable(value) == comparable(value)
    assert comparable(value) != comparable(1.0)
