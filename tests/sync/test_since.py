"""Looking only at what is recent: cheaper, and never wrong about what it looks at."""

from __future__ import annotations

from datetime import timedelta

import pytest

from featurestore.cli import main
from featurestore.errors import FeatureStoreError
from tests.support.sync_project import NOW, PLANES, SyncProject, assert_parity, day


@pytest.fixture
def project(tmp_path, redis_client):
    """Return a project that is published, in which much has changed since."""
    made = SyncProject(tmp_path, PLANES)
    rows = [(f"N{age}", day(age), day(0), 1.0, age, "x") for age in (1, 2, 5, 6)]
    made.insert(PLANES, *rows)
    return made


def delays(project, url):
    """Return what is online, by plane."""
    store = project.store(url)
    keys = {"tailnum": ["N1", "N2", "N5", "N6", "N7"]}
    return store.get_online_features(["plane_status:delay"], keys).values["delay"]


def test_only_entities_with_a_recent_event_are_looked_at(project, redis_server):
    """What is older is left as it was, deletions too, until a run looks at everything."""
    project.store(redis_server).sync()
    project.execute(
        "UPDATE plane_status SET delay = 2",
        "DELETE FROM plane_status WHERE tailnum IN ('N1', 'N6')",
    )
    project.insert(PLANES, ("N7", day(1.5), day(1), 7.0, 7, "new"))

    (report,) = project.store(redis_server).sync(since=timedelta(days=3)).views

    assert (2, 2, 0) == (report.changed, report.written, report.deleted)
    assert [1.0, 2.0, 1.0, 1.0, 7.0] == delays(project, redis_server)
    (report,) = project.store(redis_server).sync().views
    assert (3, 1, 2) == (report.changed, report.written, report.deleted)
    assert_parity(project, redis_server)


def test_a_row_counts_from_the_moment_it_is_known(tmp_path, redis_server, redis_client):
    """With a delay longer than `since`, each run still finds what became known before it."""
    late = PLANES.but(available_after="3 hours")
    project = SyncProject(tmp_path, late)
    project.insert(late, ("N1", day(2), day(2), 1.0, 1, "x"))
    project.store(redis_server).sync()
    hour = timedelta(hours=1)
    event = NOW + timedelta(minutes=30)
    project.insert(late, ("N1", event, event, 2.0, 1, "x"))

    changed = [
        project.store(redis_server, NOW + hours * hour).sync(since=2 * hour).views[0].changed
        for hours in (1, 2, 3, 4, 5)
    ]

    assert [0, 0, 0, 1, 0] == changed
    assert_parity(project, redis_server, NOW + 5 * hour)


def test_a_late_row_before_the_newest_changes_nothing(project, redis_server):
    """An entity's newest row among the recent ones is its newest of all."""
    project.store(redis_server).sync()
    project.insert(PLANES, ("N1", day(2.5), day(0), 9.0, 9, "late"))

    (report,) = project.store(redis_server).sync(since=NOW - timedelta(days=3)).views

    assert 0 == report.changed
    assert_parity(project, redis_server)


def test_what_was_never_published_is_published_whole(project, redis_server):
    """There is nothing to compare with, so there is nothing to leave out."""
    (report,) = project.store(redis_server).sync(since=timedelta(days=3)).views
    assert (True, 4) == (report.full, report.written)
    assert_parity(project, redis_server)


def test_a_dry_run_counts_the_same(project, redis_server):
    """It looks at what the run would look at."""
    store = project.store(redis_server)
    store.sync()
    project.execute("UPDATE plane_status SET delay = 2")
    (dry,) = store.sync(since=timedelta(days=3), dry_run=True).views
    (done,) = store.sync(since=timedelta(days=3)).views
    assert (2, 2, 0) == (dry.changed, dry.written, dry.deleted)
    assert (dry.changed, dry.written) == (done.changed, done.written)


def test_the_lag_counts_from_the_last_run_that_looked_at_everything(project, redis_server):
    """A narrow run does not vouch for what it did not look at."""
    project.store(redis_server).sync()
    later = NOW + timedelta(hours=6)
    project.store(redis_server, later).sync(since=timedelta(days=3))
    (view,) = project.store(redis_server, later).status().views
    assert timedelta(hours=6) == view.lag


def test_a_run_that_goes_back_in_time_looks_at_everything(project, redis_server):
    """What was published of later moments is not left behind at entities without a recent event."""
    then = NOW - timedelta(days=3)
    project.insert(PLANES, ("N1", day(20), day(19), 5.0, 5, "old"))
    project.store(redis_server).sync()
    (dry,) = project.store(redis_server, then).sync(since=timedelta(days=3), dry_run=True).views
    (report,) = project.store(redis_server, then).sync(since=timedelta(days=3)).views
    assert (2, 1, 1) == (report.changed, report.written, report.deleted)
    assert (2, 1, 1) == (dry.changed, dry.written, dry.deleted)
    assert_parity(project, redis_server, then)


def test_full_and_since_exclude_each_other(project, redis_server):
    """One looks at everything, the other does not."""
    with pytest.raises(FeatureStoreError, match="exclude each other"):
        project.store(redis_server).sync(full=True, since=timedelta(days=3))


@pytest.mark.parametrize(
    ("since", "changed"), [("3 days", 2), ((NOW - timedelta(days=3)).isoformat(), 2)]
)
def test_the_command_takes_a_time_or_an_age(project, redis_server, capsys, since, changed):
    """Both say the same."""
    project.store(redis_server).sync()
    project.execute("UPDATE plane_status SET delay = 2")
    options = ["--project-dir", str(project.folder), "--redis-url", redis_server]
    options += ["--now", NOW.isoformat(), "--format", "json", "--quiet"]
    with pytest.raises(SystemExit) as ended:
        main(["sync", "--since", since, *options])
    assert not ended.value.code
    assert f'"changed": {changed}' in capsys.readouterr().out


def test_a_time_that_is_none_is_refused(project, redis_server, capsys):
    """As wrong usage, with both forms shown."""
    with pytest.raises(SystemExit) as ended:
        main(["sync", "--since", "lately", "--project-dir", str(project.folder)])
    assert 2 == ended.value.code
    assert "neither a timestamp nor a duration" in capsys.readouterr().err
