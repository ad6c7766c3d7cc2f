"""How many examples a property test takes: all of them, or a few for the inner loop."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

__all__ = ["QUICK", "examples"]

QUICK = os.environ.get("FEATURESTORE_QUICK") == "1"
"""Whether this is `make quick`: a tenth of the examples."""


def examples(count: int, **more: Any) -> settings:
    """Return the settings of a property test.

    Args:
        count: The number of examples that the whole suite takes.
        more: Further settings of Hypothesis.
    """
    return settings(max_examples=max(count // 10, 3) if QUICK else count, **more)
