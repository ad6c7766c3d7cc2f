"""The online store's fixtures: an engine run does not read the conftest of the folder above."""

from __future__ import annotations

from tests.support.redis_fixture import redis_client, redis_server

__all__ = ["redis_client", "redis_server"]
