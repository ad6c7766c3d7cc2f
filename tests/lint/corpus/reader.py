"""Reads the corpus of the lint, and replays its queries as time passes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import sqlglot
import yaml
from sqlglot import exp

from featurestore.errors import Problem
from featurestore.lint.linter import lint_project
from featurestore.lint.rules import RULES
from featurestore.project.result_cache import ResultCache
from featurestore.registry.build_registry import build_registry
from tests.support.builders import PROJECT, column, manifest, model, service

FOLDER = Path(__file__).parent
TABLES: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "tables.yml").read_text())
DIALECTS = ("duckdb", "snowflake", "bigquery", "postgres")
VIEW = "order_features"

_HEAD = re.compile(r"^-- (\w+): (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """One query of the corpus.

    Attributes:
        name: Its file and title.
        sql: The query.
        dialect: How it is written.
        head: What its comments say: keys, event_timestamp, features, label, grain and so on.
    """

    name: str
    sql: str
    dialect: str
    head: Mapping[str, str] = field(default_factory=dict)

    @property
    def tree(self) -> exp.Query:
        """Return the parsed query."""
        return sqlglot.parse_one(self.sql, dialect=self.dialect)

    @property
    def event(self) -> str:
        """Return the event timestamp; by default the first column that sounds like one."""
        given = self.head.get("event_timestamp")
        return given or next(
            name for name in self.outputs if name.endswith("_at") or name == "as_of"
        )

    @property
    def keys(self) -> list[str]:
        """Return the join keys; by default the first column."""
        return _words(self.head.get("keys", self.outputs[0]))

    @property
    def outputs(self) -> list[str]:
        """Return the names of the result's columns, as far as it names them."""
        return [name for name in self.tree.named_selects if name != "*"] or [
            "customer_id",
            "ordered_at",
        ]

    @property
    def features(self) -> list[str]:
        """Return the features; by default all columns but keys and timestamp."""
        given = _words(self.head.get("features", ""))
        return given or [n for n in self.outputs if n not in (*self.keys, self.event)]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def examples() -> Iterator[tuple[str, str, Case]]:
    """Yield the examples of the rules: the code, `bad` or `good`, and the query."""
    for code, rule in RULES.items():
        for verdict, text in (("bad", rule.bad), ("good", rule.good)):
            sql = _HEAD.sub("", text).strip()
            yield code, verdict, Case(f"{code} {verdict}", sql, "duckdb", dict(_HEAD.findall(text)))


def cases(folder: str, dialects: tuple[str, ...] = DIALECTS) -> Iterator[Case]:
    """Yield every query below a folder, in each dialect that it can be said in."""
    for path in sorted((FOLDER / folder).glob("*.sql")):
        for part in re.split(r"^(?=-- title: )", path.read_text(), flags=re.MULTILINE)[1:]:
            head = dict(_HEAD.findall(part))
            sql = _HEAD.sub("", part).strip()
            name = f"{path.stem}: {head['title']}"
            if "dialect" in head:
                if head["dialect"] in dialects:
                    yield Case(f"{name} [{head['dialect']}]", sql, head["dialect"], head)
                continue
            for dialect in _words(head.get("dialects", ", ".join(DIALECTS))):
                if dialect in dialects:
                    said = sql if dialect == "duckdb" else _said(sql, dialect)
                    yield Case(f"{name} [{dialect}]", said, dialect, head)


def _said(sql: str, dialect: str) -> str:
    return sqlglot.transpile(sql, read="duckdb", write=dialect, pretty=True)[0]


def lint(case: Case, tmp_path: Path, **own: Any) -> list[Problem]:
    """Lint one query as the SQL of a feature view."""
    view = model(
        VIEW,
        [column(name) for name in dict.fromkeys([*case.keys, case.event, *case.features])],
        entities={"thing": case.keys},
        event_timestamp=case.event,
        available_after=case.head.get("available_after"),
        node={
            "compiled_code": case.sql,
            "raw_code": case.sql,
            "depends_on": {"nodes": list(map(_id, TABLES))},
        },
        **own,
    )
    services = []
    if "label" in case.head:
        services.append(service("risk", [f"{VIEW}:*"], label=case.head["label"]))
    read = manifest(view, *_tables(), *_tests(case), exposures=services, adapter=case.dialect)
    registry = build_registry(read)
    assert [] == list(registry.problems)
    return list(lint_project(read, registry, tmp_path, ResultCache(tmp_path, "lint")).problems)


def _tables() -> Iterator[dict[str, Any]]:
    for name, table in TABLES.items():
        kind = "snapshot" if "snapshot" in table else "model"
        node = {"relation_name": name, "resource_type": kind, "unique_id": _id(name)}
        # A column without a type, as most public projects document it.
        columns = dict.fromkeys(table["columns"]) if "untyped" in table else table["columns"]
        yield model(name, columns, meta={}, node=node, config=table.get("snapshot"))


