"""Read `run_results.json`: what the last run of dbt was asked to rebuild."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["rebuilt_at"]

_REBUILDS = ("full_refresh", "event_time_start", "event_time_end", "sample")
"""The arguments of dbt that rewrite more than a run rewrites by itself."""
_RETRY = "retry"


def rebuilt_at(target_path: Path) -> datetime | None:
    """Return when the last run of dbt rewrote older rows on request; None if it did not.

    A missing or unreadable file tells nothing, so it counts as a run without such a request.

    Args:
        target_path: The folder of dbt's artifacts.
    """
    try:
        content = json.loads((target_path / "run_results.json").read_text(encoding="utf-8"))
        asked, at = content["args"], content["metadata"]["generated_at"]
        rebuilds = any(asked.get(name) for name in _REBUILDS) or _is_retry(asked)
        found = datetime.fromisoformat(at) if rebuilds else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def _is_retry(asked: dict[str, Any]) -> bool:
    """Return whether the run was `dbt retry`, which replaces the batches of the run that failed.

    That run may be of any age. `which` has its command in place of `retry`.
    """
    return _RETRY in str(asked.get("invocation_command")).split()
