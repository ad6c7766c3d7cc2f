"""Reads what a statement will read from the engines' query plans."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from featurestore.values.byte_sizes import parse_bytes
from featurestore.warehouse.planned_reads import PlannedRead

__all__ = ["read_of_lines", "read_of_nodes", "read_of_scans", "read_of_spark", "read_of_trino"]

_LINE = re.compile(r"Scan .*\(cost=\S+ rows=(?P<rows>\d+) width=(?P<width>\d+)\)")
_RELATION = re.compile(r"(?:Relation|RelationV2|HiveTableRelation)\b.*sizeInBytes=(?P<size>[^,)]+)")
_UNKNOWN = 2**62
"""Spark says that a table without statistics has the greatest number of bytes, 8 EiB."""


def read_of_scans(nodes: Sequence[Mapping[str, Any]]) -> PlannedRead:
    """Return what a plan of DuckDB reads from tables and files; it does not tell bytes.

    >>> scan = {"extra_info": {"Table": "t", "Estimated Cardinality": "50"}}
    >>> read_of_scans([{"extra_info": {}, "children": [scan, scan]}])
    PlannedRead(rows=100, size=None)
    """
    return PlannedRead(rows=sum(_scanned(nodes)))


def _scanned(nodes: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    for node in nodes:
        about = node.get("extra_info", {})
        if "Table" in about or "Function" in about:
            yield int(about.get("Estimated Cardinality", 0))
        yield from _scanned(node.get("children", ()))


def read_of_nodes(plan: Mapping[str, Any], runs: float = 1.0) -> PlannedRead:
    """Return what a plan of PostgreSQL reads: the rows that its scans return, by their width.

    Args:
        plan: The plan's outermost node, as JSON.
        runs: How often it runs: the inner side of a nested loop runs once for each outer row.

    >>> scan = {"Node Type": "Seq Scan", "Relation Name": "t", "Plan Rows": 50, "Plan Width": 8}
    >>> read_of_nodes({"Node Type": "Nested Loop", "Plans": [scan, scan]})
    PlannedRead(rows=2550, size=20400)
    """
    found = list(_scans(plan, runs))
    return PlannedRead(round(sum(rows for rows, _ in found)), round(sum(r * w for r, w in found)))


def _scans(node: Mapping[str, Any], runs: float, most: float = math.inf) -> Iterator[Any]:
    """Yield the rows and the width of each scan of a table."""
    rows = float(node.get("Plan Rows", 1))
    if "Relation Name" in node:
        yield runs * min(rows, most), node.get("Plan Width", 0)
    limit = rows if node["Node Type"] == "Limit" else math.inf
    outer = 1.0
    for place, child in enumerate(node.get("Plans", ())):
        # A plan beside the tree, such as a CTE, runs once.
        beside = child.get("Parent Relationship") == "InitPlan"
        yield from _scans(child, 1.0 if beside else runs * (outer if place else 1.0), limit)
        if node["Node Type"] == "Nested Loop" and not beside:
            outer = _repeated(node, child)


def _repeated(loop: Mapping[str, Any], outer: Mapping[str, Any]) -> float:
    """Return how often the inner side of a nested loop reads its table."""
    kinds = {inner["Node Type"] for inner in loop["Plans"]}
    # These keep the rows of the first run.
    return 1.0 if "Materialize" in kinds else max(1.0, float(outer.get("Plan Rows", 1)))


def read_of_lines(lines: Iterable[str]) -> PlannedRead:
    """Return what a plan of Redshift reads, whose scans say rows and width as text.

    >>> read_of_lines(["XN Seq Scan on t  (cost=0.00..0.50 rows=50 width=8)"])
    PlannedRead(rows=50, size=400)
    """
    found = [_LINE.search(line) for line in lines]
    scans = [(int(scan["rows"]), int(scan["width"])) for scan in found if scan]
    return PlannedRead(sum(rows for rows, _ in scans), sum(rows * width for rows, width in scans))


def read_of_spark(text: str) -> PlannedRead:
    """Return the bytes of the tables in the text of Spark's EXPLAIN COST.

    Partitions that the statement skips do not count; columns that it leaves out do.

    >>> read_of_spark("+- Relation shop.t[k#1] parquet, Statistics(sizeInBytes=1.5 KiB)")
    PlannedRead(rows=None, size=1536)
    """
    sizes = [parse_bytes(found["size"]) for found in _RELATION.finditer(text)]
    known = all(size < _UNKNOWN for size in sizes)
    return PlannedRead(size=sum(sizes) if known else None)


def read_of_trino(plan: Mapping[str, Any]) -> PlannedRead:
    """Return what a plan of Trino reads, from its EXPLAIN (TYPE IO, FORMAT JSON).

    >>> estimate = {"outputRowCount": 50.0, "outputSizeInBytes": "NaN"}
    >>> read_of_trino({"inputTableColumnInfos": [{"estimate": estimate}]})
    PlannedRead(rows=50, size=None)
    """
    tables = [table.get("estimate", {}) for table in plan.get("inputTableColumnInfos", ())]
    rows = _total(table.get("outputRowCount") for table in tables)
    return PlannedRead(rows, _total(table.get("outputSizeInBytes") for table in tables))


def _total(numbers: Iterable[Any]) -> int | None:
    """Return the sum; None if a connector without statistics tells NaN for one of them."""
    total = sum(float("nan" if number is None else number) for number in numbers)
    return None if math.isnan(total) else round(total)
