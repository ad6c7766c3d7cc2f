"""The rows that the models of this project are about, and what each must make of them.

The expectations are plain loops over all rows, written from the macros' descriptions.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from featurestore.sql.latest_rows import latest_rows
from tests.oracle import History, in_utc, latest
from tests.oracle import newest as oracle_newest
from tests.support.builders import view

EVENT_TYPES = {
    "event_id": "integer",
    "region": "varchar",
    "customer": "integer",
    "happened_at": "timestamp",
    "written_at": "timestamptz",
    "amount": "bigint",
    "note": "varchar",
}
START = datetime.fromisoformat("2024-03-31")
"""The night in which the clocks of Europe change, three weeks after those of New York."""

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TICK = timedelta(microseconds=1)
STEPS = (timedelta(0), TICK, timedelta(seconds=0.5), 5 * HOUR / 60, HOUR, DAY, 7 * DAY)
"""The distances at which windows open and close, and the step beside them."""

TIES = (
    {"amount": 1, "note": "2"},
    {"amount": 0, "note": "5"},
    {"amount": None, "note": "9"},
)
"""Rows that only their columns tell apart: the first wins by both columns, the last by `note`."""


def _instants(generator):
    """Return instants of which many are alike, and many exactly a window's length apart."""
    some = [START + timedelta(minutes=generator.randrange(0, 600, 7)) for _ in range(6)]
    near = [instant + sign * step for instant in some for step in STEPS for sign in (-1, 1)]
    return near + [instant + TICK * generator.choice((-1, 1)) for instant in near]


def events(seed=0, count=160):
    """Return events with ties, with doubled rows, and with keys and timestamps missing."""
    generator = random.Random(seed)
    instants = _instants(generator)
    rows = []
    for number in range(count):
        happened = generator.choice(instants) if generator.random() > 0.04 else None
        delay = generator.choice((timedelta(0), TICK, HOUR, 3 * DAY))
        late = None if generator.random() < 0.1 else ((happened or START) + delay)
        rows.append(
            {
                "event_id": number,
                "region": generator.choice(("north", "south", None)),
                "customer": generator.choice((1, 1, 2, 3, None)),
                "happened_at": happened,
                "written_at": late and late.replace(tzinfo=UTC),
                "amount": generator.choice((None, -5, 0, 1, 2, 2**40)),
                "note": generator.choice((None, "a", "b")),
            }
        )
    tied = {"region": "west", "customer": 9, "happened_at": START, "written_at": None}
    return rows + [{**tied, "event_id": count + number, **row} for number, row in enumerate(TIES)]


def _whole(rows, keys):
    """Return the rows with an event timestamp and with all keys."""
    return [row for row in rows if None not in (row["happened_at"], *(row[key] for key in keys))]


def _window(rows, row, keys, length, *, exclusive=False):
    """Return the rows in a row's window: half open, of the given length."""
    at = row["happened_at"]
    return [
        other
        for other in rows
        if other["happened_at"] is not None
        and [other[key] for key in keys] == [row[key] for key in keys]
        and (
            at - length <= other["happened_at"] < at
            if exclusive
            else at - length < other["happened_at"] <= at
        )
    ]


def _reduced(function, rows):
    amounts = [row["amount"] for row in rows if row["amount"] is not None]
    return function(amounts) if amounts else None


def _greatest_last(value):
    return (value is not None, 0 if value is None else value)


def _first_of_each(rows, keys, order):
    """Return the row that comes first at each key and instant."""
    first = {}
    for row in sorted(rows, key=order):
        first.setdefault((*(row[key] for key in keys), row["happened_at"]), row)
    return list(first.values())


def rolled(rows):
    """Three lengths, over a composite key; of rows at one instant the greatest amount stays."""
    keys = ("region", "customer")
    rows = _whole(rows, keys)
    rows.sort(key=lambda row: _greatest_last(row["amount"]), reverse=True)
    for row in _first_of_each(rows, keys, order=lambda _: 0):
        hour, week, short = (
            _window(rows, row, keys, length) for length in (HOUR, 7 * DAY, timedelta(seconds=90))
        )
        yield {
            "region": row["region"],
            "customer": row["customer"],
            "happened_at": row["happened_at"],
            "amount": row["amount"],
            "amount_sum_1h": _reduced(sum, hour),
            "amount_sum_7d": _reduced(sum, week),
            "amount_max_90s": _reduced(max, short),
            "event_count_1h": len(hour),
            "event_count_7d": len(week),
        }


def rolled_exclusive(rows):
    """The hour before the row; of rows at one instant the one that was written first stays."""
    rows = _whole(rows, ["customer"])

    def written(row):
        # The warehouses differ in where NULL comes: this project's models say it in `order_by`.
        moment = in_utc(row["written_at"])
        return (moment is None, moment or datetime.min.replace(tzinfo=UTC), row["event_id"])

    for row in _first_of_each(rows, ["customer"], written):
        hour = _window(rows, row, ["customer"], HOUR, exclusive=True)
        yield {
            "customer": row["customer"],
            "happened_at": row["happened_at"],
            "amount": row["amount"],
            "written_at": row["written_at"],
            "amount_sum_1h": _reduced(sum, hour),
            "event_count_1h": len(hour),
        }


