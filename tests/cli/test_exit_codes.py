"""The exit codes: one table, and the commands that use it."""

from __future__ import annotations

import pytest

from featurestore import errors
from featurestore.cli.exit_codes import EXIT_CODE_MEANINGS, ExitCode
from featurestore.errors import FeatureStoreError


def test_every_code_has_a_meaning():
    """The reference page shows the table whole."""
    assert list(ExitCode) == list(EXIT_CODE_MEANINGS)
    assert [0, 1, 2, 3] == list(EXIT_CODE_MEANINGS)


def test_every_error_has_a_code_of_the_table():
    """An error is the input's fault, or a service cannot be reached."""
    kinds = [kind for name in errors.__all__ if isinstance(kind := getattr(errors, name), type)]
    codes = {kind.__name__: kind.exit_code for kind in kinds if issubclass(kind, FeatureStoreError)}

    assert {ExitCode.WRONG, ExitCode.UNREACHABLE} == set(codes.values())
    assert {"OnlineStoreUnavailable", "WarehouseUnavailable"} == {
        name for name, code in codes.items() if code == ExitCode.UNREACHABLE
    }


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["status", "--warn-after", "soon"], 2, "soon"),
        (["status", "--error-after", "1 month"], 2, "no fixed length"),
        (["status", "--view", "plane_statu"], 1, "Did you mean 'plane_status'?"),
        (["verify", "--view", "plane_statu"], 1, "Did you mean 'plane_status'?"),
        (["verify", "--sample", "0"], 2, "--sample"),
        (["purge", "--view", "plane_statu", "--yes"], 1, "Did you mean 'plane_status'?"),
    ],
)
def test_wrong_input(run, arguments, code, message):
    """It is told without a traceback, and nothing is printed as data."""
    exited, out, err = run(*arguments)

    assert (code, "") == (exited, out)
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["status", "verify", "purge"])
def test_redis_down_exits_with_3(run, monkeypatch, command):
    """The address is named, the password is not."""
    monkeypatch.setenv("FEATURESTORE_REDIS_URL", "redis://:secret@localhost:1/0")
    code, _, err = run(command)

    assert 3 == code
    assert "localhost:1" in err
    assert "secret" not in err
