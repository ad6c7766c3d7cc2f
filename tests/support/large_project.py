"""A project of any size without dbt: layers of views with SQL, as large public projects have them.

A family is 16 views on raw tables, a union of these, a join with the union, an aggregate of it, and
a mart that reads the union of all families: much lies behind some views, and little behind most.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from featurestore import FeatureStore
from tests.support.builders import PROJECT, model, tiny_project

KEY, TIME = "tx_id", "block_time"
_RAW_VIEWS = 16
_FAMILY = _RAW_VIEWS + 4
_NUMBERS = ("amount", "fee", "price", "gas", "volume", "weight")
EVERYTHING, PRICES = "all_trades", "prices"


def large_project(folder: Path, views: int, features: int = 18) -> FeatureStore:
    """Write a project, and open it; each model is a feature view, but for one that many views join.

    Args:
        folder: An empty folder.
        views: The number of views, one more than a multiple of 20.
        features: The number of features of each view, at least 2.
    """
    names = [f"{_NUMBERS[number % len(_NUMBERS)]}_{number}" for number in range(features)]
    families = range((views - 1) // _FAMILY)
    nodes = [_view(EVERYTHING, names, _union([f"trades_{number}" for number in families]))]
    nodes += [node for number in families for node in _family(number, names)]
    nodes.append({**_view(PRICES, names, (_swaps(PRICES, names), [])), "config": {}})
    return tiny_project(folder, nodes, sources=map(_source, filter(_is_raw, nodes)))


def _is_raw(node: dict[str, Any]) -> bool:
    return bool(node["name"].startswith("swaps_"))


def _source(node: dict[str, Any]) -> dict[str, Any]:
    name = node["name"]
    return {
        "unique_id": f"source.{PROJECT}.raw.{name}",
        "source_name": "raw",
        "name": name,
        "relation_name": f'"warehouse"."raw"."{name}"',
        "columns": {column: {"name": column} for column in ("seen_at", *node["columns"])},
    }


def _family(number: int, names: list[str]) -> Iterator[dict[str, Any]]:
    raw = [f"swaps_{number}_{index}" for index in range(_RAW_VIEWS)]
    trades = f"trades_{number}"
    for name in raw:
        yield _view(name, names, (_swaps(name, names), [f"source.{PROJECT}.raw.{name}"]))
    yield _view(trades, names, _union(raw))
    yield _view(f"enriched_{number}", names, (_enriched(trades, names), _ids(trades, PRICES)))
    yield _view(f"daily_{number}", names, (_daily(trades, names), _ids(trades)))
    yield _view(f"mart_{number}", names, (_mart(number, names), _ids(EVERYTHING, trades)))


def _view(name: str, names: list[str], sql: tuple[str, list[str]]) -> dict[str, Any]:
    columns = {KEY: "varchar", TIME: "timestamp", **dict.fromkeys(names, "double")}
    own = {"compiled_code": sql[0], "raw_code": sql[0], "depends_on": {"nodes": sql[1]}}
    view = {"entities": {"transaction": KEY}, "event_timestamp": TIME}
    return model(name, columns, node={**own, "description": f"Trades of {name}."}, **view)


def _ids(*names: str) -> list[str]:
    return [f"model.{PROJECT}.{name}" for name in names]


def _table(name: str) -> str:
    return f'"warehouse"."main"."{name}"'


def _union(names: list[str]) -> tuple[str, list[str]]:
    return "\nunion all\n".join(f"select * from {_table(name)}" for name in names), _ids(*names)


def _swaps(name: str, names: list[str]) -> str:
    columns = ",\n    ".join(f"coalesce(r.{one}, 0) * 1.5 as {one}" for one in names)
    return (
        f'with r as (\n  select * from "warehouse"."raw"."{name}" where {names[0]} > 0\n)\n'
        f"select\n    r.{KEY},\n    cast(r.seen_at as timestamp) as {TIME},\n    {columns}\nfrom r"
    )


def _enriched(trades: str, names: list[str]) -> str:
    columns = ",\n    ".join(
        f"sum(t.{one}) over (partition by t.{KEY} order by t.{TIME}"
        f" rows between 9 preceding and current row) as {one}"
        for one in names
    )
    return (
        f"select\n    t.{KEY},\n    t.{TIME},\n    {columns}\nfrom {_table(trades)} as t\n"
        f"left join {_table(PRICES)} as p on t.{KEY} = p.{KEY} and p.{TIME} <= t.{TIME}"
    )


def _daily(trades: str, names: list[str]) -> str:
    columns = ", ".join(f"avg({one}) as {one}" for one in names)
    return f"select {KEY}, max({TIME}) as {TIME}, {columns}\nfrom {_table(trades)} group by {KEY}"


def _mart(number: int, names: list[str]) -> str:
    columns = ",\n    ".join(f"a.{one} / nullif(a.{names[1]}, 0) as {one}" for one in names)
    return (
        f"select\n    a.{KEY},\n    a.{TIME},\n    {columns}\nfrom {_table(EVERYTHING)} as a\n"
        f"where a.{names[0]} > {number}"
    )