def _id(name: str) -> str:
    return f"{'snapshot' if 'snapshot' in TABLES.get(name, ()) else 'model'}.{PROJECT}.{name}"


def _tests(case: Case) -> Iterator[dict[str, Any]]:
    for name, table in TABLES.items():
        for column_name in table.get("unique", ()):
            yield _test(name, "unique", {"column_name": column_name}, column_name)
    grain = case.head.get("grain", ", ".join([*case.keys, case.event]))
    if grain != "none":
        columns = _words(grain)
        given = {"join_keys": columns[:-1] or columns, "event_timestamp": columns[-1]}
        yield _test(VIEW, "unique_entity_timestamp", given)


def _test(
    of: str, name: str, given: dict[str, Any], column_name: str | None = None
) -> dict[str, Any]:
    return {
        "unique_id": f"test.{PROJECT}.{name}_{of}_{column_name}",
        "name": f"{name}_{of}",
        "resource_type": "test",
        "attached_node": f"model.{PROJECT}.{of}",
        "column_name": column_name,
        "test_metadata": {"name": name, "kwargs": given},
    }


def replayed(case: Case, cut: str) -> tuple[list[Any], list[Any]]:
    """Run a query on what was known at an instant, and on all that came later too.

    Returns:
        The rows that had an event timestamp up to the instant: as they stand when all is known,
        and as they stood then. Where a row of the first is none of the second, the later rows
        have changed it.
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, table in TABLES.items():
            columns = ", ".join(f"{key} {kind}" for key, kind in table["columns"].items())
            connection.execute(f"create table {name} ({columns})")
            marks = ", ".join("?" for _ in table["columns"])
            connection.executemany(f"insert into {name} values ({marks})", _rows(name))
        connection.execute("create table orders_so_far as from orders limit 0")
        all_known = _result(connection, case, cut)
        for name, table in TABLES.items():
            if "time" in table:
                connection.execute(f"delete from {name} where {table['time']} > timestamp '{cut}'")
            if "ends" in table:
                ends = table["ends"]
                connection.execute(
                    f"update {name} set {ends} = null where {ends} > timestamp '{cut}'"
                )
        return all_known, _result(connection, case, cut)


def _result(connection: duckdb.DuckDBPyConnection, case: Case, cut: str) -> list[Any]:
    columns = ", ".join([*case.keys, case.event, *case.features])
    delay = case.head.get("available_after", "0 days")
    return connection.execute(
        f"select {columns} from ({case.sql}) as result"
        f" where {case.event} + interval '{delay}' <= timestamp '{cut}'"
    ).fetchall()


def _rows(name: str) -> list[tuple[Any, ...]]:
    random = Random(name)
    start = datetime(2024, 1, 1)  # noqa: DTZ001
    if name == "days":
        return [(start + timedelta(days=day),) for day in range(20)]
    if "ends" in TABLES[name]:
        return [
            (key, f"tier{n}", start + timedelta(days=6 * n, hours=key), end)
            for key in range(4)
            for n in range(3)
            for end in [start + timedelta(days=6 * n + 6, hours=key) if n < 2 else None]
        ]
    if "time" not in TABLES[name]:
        born = datetime(1990, 1, 1)  # noqa: DTZ001
        kinds = list(TABLES[name]["columns"].values())[2:]
        return [
            (key, random.choice(["A", "B"]), *(born if k == "date" else key + 10.0 for k in kinds))
            for key in range(4)
        ]
    made = []
    for number in range(60):
        moment = start + timedelta(minutes=random.randrange(20 * 24 * 60))
        value: dict[str, Any] = {"bigint": random.randrange(4), "timestamp": moment}
        group = random.randrange(12)
        if at_once := TABLES[name].get("at_once"):
            hours = Random(f"{name} {group}").randrange(20 * 24)
            value["timestamp"] = start + timedelta(hours=hours)
        row = {
            key: number
            if key in TABLES[name].get("unique", ())
            else random.random()
            if kind == "double"
            else random.choice(["web", "shop", "returned"])
            if kind == "varchar"
            else value[kind]
            for key, kind in TABLES[name]["columns"].items()
        }
        if at_once:
            row[at_once] = group
        row |= _repeated(name, row)
        for key in ("started_at", "departed_at"):
            if key in row:
                row[key] = moment - timedelta(minutes=random.randrange(30, 300))
        if "scheduled_departure_at" in row:
            row["scheduled_departure_at"] = row["departed_at"] - timedelta(
                minutes=random.randrange(60)
            )
        made.append(tuple(row.values()))
    return made


def _repeated(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of the entity, which each of its rows repeats."""
    return {
        attribute: row[key] % 2 if attribute.endswith("_id") else "AB"[row[key] % 2]
        for key, attributes in TABLES[name].get("repeats", {}).items()
        for attribute in attributes
    }
