"""Small cases written by hand: tables, a request, and the rows that a person expects."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest
import yaml

from featurestore.sql.dialects import RECORDS
from featurestore.training.entity_frame import read_entity_frame
from featurestore.training.training_job import Request, TrainingJob
from tests.oracle import in_utc
from tests.support.builders import Table, column, fill, model, registry, service
from tests.support.scenarios import Bench, shapes

CASES = sorted((Path(__file__).parent / "cases").glob("*.yml"))
SHAPES = sorted({*shapes(), *shapes(as_known=True)})


@pytest.fixture(scope="module")
def bench():
    """Return a DuckDB in memory that all cases share."""
    bench = Bench()
    yield bench
    bench.connection.close()


def plain(value):
    """Return a value as the cases write it: instants in UTC, as text."""
    if isinstance(value, datetime):
        return str(in_utc(value).replace(tzinfo=None))
    return str(value) if isinstance(value, date) else value


def documented(view):
    """Return the columns of a view, some with a default."""
    defaults = view.get("defaults", {})
    return [
        column(name, data_type, **({"default": defaults[name]} if name in defaults else {}))
        for name, data_type in view["columns"].items()
    ]


def build(bench, case, strategy):
    """Return the training set of a case."""
    views = case["views"]
    tables = {name: Table(view["columns"], view["rows"]) for name, view in views.items()}
    entities = Table(case["entities"]["columns"], case["entities"]["rows"])
    fill(bench.connection, {**tables, "entity_rows": entities})
    frame = bench.connection.table("entity_rows").to_arrow_table()
    bench.connection.execute(f"SET TimeZone = '{case.get('session_zone', 'UTC')}'")
    declared = registry(
        *(model(name, documented(view), **view["declare"]) for name, view in views.items()),
        exposures=[service("wanted", case["service"])] if "service" in case else [],
    ).checked()
    members = declared.members(case.get("features"), "wanted" if "service" in case else None)
    request = Request(
        read_entity_frame(frame, str, declared.dialect),
        members,
        strategy=strategy,
        **case.get("options", {}),
    )
    return TrainingJob(declared, bench.session, request).to_arrow()


@pytest.mark.parametrize("strategy", SHAPES)
@pytest.mark.parametrize("numbered_from", [1, 100])
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(bench, monkeypatch, path, numbered_from, strategy):
    """The rows are those written in the file, in the order of the entity rows."""
    record = replace(RECORDS["duckdb"], numbered_from=numbered_from)
    monkeypatch.setitem(RECORDS, "duckdb", record)
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    if strategy not in shapes(as_known=case.get("options", {}).get("as_known", False)):
        return
    found = build(bench, case, strategy).to_pylist()

    assert case["expected"] == [[plain(value) for value in row.values()] for row in found]


def test_every_case_says_what_it_is_about():
    """Each file has a title, and every file is found."""
    titles = {yaml.safe_load(path.read_text(encoding="utf-8"))["title"] for path in CASES}

    assert len(CASES) == len(titles)
    assert len(CASES) >= 15
