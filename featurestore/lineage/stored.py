"""Relations as JSON, for the cache."""

from __future__ import annotations

from typing import Any

from featurestore.lineage.flows import ColumnId, Flow, Relation, Rest, RowFlow

__all__ = ["dumped", "loaded"]


def dumped(relation: Relation) -> dict[str, Any]:
    """Write a relation as what JSON can hold."""
    return {
        "columns": {name: _flow(flow) for name, flow in relation.columns.items()},
        "rows": _rows(relation.rows),
        "rest": [
            [rest.node, rest.text, rest.flow and _flow(rest.flow), sorted(rest.hidden), rest.loose]
            for rest in relation.rest
        ],
        "alternatives": relation.alternatives,
        "doubts": sorted(relation.doubts),
    }


def loaded(stored: Any) -> Relation | None:
    """Read what `dumped` wrote; None if it is nothing of the kind.

    >>> flow = Flow("t", frozenset({ColumnId("model.shop.a", "x")}))
    >>> relation = Relation({"x": flow}, RowFlow("r"), (Rest("source.shop.a.b"),))
    >>> loaded(dumped(relation)) == relation
    True
    >>> loaded({"columns": {}})
    """
    try:
        return _loaded(stored)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _loaded(stored: dict[str, Any]) -> Relation:
    whole, bases, indirect, doubts = stored["rows"]
    return Relation(
        {name: _flow_of(flow) for name, flow in stored["columns"].items()},
        RowFlow(whole, _ids(bases), _ids(indirect), frozenset(doubts)),
        tuple(
            Rest(node, text, flow and _flow_of(flow), frozenset(hidden), loose)
            for node, text, flow, hidden, loose in stored["rest"]
        ),
        stored["alternatives"],
        frozenset(stored["doubts"]),
    )


def _rows(rows: RowFlow) -> list[Any]:
    return [rows.text, *_parts(rows.bases, rows.indirect), sorted(rows.doubts)]


def _flow(flow: Flow) -> list[Any]:
    return [flow.text, *_parts(flow.direct, flow.indirect), sorted(flow.doubts)]


def _flow_of(stored: list[Any]) -> Flow:
    text, direct, indirect, doubts = stored
    return Flow(text, _ids(direct), _ids(indirect), frozenset(doubts))


def _parts(*sets: frozenset[ColumnId]) -> list[list[list[str]]]:
    return [[[one.node, one.column] for one in sorted(found)] for found in sets]


def _ids(stored: list[list[str]]) -> frozenset[ColumnId]:
    return frozenset(ColumnId(node, column) for node, column in stored)
