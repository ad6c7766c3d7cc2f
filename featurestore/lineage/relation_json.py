"""Relations as JSON, for the cache."""

from __future__ import annotations

from typing import Any

from featurestore.lineage.flows import ColumnId, Flow, Relation, RowFlow, UnlistedColumns

__all__ = ["relation_from_json", "relation_to_json", "unlisted_to_json"]


def relation_to_json(relation: Relation) -> dict[str, Any]:
    """Return a relation as values that JSON can hold, always in the same order."""
    return {
        "columns": {name: _flow(flow) for name, flow in relation.columns.items()},
        "rows": _rows(relation.rows),
        "unlisted": unlisted_to_json(relation),
        "alternatives": relation.alternatives,
        "doubts": sorted(relation.doubts),
    }


def unlisted_to_json(relation: Relation) -> list[Any]:
    """Return the unlisted columns of a relation as values that JSON can hold."""
    return [
        [one.node, one.digest, one.flow and _flow(one.flow), sorted(one.hidden), one.loose]
        for one in relation.unlisted
    ]


def relation_from_json(stored: Any) -> Relation | None:
    """Read a relation from JSON; None if the JSON has another form.

    >>> flow = Flow("t", frozenset({ColumnId("model.shop.a", "x")}))
    >>> relation = Relation({"x": flow}, RowFlow("r"), (UnlistedColumns("source.shop.a.b"),))
    >>> relation_from_json(relation_to_json(relation)) == relation
    True
    >>> relation_from_json({"columns": {}})
    """
    try:
        return _relation(stored)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _relation(stored: dict[str, Any]) -> Relation:
    digest, sources, indirect, doubts = stored["rows"]
    return Relation(
        {name: _flow_of(flow) for name, flow in stored["columns"].items()},
        RowFlow(digest, _ids(sources), _ids(indirect), frozenset(doubts)),
        tuple(
            UnlistedColumns(node, digest, flow and _flow_of(flow), frozenset(hidden), loose)
            for node, digest, flow, hidden, loose in stored["unlisted"]
        ),
        stored["alternatives"],
        frozenset(stored["doubts"]),
    )


def _rows(rows: RowFlow) -> list[Any]:
    return [rows.digest, *_parts(rows.sources, rows.indirect), sorted(rows.doubts)]


def _flow(flow: Flow) -> list[Any]:
    parts = _parts(flow.direct, flow.indirect, flow.counted)
    return [flow.digest, *parts, sorted(flow.doubts)]


def _flow_of(stored: list[Any]) -> Flow:
    digest, direct, indirect, counted, doubts = stored
    return Flow(digest, _ids(direct), _ids(indirect), frozenset(doubts), _ids(counted))


def _parts(*sets: frozenset[ColumnId]) -> list[list[list[str]]]:
    return [[[one.node, one.column] for one in sorted(found)] for found in sets]


def _ids(stored: list[list[str]]) -> frozenset[ColumnId]:
    return frozenset(ColumnId(node, column) for node, column in stored)
