"""The explanation of one value: each row of the entity with its verdict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from featurestore.cli import main
from featurestore.errors import EntityFrameError, RegistryError, UnknownFeature
from tests.support.builders import Table, column, model, tiny_project

COLUMNS = {
    "tailnum": "varchar",
    "observed_at": "timestamp",
    "loaded_at": "timestamp",
    "delay": "double",
}
HISTORY = Table(
    COLUMNS,
    [
        ("N1", "2024-03-01 10:00", "2024-03-01 10:01", 1.0),
        ("N1", "2024-03-01 11:00", "2024-03-01 11:01", 2.0),
        ("N1", "2024-03-01 11:00", "2024-03-01 11:02", 3.0),
        ("N1", "2024-03-01 11:00", "2024-03-05 00:00", 4.0),
        ("N1", "2024-03-01 11:50", "2024-03-01 11:51", 5.0),
        ("N1", "2024-02-20 00:00", "2024-02-20 00:01", 6.0),
        ("N1", None, "2024-03-01 10:01", 7.0),
        ("N2", "2024-03-01 11:00", "2024-03-01 11:01", 8.0),
    ],
)
NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return a store of one view with a row for every verdict."""
    declared = model(
        columns=COLUMNS, created_timestamp="loaded_at", ttl="2 days", available_after="15 minutes"
    )
    return tiny_project(tmp_path_factory.mktemp("why"), [declared], {"plane_features": HISTORY})


def verdicts(store, **options):
    """Return the verdict of each value of N1 at noon, the chosen one first."""
    found = store.why("plane_features:delay", {"tailnum": "N1"}, NOON, **options)
    return dict(
        zip(*(found.column(name).to_pylist() for name in ("value", "verdict")), strict=True)
    )


def test_every_row_has_its_reason(store):
    """The chosen row comes first, and each other one says why it is not it."""
    found = verdicts(store)

    assert {
        4.0: "chosen",
        5.0: "not known yet",
        3.0: "lost the tie",
        2.0: "lost the tie",
        1.0: "superseded by a newer row",
        6.0: "older than the ttl",
        7.0: "no event timestamp",
    } == found
    assert 4.0 == next(iter(found))


def test_as_known_rejects_what_was_written_later(store):
    """With as_known the backfill is out, and the row known by then is chosen."""
    found = verdicts(store, as_known=True)

    assert ("written later", "chosen") == (found[4.0], found[3.0])
    assert 3.0 == next(iter(found))


@pytest.mark.parametrize("as_known", [False, True])
def test_the_chosen_row_is_that_of_the_training_set(store, as_known):
    """The explanation explains what the training set has."""
    row = "SELECT 'N1' AS tailnum, TIMESTAMP '2024-03-01 12:00' AS event_timestamp"
    job = store.get_historical_features(row, "plane_features:delay", as_known=as_known)
    chosen = [v for v, verdict in verdicts(store, as_known=as_known).items() if verdict == "chosen"]

    assert job.to_arrow().column("delay").to_pylist() == chosen


def test_the_limit_keeps_the_chosen_row(store):
    """However few rows are shown, the chosen one is among them."""
    assert {4.0: "chosen"} == verdicts(store, limit=1)


def test_an_entity_without_rows(store):
    """An entity without rows gives an empty result, not an error."""
    found = store.why("plane_features:delay", {"tailnum": "N9"}, NOON)

    assert 0 == found.num_rows
    assert ["event_timestamp", "created_timestamp", "value", "verdict"] == found.column_names


@pytest.mark.parametrize(
    ("feature", "keys", "kind", "message"),
    [
        ("plane_features:dely", {"tailnum": "N1"}, UnknownFeature, "Did you mean 'delay'?"),
        ("plane_features:delay", {}, EntityFrameError, "'tailnum' of 'plane_features' is missing"),
        ("plane_features:delay", {"tail": "N1"}, EntityFrameError, "Did you mean 'tailnum'?"),
    ],
)
def test_what_cannot_be_explained(store, feature, keys, kind, message):
    """A wrong feature or key is named, with what is right."""
    with pytest.raises(kind) as error:
        store.why(feature, keys, NOON)

    assert message in str(error.value)


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """Return a store with a row for each day of the year, and one without an event timestamp."""
    columns = {"tailnum": "varchar", "observed_at": "timestamp", "delay": "integer"}
    year = [("N1", datetime(2024, 1, 1) + timedelta(days=day), day) for day in range(366)]  # noqa: DTZ001
    history = Table(columns, [*year, ("N1", None, -1)])
    folder = tmp_path_factory.mktemp("long")
    return tiny_project(folder, [model(columns=columns)], {"plane_features": history})


