"""The errors of redis-py that callers tell apart, by the reaction that they call for."""

from __future__ import annotations

from redis import exceptions
from redis.exceptions import NoPermissionError, RedisError, ResponseError

__all__ = [
    "RESHARD_ERRORS",
    "UNREACHABLE_ERRORS",
    "NoPermissionError",
    "RedisError",
    "ResponseError",
]

RESHARD_ERRORS: tuple[type[Exception], ...] = (
    # redis-py raises ClusterError once it has followed a moving slot too many times.
    exceptions.ClusterError,
    exceptions.AskError,
    exceptions.TryAgainError,
    exceptions.MasterDownError,
    exceptions.ReadOnlyError,
    # The node that got the slot may not have the script yet.
    exceptions.NoScriptError,
)
"""A slot is moving to another node, or its master is being replaced: a retry helps."""

UNREACHABLE_ERRORS: tuple[type[Exception], ...] = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.RedisClusterException,
)
"""A node does not answer, or no node owns the slot."""
