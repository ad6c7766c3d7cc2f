"""A database that may not be written, or not be read: the message says what is missing."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import duckdb
import pytest

from featurestore.errors import MissingRight
from featurestore.values.dbt_profile import Profile
from featurestore.warehouse import connect
from featurestore.warehouse.rights import POSTGRES_RIGHTS, missing_right


def profile(path, **settings):
    return Profile("shop", "dev", "duckdb", {"path": str(path), **settings}, path.parent)


@pytest.fixture
def file(tmp_path):
    """Return a database with one table."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS a")
    return path


def test_a_target_that_only_reads_names_the_setting(file):
    options = {"access_mode": "read_only"}
    with (
        connect(profile(file, config_options=options), write=True) as warehouse,
        pytest.raises(MissingRight, match=r"read-only mode.*access_mode: read_only") as found,
    ):
        warehouse.execute("CREATE TABLE x AS SELECT 1")
    assert 1 == found.value.exit_code


@pytest.mark.parametrize(
    ("mode", "write", "needed"),
    [(0o444, True, "read and write the file and create files beside it"), (0o000, False, "read")],
)
def test_a_file_of_another_user_names_the_right(file, mode, write, needed):
    file.chmod(mode)
    if os.geteuid() != 0:
        with pytest.raises(MissingRight, match=f"Let the user of this process {needed}"):
            connect(profile(file), write=write)
        return
    # To root nothing is forbidden, so another user opens the file.
    for folder in list(file.parents)[:-2]:
        folder.chmod(folder.stat().st_mode | 0o055)
    code = (
        "import os, sys, pathlib\n"
        "from featurestore.warehouse.duckdb_file import open_database\n"
        "import duckdb, pyarrow\n"
        "os.setgid(65534); os.setuid(65534)\n"
        f"open_database({str(file)!r}, write={write}, config=None)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert re.search(f"MissingRight: .*Let the user of this process {needed}", done.stderr)


def test_words_that_no_right_fits_are_whole():
    """The engine's own reason, and where the rights are listed."""
    found = missing_right("run the query", "Access Denied: no bigquery.jobs.create", "ann")
    assert str(found).startswith("Cannot run the query: Access Denied: no bigquery.jobs.create. ")
    assert "Grant the role 'ann' the right. docs/how-to/connect-a-warehouse.md" in found.remedy


def test_a_schema_needs_another_right_to_write_than_to_read():
    reason = "permission denied for schema analytics"
    for doing, right in (("write the table x", "CREATE"), ("run the query", "USAGE")):
        found = missing_right(doing, reason, "Ann", POSTGRES_RIGHTS)
        assert f"lacks {right} on the schema analytics." in found.message
        assert found.remedy == f'GRANT {right} ON SCHEMA analytics TO "Ann".'
