"""A canary in a marked column: no command shows it, writes it to a file or sends it to Redis."""

from __future__ import annotations

import json
import logging
import shutil

import duckdb
import pytest

from featurestore import FeatureStore
from featurestore.cli import main
from featurestore.cli.app import _COMMANDS
from featurestore.errors import WarehouseError
from tests.support.builders import PROJECT, column
from tests.support.personal_project import (
    CANARY,
    KEYS,
    RAW,
    build,
    redis_texts,
    sql_model,
    staging,
    view,
)

STG = [f"model.{PROJECT}.stg"]
LATER = "canary.later@example.com"
BROKEN = "canary"
"""A part of both canaries, as a substring or a broken escape would show it."""


def _models():
    columns = [column(key, kind) for key, kind in KEYS.items()]
    keyed = 'select contact as tailnum, observed_at, orders from "main"."stg"'
    copies = (
        "select tailnum, observed_at, contact, upper(contact) as shout, [contact] as listed,"
        ' orders, count(contact) over () as n from "main"."stg"'
    )
    own = 'select tailnum, observed_at, contact as email, orders from "main"."stg"'
    return (
        staging(),
        sql_model("own", own, STG, [*columns, column("email", pii=True), column("orders")]),
        sql_model(
            "copies", copies, STG,
            [*columns, *map(column, ("contact", "shout", "listed", "orders", "n"))],
        ),
        sql_model("keyed", keyed, STG, [*columns, column("orders")]),
    )  # fmt: skip


NAMED = ("--event-timestamp", "observed_at", "--full-feature-names")
COMMANDS = (
    ["list"],
    ["list", "features", "--format", "json"],
    ["show", "own"],
    ["show", "copies", "--format", "json"],
    ["validate"],
    ["validate", "--format", "json"],
    ["validate", "--format", "github"],
    ["sql", "ref:stg", "-f", "own:*", *NAMED],
    ["sql", "ref:stg", "-f", "own:*", *NAMED, "--explain"],
    ["train", "ref:stg", "-f", "copies:*", *NAMED],
    ["train", "stg", "-f", "own:*", *NAMED, "-o", "out.parquet",
     "--table", "trained", "--dbt-model", "models/trained.sql"],
    ["train", "--check", "out.card.json"],
    ["train", "-f", "own:*", "-f", "copies:*", "--full-feature-names", "--format", "json"],
    ["train", "select tailnum, observed_at, contact from stg", "-f", "own:orders"],
    ["train", "-f", "keyed:*"],
    ["why", "own:email", "-k", "tailnum=N1", "--at", "2024-03-01"],
    ["why", "copies:shout", "-k", "tailnum=N1", "--at", "2024-03-01"],
    ["why", "own:orders", "-k", "tailnum=N1", "--at", "2024-03-01", "--format", "json"],
    ["sync", "--dry-run"],
    ["sync"],
    ["sync", "--quiet", "--format", "json"],
    ["sync", "--full"],
    ["get", "-f", "copies:*", "-e", "tailnum=N1"],
    ["get", "-f", "own:email", "-e", "tailnum=N1"],
    ["get", "-f", "keyed:orders", "-e", "tailnum=N1", "--format", "json"],
    ["status"],
    ["status", "--format", "json"],
    ["verify", "--all"],
    ["lineage", "copies:shout"],
    ["lineage", "--upstream", "raw.customers.email", "--format", "json"],
    ["lineage", "copies", "-o", "lineage.html"],
    ["diff", "--state", "state", "--format", "markdown"],
    ["docs"],
    ["init"],
    ["init", "--model", "stg", "--entity", "plane=tailnum", "--event-timestamp", "observed_at"],
    ["purge", "--yes"],
)  # fmt: skip
NOT_RUN = {"demo", "token", "serve", "mcp"}
"""A command on a project of its own, one without a project, and two with tests of their own."""


@pytest.fixture
def folder(tmp_path, redis_server, redis_client, monkeypatch):
    """Stand in the built project."""
    build(tmp_path, *_models())
    shutil.copytree(tmp_path / "target", tmp_path / "state")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEATURESTORE_REDIS_URL", redis_server)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "300")
    return tmp_path


