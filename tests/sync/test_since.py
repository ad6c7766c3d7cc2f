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


@pytest.mark.parametrize("changed", [True, False])
def test_status_and_verify_count_from_the_last_run_of_any_kind(project, redis_server, changed):
    """Redis alone records the moment of its rows, so a narrow run's rows are not called wrong."""
    project.store(redis_server).sync()
    hour = timedelta(hours=1)
    if changed:
        project.insert(PLANES, ("N1", NOW + hour, NOW + hour, 99.0, 1, "new"))
    later = project.store(redis_server, NOW + 2 * hour)

    assert changed == later.sync(since=2 * hour).views[0].changed

    (found,) = later.verify(sample=None).views
    assert (NOW + 2 * hour, [], 0) == (found.as_of, found.differences, found.unknown)
    (view,) = later.status().views
    assert (NOW + 2 * hour, timedelta(), True) == (view.as_of, view.lag, view.newest_is_online)
    assert_parity(project, redis_server, NOW + 2 * hour)


def test_rows_that_a_narrow_run_leaves_to_expire_are_not_called_wrong(project, redis_server):
    """Readers say EXPIRED; a row that is deleted at the source is still found."""
    project.store(redis_server).sync()
    month = NOW + timedelta(days=27)
    store = project.store(redis_server, month)
    project.insert(PLANES, ("N7", month - timedelta(hours=1), NOW, 7.0, 7, "new"))
    store.sync(since=timedelta(days=3))

    assert store.verify(sample=None).good
    assert ["EXPIRED", "EXPIRED"] == [
        str(
            store.get_online_features("plane_status:delay", {"tailnum": [name]}).statuses["delay"][
                0
            ]
        )
        for name in ("N5", "N6")
    ]
    project.execute("DELETE FROM plane_status WHERE tailnum IN ('N1', 'N6')")
    assert 1 == store.verify(sample=None).views[0].unknown


def test_a_narrow_run_leaves_no_gap_after_an_outage(project, redis_server):
    """With a last run longer ago than `since`, the run looks at all events since the last run."""
    project.store(redis_server).sync()
    event = NOW + timedelta(hours=1)
    project.insert(PLANES, ("N1", event, event, 2.0, 1, "x"))
    later = NOW + timedelta(days=1)

    (report,) = project.store(redis_server, later).sync(since=timedelta(hours=2)).views

    assert 1 == report.changed
    assert_parity(project, redis_server, later)


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
