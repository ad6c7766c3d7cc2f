"""The golden statements, one file for each case and dialect: `golden/<case>/<dialect>.sql`.

Refresh them with `UPDATE_GOLDEN=1 pytest tests/sql`, and read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["GOLDEN", "golden_text"]

GOLDEN = Path(__file__).parent / "golden"


def golden_text(case: str, dialect: str, text: str) -> str:
    """Return the text of a golden file; a refresh first writes `text` into it."""
    path = GOLDEN / case / f"{dialect}.sql"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return path.read_text(encoding="utf-8")