@pytest.fixture
def run(folder, capsys, caplog):
    """Run a command; return its exit code and everything that it said."""
    caplog.set_level(logging.DEBUG)

    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return stopped.value.code or 0, said.out + said.err + caplog.text

    return run


def _files(folder):
    """Return the texts of all files but the warehouse's own, Parquet decoded too."""
    texts = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("warehouse.duckdb"):
            texts.append(path.read_text(encoding="utf-8", errors="replace"))
        if path.suffix == ".parquet":
            texts.append(str(duckdb.sql(f"FROM '{path}'").fetchall()))
    return "\n".join(texts)


def _leaks(text):
    return BROKEN in text.lower()


def test_no_command_shows_personal_data(folder, run, redis_client):
    """Without an allowance, every command runs, and none shows or stores the value."""
    found = []
    for arguments in COMMANDS:
        code, said = run(*arguments)
        assert code in (0, 1), (arguments, said)
        shown = {"said": said, "files": _files(folder), "redis": str(redis_texts(redis_client))}
        found += [(arguments, where) for where, text in shown.items() if _leaks(text)]
    with duckdb.connect("warehouse.duckdb") as connection:
        trained = str(connection.execute("FROM trained").fetchall())

    assert [] == found
    assert not _leaks(trained)
    assert {*_COMMANDS} == {arguments[0] for arguments in COMMANDS} | NOT_RUN


def test_verify_does_not_show_what_was_allowed_online(folder, run, redis_server):
    """The sync may store them, but a log must not show them: both sides are hidden."""
    run("sync", "--allow-pii", "own:*", "--allow-pii", "copies:*", "--allow-pii", "keyed:*")
    with duckdb.connect("warehouse.duckdb") as connection:
        for name, changed in (("own", "email"), ("copies", "shout"), ("keyed", "tailnum")):
            connection.execute(f"UPDATE {name} SET {changed} = '{LATER}', orders = 4")
    for options in (("--all",), ("--format", "json"), ("--all", "--format", "json")):
        code, said = run("verify", *options)
        assert (1, False) == (code, _leaks(said))
        assert "(personal data)" in said
    differences = {
        (view.view, one.feature): (one.expected, one.found)
        for view in FeatureStore(folder, redis_url=redis_server).verify(sample="all").views
        for one in view.differences
    }

    assert ("(personal data)", "(personal data)") == differences["own", "email"]
    assert ("(personal data)", "(personal data)") == differences["copies", "shout"]
    assert (4, 3) == differences["own", "orders"]
    assert ("keyed", "*") in differences


def test_status_does_not_show_what_was_allowed_online(run):
    """No command about the online store prints a value, though it is there by allowance."""
    allowed = ("--allow-pii", "own:*", "--allow-pii", "keyed:*")
    for arguments in (
        ("sync", *allowed),
        ("sync", "--dry-run", *allowed),
        ("sync", "--full", "--quiet", "--format", "json", *allowed),
        ("status",),
        ("status", "--format", "json"),
        ("verify", "--all", "--format", "json"),
        ("purge",),
    ):
        code, said = run(*arguments)
        assert (0, False) == (code, _leaks(said)), (arguments, said)


def test_a_key_of_another_layout_is_not_shown(run, redis_client):
    """Its join keys are not known, so they may be personal data."""
    run("sync", "--allow-pii", "keyed:*")
    (key,) = redis_client.keys("fs:*:keyed:*")
    redis_client.copy(key, key.replace(b"}", b",2}"))

    _, said = run("verify", "--all", "--format", "json")

    assert '"key in Redis": "(personal data)"' in said
    assert not _leaks(said)


def test_a_null_inside_of_an_array_does_not_show_a_personal_key(folder, run):
    """The error names the row by the other keys."""
    sql = (
        "select contact as tailnum, orders as part, observed_at, [1.0, null]::float[2] as v"
        ' from "main"."stg"'
    )
    columns = [*map(column, ("tailnum", "part", "observed_at", "v"))]
    parts = sql_model("parts", sql, STG, columns, entities={"part": ["tailnum", "part"]})
    build(folder, staging(), parts)

    code, said = run("sync", "--allow-pii", "parts:*")

    assert (1, False) == (code, _leaks(said))
    assert "of the array of tailnum=(personal data), part=3" in " ".join(said.split())


