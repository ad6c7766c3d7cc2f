"""Fixtures that several files share."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.support.example_fixture import example_project
from tests.support.redis_fixture import redis_client, redis_server

__all__ = ["example_project", "redis_client", "redis_server"]


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch):
    """Keep a developer's own dbt settings out of the tests."""
    for name in ("DBT_PROFILES_DIR", "DBT_PROFILE", "DBT_TARGET", "DBT_TARGET_PATH"):
        monkeypatch.delenv(name, raising=False)


# No deadline: it would measure the machine, and only the number of cases matters.
settings.register_profile("default", deadline=None, print_blob=True)
settings.load_profile("default")
