"""How long an expired row stays in Redis."""

from __future__ import annotations

from datetime import timedelta

__all__ = ["GRACE"]

GRACE = timedelta(days=1)
"""How long an expired row stays. A reader then answers EXPIRED instead of NOT_FOUND, which
tells a late pipeline from an unknown entity. One day covers a nightly run that fails once; longer
would only hold memory, since no read returns the value."""
