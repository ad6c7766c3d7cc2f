"""The public API has the types that its users rely on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[2]


def test_a_typed_program_is_accepted():
    """mypy, as strict as can be, finds every type of the program as the program asserts it."""
    result = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"),
            *("--cache-dir", str(ROOT / ".mypy_cache" / "api"), "tests/structure/typing/api.py"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Success: no issues found in 1 source file\n" == result.stdout
