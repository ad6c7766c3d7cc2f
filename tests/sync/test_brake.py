"""The brake: a sync that would empty the online store stops before it writes."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from featurestore.errors import DefinitionProblems, RegistryError
from sync.safety.diagnosis import PublicationState
from tests.support.sync_project import NOW, SyncProject, View, day, rows_in_redis

LOADS = View("loads", {"id": "BIGINT"}, {"load": "DOUBLE"})
OTHERS = View("others", {"id": "BIGINT"}, {"load": "DOUBLE"})
SHORT = LOADS.but(ttl="10 days")


class Brakes:
    """A project and a server."""

    def __init__(self, project, url, client):
        self.project, self.url, self.client = project, url, client

    def sync(self, now=NOW, **options):
        """Run dry, then sync; check that the one foretells the other; return reports by view."""
        store = self.project.store(self.url, now)
        foretold, report = store.sync(**options, dry_run=True), store.sync(**options)
        assert foretold.held_back == report.held_back
        names = ("view", "rows_read", "changed", "written", "deleted", "newest_event_timestamp")
        assert [[getattr(view, name) for name in names] for view in foretold.views] == [
            [getattr(view, name) for name in names] for view in report.views
        ]
        return {view.view: view for view in report.views}

    def fill(self, view, rows, age=1):
        """Add rows to a view's table."""
        self.project.execute(
            f"INSERT INTO {view.name} SELECT range, TIMESTAMP '{day(age)}', 1.5 FROM range({rows})"
        )

    def online(self, view=LOADS):
        """Return the number of a view's rows in Redis."""
        prefix = f"fs:shop:{view.name}:"
        return sum(key.startswith(prefix) for key in rows_in_redis(self.url, "shop"))

    def status(self, view=LOADS, now=NOW):
        """Return a view's state, level and reason."""
        views = self.project.store(self.url, now).status().views
        (found,) = [status for status in views if status.view == view.name]
        return found.state, str(found.level), found.reason

    def kept(self):
        """Return all that a held back view must not touch: Redis, and the ledger's records."""
        stored = {key: self.client.dump(key) for key in self.client.scan_iter("fs*:*loads*")}
        with self.project.connect() as warehouse:
            records = warehouse.sql("FROM _featurestore_sync WHERE view = 'loads'").fetchall()
            rows = warehouse.sql('FROM "_featurestore_published__shop.loads" ORDER BY ALL')
            return stored, records, rows.fetchall()


@pytest.fixture
def brakes(tmp_path, redis_server, redis_client):
    """Two views of 100 rows, published."""
    project = SyncProject(tmp_path, LOADS, OTHERS, memory=True)
    brakes = Brakes(project, redis_server, redis_client)
    brakes.fill(LOADS, 100)
    brakes.fill(OTHERS, 100)
    brakes.sync()
    return brakes


@pytest.mark.parametrize("full", [False, True])
def test_an_emptied_table_does_not_empty_the_online_store(brakes, full):
    """The view keeps its rows, its epoch and its records; the other one is published."""
    before = brakes.kept()
    brakes.project.execute("DELETE FROM loads", "UPDATE others SET load = 2")
    reports = brakes.sync(full=full)

    assert reports["loads"].held_back == (
        "a sync would delete all of its 100 rows from Redis, which no max_deletes allows"
    )
    assert (0, 0, 0) == (
        reports["loads"].written,
        reports["loads"].deleted,
        reports["loads"].changed,
    )
    assert ("", 100) == (reports["others"].held_back, reports["others"].written)
    assert before == brakes.kept()
    assert (PublicationState.HELD_BACK, "error", reports["loads"].held_back) == brakes.status()


@pytest.mark.parametrize("full", [False, True])
def test_deletions_that_are_allowed(brakes, full):
    """The rows go, and with them the hold."""
    brakes.project.execute("DELETE FROM loads WHERE id < 60")
    assert brakes.sync(full=full)["loads"].held_back
    reports = brakes.sync(full=full, allow_deletes=True)

    assert ("", 60, 40) == (
        reports["loads"].held_back,
        reports["loads"].deleted,
        brakes.online(),
    )
    assert PublicationState.OK == brakes.status()[0]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("rows", "gone", "held"),
    [
        (100, 50, ""),
        (100, 51, "51 of its 100"),
        (10, 10, ""),
        (11, 11, "all of its 11"),
        (11, 9, ""),
    ],
)
def test_the_limit(tmp_path, redis_server, redis_client, full, rows, gone, held):
    """More than ten rows and more than half of them, or all of them."""
    project = SyncProject(tmp_path, LOADS, memory=True)
    brakes = Brakes(project, redis_server, redis_client)
    brakes.fill(LOADS, rows)
    brakes.sync()
    project.execute(f"DELETE FROM loads WHERE id < {gone}")
    report = brakes.sync(full=full)["loads"]

    assert held in report.held_back
    assert bool(held) == bool(report.held_back)
    assert (rows if held else rows - gone) == brakes.online()


