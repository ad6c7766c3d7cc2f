"""The fixtures that several files share."""

from __future__ import annotations

from hypothesis import settings

from tests.example_fixture import example_project
from tests.redis_fixture import redis_client, redis_server

__all__ = ["example_project", "redis_client", "redis_server"]

# Time limits measure the machine; the number of cases is what matters.
settings.register_profile("default", deadline=None, print_blob=True)
settings.load_profile("default")
