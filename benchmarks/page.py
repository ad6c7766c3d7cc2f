"""Write the tables of the benchmarks into their page."""

from __future__ import annotations

from pathlib import Path

__all__ = ["write_table"]

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "performance.md"


def write_table(name: str, table: str) -> None:
    """Replace the table between the marks of its section."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(begin)
    after = rest.partition(end)[2]
    PAGE.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")