def test_the_nearest_rows_are_shown(long):
    """Those before the instant and those after it in turn, the chosen one first."""
    found = long.why("plane_features:delay", {"tailnum": "N1"}, NOON, limit=6)

    assert [60, 61, 62, 59, 63, 58] == found.column("value").to_pylist()


def test_what_is_not_shown_is_told(long, capsys):
    """That there are more rows, or that none of them could be used."""
    command = ["why", "plane_features:delay", "-e", "tailnum=N1"]
    command += ["--project-dir", str(long.project.folder)]

    with pytest.raises(SystemExit):
        main([*command, "--at", "2024-03-01T12:00", "--limit", "6"])
    assert "the 6 rows nearest to that instant; --limit shows more" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*command, "--at", "2023-03-01T12:00", "--limit", "400"])
    assert "No row is valid at that instant, so the value is NULL." in capsys.readouterr().err


SECRET = "kim@example.com"
PEOPLE = {
    "tailnum": "varchar",
    "observed_at": "timestamp",
    "email": "varchar",
    "seats": "integer",
}
EMAIL = "people:email"
ASKED = ({"tailnum": "N1"}, NOON)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Return a store with personal data."""
    columns = [column(name, kind, pii=name == "email") for name, kind in PEOPLE.items()]
    history = Table(PEOPLE, [("N1", "2024-03-01 10:00", SECRET, 2)])
    folder = tmp_path_factory.mktemp("people")
    return tiny_project(folder, [model("people", columns)], {"people": history})


@pytest.mark.parametrize("allow", [False, [], "people:seats"])
def test_personal_data_is_not_shown(people, allow):
    """Without an allowance, or with that of another feature, it is refused with what to say."""
    with pytest.raises(RegistryError) as error:
        people.why(EMAIL, *ASKED, allow_pii=allow)

    assert f"'{EMAIL}' is personal data (`pii: true`)" in error.value.message
    assert f'allow_pii=["{EMAIL}"] (--allow-pii {EMAIL} on' in error.value.remedy


def test_an_allowance_must_lead_somewhere(people):
    """A misspelled one is told as such."""
    with pytest.raises(UnknownFeature, match="Did you mean 'email'"):
        people.why(EMAIL, *ASKED, allow_pii=["people:emial"])


def test_what_is_no_personal_data_needs_no_allowance(people):
    """A view's other features are shown as ever."""
    assert [2] == people.why("people:seats", *ASKED).column("value").to_pylist()


@pytest.mark.parametrize("allow", [True, EMAIL, [EMAIL], ["people:*"]])
def test_personal_data_is_shown_where_it_is_allowed(people, allow):
    """Each form of an allowance does."""
    assert [SECRET] == people.why(EMAIL, *ASKED, allow_pii=allow).column("value").to_pylist()


@pytest.mark.parametrize("format_", ["table", "json"])
def test_the_command_line_asks_for_an_allowance(people, capsys, format_):
    """Without `--allow-pii` it is one line and exit code 1, and the value is not in it."""
    folder = str(people.project.folder)
    command = ["why", EMAIL, "--key", "tailnum=N1", "--at", "2024-03-01T12:00"]
    command += ["--project-dir", folder, "--format", format_]
    with pytest.raises(SystemExit) as stopped:
        main(command)
    refused = capsys.readouterr()
    with pytest.raises(SystemExit) as shown:
        main([*command, "--allow-pii", EMAIL])

    assert (1, "") == (stopped.value.code, refused.out)
    assert f"--allow-pii {EMAIL}" in refused.err
    assert SECRET not in refused.err
    assert not shown.value.code
    assert SECRET in capsys.readouterr().out
