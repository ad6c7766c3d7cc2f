"""The fixtures of the engines' tests, and the note of what they prove.

An engine run does not read the conftest of the folder above.
"""

from __future__ import annotations

from tests.engines.proofs import pytest_collection_modifyitems, pytest_runtest_makereport
from tests.support.redis_fixture import redis_client, redis_server

__all__ = [
    "pytest_collection_modifyitems",
    "pytest_runtest_makereport",
    "redis_client",
    "redis_server",
]
