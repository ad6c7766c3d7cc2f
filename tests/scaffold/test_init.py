"""`featurestore init` in the projects of others: it adds lines, and spoils none."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from featurestore import FeatureStore
from featurestore.cli import main
from featurestore.scaffold import add_package, default_package, read_package
from tests.support.example_fixture import ROOT, dbt

pytestmark = pytest.mark.whole

PACKAGE = f"local:{ROOT}"
TAGGED = (
    *("--model", "customers", "--entity", "customer=customer_id"),
    *("--event-timestamp", "last_ordered_at", "--ttl", "30 days"),
)
FEATURES = ("--feature", "order_count", "--feature", "lifetime_value")


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """Stand in a copy of the shop that knows nothing of features."""
    folder = tmp_path / "shop"
    shutil.copytree(ROOT / "tests" / "macros" / "consumer_project", folder)
    for name in ("features", "careless"):
        shutil.rmtree(folder / "models" / name)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command where nobody can answer; return its exit code, what it printed and said."""
    monkeypatch.setattr("sys.stdin", open(os.devnull, encoding="utf-8"))  # noqa: PTH123, SIM115

    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main(["init", *map(str, arguments)])
        printed = capsys.readouterr()
        return stopped.value.code or 0, printed.out, printed.err

    yield run
    sys.stdin.close()


def _files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# The package


def test_the_package_is_added_once(shop, run):
    """The first run writes packages.yml and nothing else, the second has nothing to do."""
    before = _files(shop)

    first = run("--package", PACKAGE)
    after = _files(shop)
    second = run("--package", PACKAGE)

    assert 0 == first[0] == second[0]
    assert "+  - local: " in first[1]
    assert {"packages.yml"} == after.keys() - before.keys()
    assert before == {name: after[name] for name in before}
    assert "" == second[1]
    assert "Nothing to do: the package is there." in second[2]
    assert after == _files(shop)


def test_a_dry_run_changes_nothing(shop, run):
    """It shows the diff that a run would make."""
    before = _files(shop)

    dry = run("--package", PACKAGE, *TAGGED, *FEATURES, "--dry-run")
    unchanged = _files(shop)
    wet = run("--package", PACKAGE, *TAGGED, *FEATURES)

    assert before == unchanged
    assert "This would be written: packages.yml" in dry[2]
    assert dry[1] == wet[1]


