"""What is read of the engines' plans, from plans as these engines write them."""

from __future__ import annotations

import pytest

from featurestore.warehouse.planned_reads import PlannedRead
from featurestore.warehouse.query_plans import (
    read_of_lines,
    read_of_nodes,
    read_of_spark,
    read_of_trino,
)


def scan(rows, width=10, **more):
    """Return a scan of a table in a plan of PostgreSQL."""
    return {
        "Node Type": "Index Scan",
        "Relation Name": "planes",
        "Plan Rows": rows,
        "Plan Width": width,
        **more,
    }


def node(kind, *plans, rows=1, **more):
    """Return another node of such a plan."""
    return {"Node Type": kind, "Plan Rows": rows, "Plan Width": 10, "Plans": list(plans), **more}


@pytest.mark.parametrize(
    ("plan", "rows"),
    [
        (node("Nested Loop", scan(20), node("Limit", scan(50))), 20 + 20 * 1),
        (node("Nested Loop", scan(20), node("Materialize", scan(50), rows=50)), 20 + 50),
        (
            node(
                "Nested Loop",
                node("Sort", scan(7), **{"Parent Relationship": "InitPlan"}),
                scan(20),
                scan(50),
            ),
            7 + 20 + 20 * 50,
        ),
        (node("Append", scan(5), scan(6)), 11),
        (node("CTE Scan"), 0),
    ],
)
def test_postgres_runs_the_inner_side_of_a_loop_for_each_outer_row(plan, rows):
    """A limit, and rows that are kept, bound what is read; a CTE is read once."""
    assert PlannedRead(rows, rows * 10) == read_of_nodes(plan)


def test_redshift_says_rows_and_width_in_each_line_of_a_scan():
    """Joins and sorts read no table."""
    lines = [
        "XN Hash Right Join DS_DIST_NONE  (cost=0.01..9.80 rows=90 width=24)",
        "  ->  XN Seq Scan on planes history  (cost=0.00..5.00 rows=500 width=16)",
        "  ->  XN Hash  (cost=0.01..0.01 rows=1 width=16)",
        "        ->  XN Seq Scan on asked  (cost=0.00..0.01 rows=4 width=8)",
    ]

    assert PlannedRead(504, 8032) == read_of_lines(lines)


def test_spark_says_the_bytes_of_each_table_or_that_it_knows_none():
    """8.0 EiB is what it says of a table without statistics."""
    known = "+- Relation shop.planes[k#1,v#2] parquet, Statistics(sizeInBytes=15.8 KiB)"
    counted = ":- RelationV2[k#1] shop.t, Statistics(sizeInBytes=2.0 MiB, rowCount=9)"
    other = "+- LogicalRDD [k#7, d#8], false, Statistics(sizeInBytes=4.0 B)"
    unknown = "+- Relation shop.p[k#1] parquet, Statistics(sizeInBytes=8.0 EiB)"

    assert PlannedRead(size=16179 + 2**21) == read_of_spark(f"{known}\n{other}\n{counted}")
    assert PlannedRead() == read_of_spark(f"{known}\n{unknown}")


def test_trino_says_what_its_connectors_know():
    """A connector without statistics says NaN."""
    known = {"estimate": {"outputRowCount": 9.0, "outputSizeInBytes": 72.0}}
    unknown = {"estimate": {"outputRowCount": "NaN", "outputSizeInBytes": float("nan")}}

    assert PlannedRead(18, 144) == read_of_trino({"inputTableColumnInfos": [known, known]})
    assert PlannedRead() == read_of_trino({"inputTableColumnInfos": [known, unknown]})