@pytest.mark.parametrize("full", [False, True])
def test_the_limit_of_a_view_and_of_a_project(brakes, full):
    """A view's own limit counts before the project's; all rows at once are never within one."""
    settings = {"name": "shop", "profile": "shop", "vars": {"featurestore": {"max_deletes": "90%"}}}
    (brakes.project.folder / "dbt_project.yml").write_text(json.dumps(settings), encoding="utf-8")
    brakes.project.declare(LOADS, OTHERS.but(max_deletes="20 %"))
    brakes.project.execute("DELETE FROM loads WHERE id < 60", "DELETE FROM others WHERE id < 21")
    reports = brakes.sync(full=full)

    reason = "a sync would delete 21 of its 100 rows from Redis, more than 20%"
    assert ["", f"{reason}, the view's own max_deletes"] == [
        view.held_back for view in reports.values()
    ]
    brakes.project.declare(LOADS.but(max_deletes="100%"), OTHERS)
    brakes.project.execute("DELETE FROM loads")
    reports = brakes.sync(full=full)

    every = "a sync would delete all of its 40 rows from Redis, which no max_deletes allows"
    assert [every, ""] == [view.held_back for view in reports.values()]


@pytest.mark.parametrize(
    ("own", "project", "passed"),
    [
        ("20%", "30%", "20%, the view's own max_deletes"),
        (None, "30%", "30%, the project's max_deletes in dbt_project.yml"),
        (None, None, "50%, the default of max_deletes"),
    ],
)
@pytest.mark.parametrize("full", [False, True])
def test_the_message_names_the_limit_that_was_passed(brakes, full, own, project, passed):
    """By a dry run, which `sync` compares, by the run, and by the status after it."""
    if project:
        settings = {"name": "shop", "profile": "shop"}
        settings["vars"] = {"featurestore": {"max_deletes": project}}
        target = brakes.project.folder / "dbt_project.yml"
        target.write_text(json.dumps(settings), encoding="utf-8")
    brakes.project.declare(LOADS.but(max_deletes=own) if own else LOADS, OTHERS)
    brakes.project.execute("DELETE FROM loads WHERE id < 60")
    reason = f"a sync would delete 60 of its 100 rows from Redis, more than {passed}"
    assert reason == brakes.sync(full=full)["loads"].held_back
    assert reason == brakes.status()[2]


WRONG = pytest.mark.parametrize("wrong", [50, "half", "101%", 0.5, "-1%"])


@WRONG
def test_a_limit_of_a_view_that_is_none(brakes, wrong):
    """It is a problem of the definition."""
    brakes.project.declare(LOADS.but(max_deletes=wrong))
    with pytest.raises(DefinitionProblems, match=r"max_deletes: .* is not a percentage"):
        brakes.project.store(brakes.url).sync()


@WRONG
def test_a_limit_of_a_project_that_is_none(brakes, wrong):
    """Both `sync` and `validate` refuse it."""
    settings = {"name": "shop", "profile": "shop", "vars": {"featurestore": {"max_deletes": wrong}}}
    (brakes.project.folder / "dbt_project.yml").write_text(json.dumps(settings), encoding="utf-8")
    store = brakes.project.store(brakes.url)
    for command in (store.sync, lambda: store.validate(connect=False, lint=False)):
        with pytest.raises(RegistryError, match=r"max_deletes in .* is not a percentage"):
            command()


@pytest.mark.parametrize("full", [False, True])
def test_rows_whose_time_is_over_do_not_count(tmp_path, redis_server, redis_client, full):
    """All rows may expire at once; half of the others may be deleted."""
    project = SyncProject(tmp_path, SHORT, memory=True)
    brakes = Brakes(project, redis_server, redis_client)
    brakes.fill(SHORT, 100, age=9)
    project.execute("UPDATE loads SET observed_at = observed_at + INTERVAL 2 DAY WHERE id >= 60")
    brakes.sync()
    assert 100 == brakes.online()
    later = NOW + timedelta(days=2)
    project.execute("DELETE FROM loads WHERE id >= 79")
    assert "21 of its 40 rows" in brakes.sync(later, full=full)["loads"].held_back
    brakes.fill(SHORT, 100, age=7)
    project.execute("DELETE FROM loads WHERE id < 60 OR id >= 80")

    assert ("", 80) == (
        (report := brakes.sync(later, full=full)["loads"]).held_back,
        report.deleted,
    )
    assert "" == brakes.sync(later + timedelta(days=10), full=full)["loads"].held_back


@pytest.mark.parametrize("lost", ["columns", "ledger", "epoch"])
def test_a_full_sync_that_is_needed_is_held_back_too(brakes, lost):
    """For every reason: a new feature, another warehouse, a sync that did not finish."""
    if lost == "columns":
        brakes.project.execute("ALTER TABLE loads ADD COLUMN extra DOUBLE")
        more = View("loads", LOADS.keys, {**LOADS.features, "extra": "DOUBLE"})
        brakes.project.declare(more, OTHERS)
    elif lost == "ledger":
        brakes.project.execute("DROP TABLE _featurestore_sync")
    else:
        brakes.client.hdel("fs-meta:{shop}:view:loads", "epoch")
    brakes.project.execute("DELETE FROM loads")
    report = brakes.sync()["loads"]

    assert "all of its 100 rows" in report.held_back
    assert 100 == brakes.online()
    assert PublicationState.HELD_BACK == brakes.status()[0]
    assert 100 == brakes.sync(allow_deletes=True)["loads"].deleted