def rolled_of_nobody(rows):
    """All rows are one entity's."""
    for moment in {row["happened_at"] for row in _whole(rows, [])}:
        row = {"happened_at": moment}
        window = _window(rows, row, [], 14 * DAY)
        yield {"happened_at": moment, "event_count_2w": len(window)}


def counted(rows):
    """One row per row; rows without a key are each other's, as in any window of SQL."""
    for row in rows:
        if row["happened_at"] is not None:
            yield {
                "event_id": row["event_id"],
                "until_now": len(_window(rows, row, ["customer"], HOUR)),
                "before_now": len(_window(rows, row, ["customer"], HOUR, exclusive=True)),
            }


def _history(rows, keys, features, **options):
    return History("e", rows, tuple(keys), tuple(features), event="happened_at", **options)


def _picked(history, names):
    far = datetime.max.replace(tzinfo=UTC)
    return [{name: row[name] for name in names} for row in latest(history, far)]


def newest(rows):
    """The newest event, of several the one written last, then the greatest."""
    keys = ("region", "customer")
    history = _history(rows, keys, ("amount", "note"), created="written_at")
    return _picked(history, (*keys, "happened_at", "written_at", "amount", "note"))


def published(dialect, relation):
    """Return the statement by which a sync reads the rows that `newest` holds."""
    declared = view(
        "events",
        {name: kind for name, kind in EVENT_TYPES.items() if name != "event_id"},
        entities={"customer": ["region", "customer"]},
        event_timestamp="happened_at",
        created_timestamp="written_at",
    )
    now = datetime(2030, 1, 1, tzinfo=UTC)
    return latest_rows(replace(declared, relation=relation), dialect, now)


def newest_of_all_columns(rows):
    """Without names, each column of the table; they decide in the table's order."""
    others = [name for name in EVENT_TYPES if name not in ("customer", "happened_at")]
    return _picked(_history(rows, ["customer"], others), EVENT_TYPES)


def newest_valid(rows):
    """Of the newest rows, those that end after an instant; of one start, the last end wins."""
    keys = ("region", "customer")
    history = _history(rows, keys, ("amount", "note"), until="written_at", deleted="note")
    at = datetime(2024, 4, 7, 11, 30, tzinfo=UTC)
    # All events lie before that instant.
    return [
        {name: row[name] for name in (*keys, "happened_at", "amount", "note")}
        for key in {tuple(row[name] for name in keys) for row in rows}
        if (row := oracle_newest(history, key, at)) is not None
    ]


def newest_in_capitals(rows):
    """Each column once, however the caller spells the key; they decide in the table's order."""
    columns = ("customer", "happened_at", "amount", "event_id")
    for row in _picked(_history(rows, ["customer"], ["amount", "event_id"]), columns):
        yield {"order": row.pop("event_id"), **row}


def newest_by_own_order(rows):
    """Of several at the newest instant, the first by the caller's order."""
    rows = _whole(rows, ["customer"])
    for customer in {row["customer"] for row in rows}:
        own = [row for row in rows if row["customer"] == customer]
        at = max(row["happened_at"] for row in own)
        first = min(row["event_id"] for row in own if row["happened_at"] == at)
        yield {"customer": customer, "happened_at": at, "event_id": first}


def elapsed(rows):
    """The time since the entity's last earlier instant, and to two given ones."""

    def since(row, keys, unit):
        at = row["happened_at"]
        earlier = [
            other["happened_at"]
            for other in rows
            if other["happened_at"] is not None
            and [other[key] for key in keys] == [row[key] for key in keys]
            and at is not None
            and other["happened_at"] < at
        ]
        return _units(at - max(earlier), unit) if earlier else None

    for row in rows:
        at, written = in_utc(row["happened_at"]), row["written_at"]
        noon = datetime(2024, 3, 31, 12, tzinfo=UTC)
        yield {
            "event_id": row["event_id"],
            "since_last_s": since(row, ["customer"], timedelta(seconds=1)),
            "since_last_d": since(row, ["region", "customer"], DAY),
            "until_written_m": _units(written - at, HOUR / 60) if at and written else None,
            "until_noon_h": _units(noon - at, HOUR) if at else None,
        }


def _units(duration, unit):
    return float(duration // TICK) / (unit // TICK)


MODELS = (
    rolled,
    rolled_exclusive,
    rolled_of_nobody,
    counted,
    newest,
    newest_of_all_columns,
    newest_valid,
    newest_in_capitals,
    newest_by_own_order,
    elapsed,
)
"""What each model must hold, by the function of its name."""


def same(rows):
    """Return rows so that equal ones compare equal on every engine, whatever their order."""
    # Spark returns a name as the query spells it.
    return Counter(tuple(sorted((name.lower(), _plain(row[name])) for name in row)) for row in rows)


def _plain(value):
    if isinstance(value, Decimal):
        return int(value)
    return in_utc(value) if isinstance(value, date) else value


def verdicts(folder):
    """Return each data test of the careless models with what came of it, and what had to."""
    results = json.loads((folder / "target" / "run_results.json").read_text(encoding="utf-8"))
    found = {
        result["unique_id"].split(".")[2]: (result["status"], result["failures"])
        for result in results["results"]
        if result["unique_id"].startswith("test.")
    }
    return found, {name: _verdict(name) for name in found}


def _verdict(name):
    counted = re.match(r"fails_(\d+)_", name)
    return ("fail", int(counted[1])) if counted else ("pass", 0)
