"""The error of a connection whose answers do not belong to its commands."""

from __future__ import annotations

from featurestore.errors import OnlineStoreError

__all__ = ["OutOfStepError", "out_of_step"]


class OutOfStepError(OnlineStoreError):
    """A connection gave the answer to another command, so its next answers are wrong as well."""


def out_of_step() -> OutOfStepError:
    """Return the error of an answer that cannot be that of its command."""
    return OutOfStepError(
        "The online store's answer does not have one value for each key.",
        remedy="The connection is closed: read again. If this happens again, check any proxy"
        " between this client and the server.",
    )