LISTS = {
    "empty": ("", "packages:\n  - local: x\n"),
    "no list yet": ("# ours\n", "# ours\n\npackages:\n  - local: x\n"),
    "a list, with comments": (
        "packages:  # all\n  - package: a/b\n    version: 1.3.0  # why\n\n# end\n",
        "packages:  # all\n  - package: a/b\n    version: 1.3.0  # why\n  - local: x\n\n# end\n",
    ),
    "not indented": (
        "packages:\n- package: a/b\n  version: 1.0.0",
        "packages:\n- package: a/b\n  version: 1.0.0\n- local: x\n",
    ),
    "lines of Windows": (
        "# ours\r\npackages:\r\n  - package: a/b\r\n    version: 1.0.0\r\n\r\n# end\r\n",
        (
            "# ours\r\npackages:\r\n  - package: a/b\r\n    version: 1.0.0\r\n  - local: x\r\n"
            "\r\n# end\r\n"
        ),
    ),
    "lines of Windows, no list yet": (
        "# ours\r\n",
        "# ours\r\n\r\npackages:\r\n  - local: x\r\n",
    ),
    "lines of both kinds": (
        "packages:\r\n  - package: a/b\n    version: 1.0.0\n",
        "packages:\r\n  - package: a/b\n    version: 1.0.0\n  - local: x\r\n",
    ),
    "projects after it": (
        "packages:\n    - git: u\n      revision: v1\n\nprojects:\n  - name: o\n",
        "packages:\n    - git: u\n      revision: v1\n    - local: x\n\nprojects:\n  - name: o\n",
    ),
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("file", ["packages.yml", "dependencies.yml"])
def test_a_list_keeps_its_lines(tmp_path, file, name):
    """The package is the last of the list, and every other line stays as it was."""
    before, after = LISTS[name]
    (tmp_path / file).write_bytes(before.encode())

    step = add_package(tmp_path, {"local": "x"})
    step.apply(tmp_path)

    assert (file, after.encode()) == (str(step.path), (tmp_path / file).read_bytes())


@pytest.mark.parametrize("text", ["packages: []\n", "packages: [{package: a/b, version: 1.0.0}]\n"])
def test_a_list_on_one_line_is_left_to_the_user(tmp_path, text):
    """What cannot be added to safely is not touched: the lines are shown, and where they go."""
    (tmp_path / "packages.yml").write_text(text, encoding="utf-8")

    step = add_package(tmp_path, {"git": "u", "revision": "v1"})

    assert "in packages.yml, at the end of `packages:`" == step.where
    assert "  - git: u\n    revision: v1\n" == step.text


@pytest.mark.parametrize(
    "item",
    [
        {"git": "https://example.com/org/featurestore.git", "revision": "v1"},
        {"git": "git@example.com:org/featurestore", "revision": "v1"},
        {"package": "org/featurestore", "version": "0.1.0"},
        {"local": str(ROOT)},
    ],
)
def test_a_package_that_is_there_is_recognised(tmp_path, item):
    """However the project gets it, it is not added a second time."""
    (tmp_path / "packages.yml").write_text(yaml.safe_dump({"packages": [item]}), encoding="utf-8")

    assert None is add_package(tmp_path, {"local": "x"})


@pytest.mark.parametrize(
    ("text", "git", "revision"),
    [
        ("https://example.com/org/f.git@v2", "https://example.com/org/f.git", "v2"),
        ("https://example.com/org/f.git@my/branch", "https://example.com/org/f.git", "my/branch"),
        ("git@example.com:org/f.git@v2", "git@example.com:org/f.git", "v2"),
        ("git@example.com:org/f.git", "git@example.com:org/f.git", None),
        ("https://me@example.com/f.git", "https://me@example.com/f.git", None),
    ],
)
def test_a_revision_stands_after_the_last_at_sign(tmp_path, text, git, revision):
    """A user's name in the address is none; without a revision it is this version's tag."""
    from featurestore import __version__

    wanted = {"git": git, "revision": revision or f"v{__version__}"}

    assert wanted == read_package(f"git:{text}", tmp_path)


def test_the_default_is_the_copy_of_this_installation(tmp_path):
    """Its path leads from the project to a dbt package of the right name."""
    path = tmp_path / default_package(tmp_path)["local"] / "dbt_project.yml"

    assert "featurestore" == yaml.safe_load(path.read_text(encoding="utf-8"))["name"]


# The model


def test_a_model_without_yml_gets_one_and_is_built(shop, run):
    """The new file makes it a feature view: dbt builds and tests it, and the registry has it."""
    (shop / "models" / "marts" / "marts.yml").unlink()
    code, _, err = run("--package", PACKAGE, *TAGGED, *FEATURES)
    assert 0 == code, err
    for command in ("deps", "build"):
        result = dbt(shop, command)
        assert 0 == result.returncode, result.stdout

    view = FeatureStore(shop).registry.feature_views["customers"]

    assert "customers__features.yml" == (shop / view.path).name
    assert ["lifetime_value", "order_count"] == sorted(feature.name for feature in view.features)
    assert 2 == result.stdout.count("PASS featurestore_")
    assert [] == FeatureStore(shop).validate()
    again = run("--package", PACKAGE, *TAGGED)
    assert "Nothing to do: the package is there, and 'customers' is tagged." in again[2]


def test_the_columns_of_a_built_model_are_its_features(shop, run):
    """Once the table is there, nothing has to be listed, and a misspelt column is found."""
    (shop / "models" / "marts" / "marts.yml").unlink()
    result = dbt(shop, "build")
    assert 0 == result.returncode, result.stdout

    wrong = run("--package", PACKAGE, *TAGGED, "--feature", "order_counts", "--dry-run")
    right = run("--package", PACKAGE, *TAGGED)
    written = yaml.safe_load((shop / "models/marts/customers__features.yml").read_text("utf-8"))

    assert 1 == wrong[0]
    assert "no column 'order_counts'. Did you mean 'order_count'?" in wrong[2]
    assert 0 == right[0]
    assert [
        "customer_id",
        "last_ordered_at",
        "first_name",
        "last_name",
        "first_ordered_at",
        "order_count",
        "lifetime_value",
    ] == [column["name"] for column in written["models"][0]["columns"]]


def pasted(shop, out):
    """Do what was printed: put each block of lines below the key or the model that it names."""
    path = shop / "models" / "marts" / "marts.yml"
    for block in re.split(r"(?m)^# Add this by hand ", out)[1:]:
        place, _, added = block.partition("\n")
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        keys = re.findall(r"under its `(.+):`", place)
        at = lines.index("  - name: customers\n")
        for key in keys[0].split(": ") if keys else ():
            at = next(n for n in range(at, len(lines)) if lines[n].strip() == f"{key}:")
        path.write_text("".join([*lines[: at + 1], added, *lines[at + 1 :]]), encoding="utf-8")


def test_a_model_with_yml_gets_lines_to_paste(shop, run):
    """A file of the user's stays as it is; pasted at the lines named, the lines do their work."""
    before = _files(shop)

    code, out, err = run("--package", PACKAGE, *TAGGED, *FEATURES)
    (shop / "packages.yml").unlink()

    assert 0 == code
    assert before == _files(shop)
    assert "# Add this by hand at models/marts/marts.yml:2, `- name: customers`:" in out
    assert "`- name: customers`, under its `columns:`:" in out
    assert "by hand" not in err
    pasted(shop, out)
    path = shop / "models" / "marts" / "marts.yml"
    entry = yaml.safe_load(path.read_text(encoding="utf-8"))["models"][0]
    assert "30 days" == entry["config"]["meta"]["featurestore"]["ttl"]
    assert ["customer_id", "last_ordered_at", "lifetime_value", "order_count"] == sorted(
        column["name"] for column in entry["columns"]
    )
    assert "Nothing to do" in (run("--package", PACKAGE) and run("--package", PACKAGE, *TAGGED))[2]


ENTRIES = {
    "meta": "    meta:\n      owner: me\n",
    "tests": "    tests:\n      - featurestore.within_range:\n"
    "          arguments: {column_name: order_count, min_value: 0}\n",
    "config": "    config:\n      materialized: table\n",
    "config: meta": "    config:\n      meta:\n        owner: me\n",
    "data_tests": "    data_tests:\n      - featurestore.no_future_events:\n"
    "          arguments: {event_timestamp: first_ordered_at}\n",
}


@pytest.mark.parametrize(
    "keys",
    [
        ("meta",),
        ("tests",),
        ("meta", "config", "tests"),
        ("config: meta", "data_tests"),
        ("config",),
    ],
)
def test_what_it_prints_can_be_pasted(shop, run, keys):
    """The lines go below the form of a key that the entry has: dbt refuses both in one entry."""
    path = shop / "models" / "marts" / "marts.yml"
    own = "".join(ENTRIES[key] for key in keys)
    path.write_text(f"models:\n  - name: customers\n{own}", encoding="utf-8")
    code, out, err = run("--package", PACKAGE, *TAGGED, *FEATURES)
    pasted(shop, out)

    assert 0 == code, err
    for key in keys:
        assert f"under its `{key}:`:" in out or (key == "config" and "meta" in keys)
    for command in ("deps", "parse"):
        result = dbt(shop, command)
        assert 0 == result.returncode, result.stdout
    view = FeatureStore(shop).registry.feature_views["customers"]
    assert ["lifetime_value", "order_count"] == sorted(feature.name for feature in view.features)


def test_a_value_on_one_line_is_named(shop, run):
    """Nothing can be pasted below a value in braces: it is written on lines of its own first."""
    path = shop / "models" / "marts" / "marts.yml"
    entry = "meta: {owner: me}\n    tests: [unique]\n    columns:\n      - name: customer_id\n"
    path.write_text(f"models:\n  - name: customers\n    {entry}", encoding="utf-8")
    out = run("--package", PACKAGE, *TAGGED, *FEATURES)[1]

    assert "under its `meta:`, which needs lines of its own first:" in out
    assert "under its `tests:`, which needs lines of its own first:" in out
    assert "under its `columns:`:" in out


def test_it_asks_at_a_terminal(shop):
    """Model, entity, key, time and age are asked for, with a key to take as it is."""
    (shop / "models" / "marts" / "marts.yml").unlink()
    ours, theirs = pty.openpty()
    answers = "customers\ncustomer\n\nlast_ordered_at\n30 days\n"
    os.write(ours, answers.encode())

    done = subprocess.run(
        [sys.executable, "-m", "featurestore.cli", "init", "--package", PACKAGE, *FEATURES],
        stdin=theirs,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(ours)
    os.close(theirs)

    assert 0 == done.returncode, done.stderr
    assert "A model to tag as a feature view (empty for none) [customers, orders" in done.stderr
    written = yaml.safe_load((shop / "models/marts/customers__features.yml").read_text("utf-8"))
    assert {
        "entities": {"customer": "customer_id"},
        "event_timestamp": "last_ordered_at",
        "ttl": "30 days",
    } == written["models"][0]["config"]["meta"]["featurestore"]


def test_a_composite_key_is_a_list(shop, run):
    """Keys with a comma between them are one key of the entity, in the tests as well."""
    arguments = ("--model", "stg_orders", "-e", "line=order_id,customer_id", "-f", "status")

    _, out, _ = run("--package", PACKAGE, *arguments, "--event-timestamp", "ordered_at")

    assert "entities: {line: [order_id, customer_id]}" in out
    assert "{join_keys: [order_id, customer_id], event_timestamp: ordered_at}" in out


# What is wrong


WRONG = {
    "no project": (
        ("--project-dir", "models"),
        "models/dbt_project.yml does not exist. Run in a dbt",
    ),
    "no package there": (
        ("--package", "local:models"),
        "models/dbt_project.yml does not exist. A local",
    ),
    "no kind of package": (
        ("--package", "pip:x"),
        "'pip:x' does not name a package. Write",
    ),
    "no such model": (
        ("-m", "customer", "-e", "c=id", "--event-timestamp", "t"),
        "Unknown model 'customer' in the models of shop. Did you mean 'customers'?",
    ),
    "no entity": (("-m", "customers"), "'customers' needs an entity and an event timestamp"),
    "no keys": (
        (*TAGGED, "-e", "customer"),
        "--entity must be NAME=KEY[,KEY], got 'customer'",
    ),
    "no ttl": ((*TAGGED, *FEATURES, "--ttl", "1 month"), "--ttl is not valid: '1 month': a month"),
    "no features": (TAGGED, "The features of 'customers' are unknown."),
    "no model": (("--ttl", "1 day"), "need a model. Name it with --model."),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_one_clear_line(shop, run, name):
    """It says what is wrong and what to do, and nothing is written."""
    arguments, message = WRONG[name]
    before = _files(shop)

    code, out, err = run("--package", PACKAGE, *arguments)

    assert (1, "") == (code, out)
    assert message in err
    assert 1 == len(err.splitlines())
    assert before == _files(shop)


@pytest.mark.parametrize("features", [(), FEATURES])
def test_a_model_without_a_table_is_told_what_helps(shop, run, features):
    """An ephemeral model has no table, however often dbt builds; and nothing is written."""
    (shop / "models" / "marts" / "marts.yml").unlink()
    path = shop / "models" / "marts" / "customers.sql"
    sql = path.read_text(encoding="utf-8")
    path.write_text("{{ config(materialized='ephemeral') }}\n" + sql, encoding="utf-8")
    assert 0 == dbt(shop, "parse").returncode
    before = _files(shop / "models")

    code, out, err = run("--package", PACKAGE, *TAGGED, *features)

    assert (1, "") == (code, out)
    assert "The model 'customers' (models/marts/customers.sql) is ephemeral" in err
    assert "Materialize it as table, incremental or view" in err
    assert before == _files(shop / "models")
    assert not (shop / "packages.yml").exists()

    path.write_text("{{ config(materialized='table') }}\n" + sql, encoding="utf-8")
    assert 0 == dbt(shop, "build").returncode
    assert 0 == run("--package", PACKAGE, *TAGGED)[0]


def test_a_broken_yml_is_named(shop, run):
    """A file that is not valid YAML stops it, and is named."""
    (shop / "models" / "marts" / "marts.yml").write_text("models: [", encoding="utf-8")

    code, _, err = run("--package", PACKAGE, *TAGGED, *FEATURES)

    assert 1 == code
    assert "Cannot read models/marts/marts.yml: while parsing" in err
