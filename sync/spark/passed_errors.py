"""Errors as bytes, so that an executor can pass them to the driver in a row."""

from __future__ import annotations

import pickle

from featurestore.errors import FeatureStoreError

__all__ = ["error_of", "passed"]


def passed(error: FeatureStoreError) -> bytes:
    """Return an error as bytes."""
    return pickle.dumps(error)


def error_of(raw: bytes) -> FeatureStoreError:
    """Return the error that was passed."""
    # Spark's own functions and rows are pickled too: whoever forges these bytes runs our code.
    found: FeatureStoreError = pickle.loads(raw)  # noqa: S301
    return found