@pytest.mark.parametrize("broken", [False, True], ids=["traced", "with a problem"])
def test_validate_does_not_show_a_key_whose_validities_overlap(folder, run, broken):
    """The key and the instant may be personal data; without lineage, every value may be."""
    columns = [
        column("tailnum", "varchar"),
        *map(column, ("observed_at", "ends")),
        column("orders", **({"feature": "?"} if broken else {})),
    ]
    sql = (
        "select contact as tailnum, observed_at + interval (i) hour as observed_at, cast(null as"
        ' timestamp) as ends, orders from "main"."stg", range(2) as r(i)'
    )
    build(folder, staging(), sql_model("keyed", sql, STG, columns, valid_until="ends"))

    _, said = run("validate", "--no-lint")

    assert "1 key overlap, such as tailnum=(personal data) at" in said
    assert not _leaks(said)


@pytest.mark.parametrize("rows", [1, 200_000])
def test_an_error_of_a_conversion_does_not_quote_the_value(folder, run, rows, redis_server):
    """The engine quotes the value; the message keeps the kind of error, and what was done."""
    with duckdb.connect("warehouse.duckdb") as connection:
        connection.execute(
            "INSERT INTO raw_customers SELECT 'N' || (i + 2)::VARCHAR, TIMESTAMP '2024-02-01', '7',"
            f" 3 FROM range({rows}) AS r(i)"
        )
        connection.execute("DROP TABLE own")
        connection.execute(
            "CREATE VIEW own AS SELECT tailnum, observed_at, CAST(email AS INTEGER) AS email,"
            " orders FROM raw_customers ORDER BY tailnum DESC"
        )
    allowed = ("--allow-pii", "own:*")
    entities = "select tailnum, observed_at from raw_customers"
    for arguments in (
        ("sync", *allowed),
        ("sync", "--dry-run", *allowed),
        ("train", entities, "-f", "own:email", "--event-timestamp", "observed_at", *allowed),
        ("train", entities, "-f", "own:email", "--event-timestamp", "observed_at", *allowed,
         "-o", "out.parquet"),
        ("why", "own:email", "-k", "tailnum=N1", "--at", "2024-03-01", *allowed),
        ("docs",),
    ):  # fmt: skip
        code, said = run(*arguments)
        assert code == (0 if arguments == ("docs",) else 1), (arguments, said)
        assert not _leaks(said), (arguments, said)
        assert "ConversionException" in said or "OSError" in said, said
        assert "personal data" in said
    with pytest.raises(WarehouseError) as error:
        FeatureStore(folder, redis_url=redis_server).sync(["own"], allow_pii=True)
    assert error.value.__suppress_context__


def test_a_project_without_marks_quotes_the_engine(tmp_path, monkeypatch):
    """The words of the engine help, where they cannot quote personal data."""
    broken = view("orders")
    build(tmp_path, staging(), broken, source={**RAW, "columns": {}})
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("DROP TABLE v")
        connection.execute(
            "CREATE VIEW v AS SELECT tailnum, observed_at, CAST(email AS INTEGER) AS f, orders"
            " FROM raw_customers"
        )
    store = FeatureStore(tmp_path)

    with pytest.raises(WarehouseError, match="Could not convert string"):
        store.get_historical_features("ref:stg", ["v:f"], event_timestamp="observed_at").to_arrow()


def test_the_card_and_the_ledger_name_what_passed(folder, run):
    """The allowed columns are recorded by name, and the values are where they were allowed."""
    reference = "raw.customers:email"
    code, _ = run(
        "train", "ref:stg", "-f", "own:orders", *NAMED, "--allow-pii", reference,
        "-o", "out.parquet",
    )  # fmt: skip
    card = json.loads((folder / "out.card.json").read_text(encoding="utf-8"))

    assert (0, [reference]) == (code, card["request"]["personal_data"])
    assert CANARY in str(duckdb.sql("FROM 'out.parquet'").fetchall())