def test_a_repaired_table_ends_the_hold(brakes):
    """Not by a run that looks at recent events alone: it does not look for deletions."""
    brakes.project.execute("DELETE FROM loads")
    brakes.sync()
    brakes.project.store(brakes.url).sync(since=timedelta(days=2))
    assert PublicationState.HELD_BACK == brakes.status()[0]
    brakes.fill(LOADS, 100)
    brakes.sync()

    assert (PublicationState.OK, "pass", "") == brakes.status()


def test_a_hold_ends_with_the_rows(brakes):
    """A purge is not braked, and neither is the first sync after it, or after a flush."""
    brakes.project.execute("DELETE FROM loads WHERE id < 90")
    brakes.sync()
    brakes.client.flushall()
    assert PublicationState.LOST == brakes.status()[0]
    assert 10 == brakes.sync()["loads"].written
    brakes.project.execute("DELETE FROM others")
    brakes.sync()
    brakes.project.store(brakes.url).purge()

    assert set() == rows_in_redis(brakes.url, "shop")
    assert ["", ""] == [view.held_back for view in brakes.sync().values()]


def test_a_changed_key_is_not_braked(brakes):
    """Readers do not find rows of the old keys; also after a sync that was killed on its way."""
    accounts = View("loads", {"account": "BIGINT"}, LOADS.features)
    brakes.project.execute("DROP TABLE loads", "DROP TABLE ever__loads")
    brakes.project.declare(accounts, OTHERS)
    brakes.project.create(accounts)
    brakes.project.execute(
        "INSERT INTO loads SELECT 1000 + range, TIMESTAMP '2024-02-01', 1 FROM range(30)"
    )

    def fail(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        brakes.project.store(brakes.url).sync(progress=fail)
    assert PublicationState.INTERRUPTED == brakes.status()[0]
    report = brakes.sync()["loads"]

    assert ("", 30, 100) == (report.held_back, report.written, report.deleted)


def test_a_wider_key_is_braked(brakes):
    """A BIGINT that was an INTEGER finds the same rows."""
    brakes.project.execute("ALTER TABLE loads ALTER id TYPE INTEGER")
    brakes.sync()
    brakes.project.execute("ALTER TABLE loads ALTER id TYPE BIGINT", "DELETE FROM loads")

    assert "all of its 100 rows" in brakes.sync()["loads"].held_back


def test_unreadable_keys_do_not_count(brakes):
    """Garbage under a view's prefix is deleted, in any amount."""
    for number in range(300):
        brakes.client.set(f"fs:shop:loads:{{{1000 + number}}}", b"garbage")
        brakes.client.set(f"fs:shop:loads:{{x{number}}}", b"garbage")
    brakes.client.hset("fs:shop:loads:{9999}", "a", "b")
    report = brakes.sync(full=True)["loads"]

    assert ("", 601, 100) == (report.held_back, report.deleted, brakes.online())


def test_a_moment_in_the_past_is_braked(brakes):
    """A row that is not known yet leaves for another reason than its age."""
    assert "all of its 100 rows" in brakes.sync(NOW - timedelta(days=5))["loads"].held_back


def test_most_views_are_not_removed_at_once(tmp_path, redis_server, redis_client):
    """One view may always go, and half of the views; new names do not hide that most are gone."""
    views = [View(f"view_{number}", LOADS.keys, LOADS.features) for number in range(6)]
    project = SyncProject(tmp_path, *views, memory=True)
    brakes = Brakes(project, redis_server, redis_client)
    for view in views:
        brakes.fill(view, 1)
    brakes.sync()
    project.declare(*views[:3])
    assert "" == "".join(view.held_back for view in brakes.sync().values())
    renamed = [View(f"new_{number}", LOADS.keys, LOADS.features) for number in range(3)]
    project.create(*renamed)
    project.declare(*renamed, views[0])
    reports = brakes.sync()

    reason = "a sync would remove 2 of 3 published views at once, more than 50%, a fixed limit"
    assert {"view_1": reason, "view_2": reason} == {
        name: view.held_back for name, view in reports.items() if view.held_back
    }
    assert 1 == brakes.online(views[1])
    brakes.sync(allow_deletes=True)
    assert 0 == brakes.online(views[1])
    project.declare(views[0])
    assert 4 == len(brakes.sync())
    assert (PublicationState.HELD_BACK, "error") == brakes.status(renamed[0])[:2]
    brakes.sync(allow_deletes=True)
    project.declare()
    assert ["", 1] == [
        (report := brakes.sync()["view_0"]).held_back,
        report.deleted,
    ]


def test_a_view_without_rows_is_an_error(brakes):
    """Even if nothing was ever published, or everything was deleted as allowed."""
    brakes.project.execute("DELETE FROM loads")
    brakes.sync(allow_deletes=True)

    reason = "the warehouse has no row of it that is known by now"
    assert (PublicationState.EMPTY, "error", reason) == brakes.status()
