"""The queries that find changes: the newest rows against the published ones.

In a large table most entities did not change, and listing those that may have is cheaper than
comparing all values. An entity may have changed if its newest instant is not the published row's,
or if it has another row at that instant.
"""

from __future__ import annotations

from featurestore.sql.dialects import render
from featurestore.sql.instants import instant_literal, naive
from featurestore.sql.latest_rows import NEWEST_EVENT, VALID_UNTIL
from featurestore.values.types import DataType, Kind
from featurestore.warehouse.duckdb_hash import hashed_as
from sync.warehouse.expired_rows import has_expired
from sync.warehouse.publication import ChangeWindow, Publication, quoted

__all__ = [
    "OP",
    "PREVIOUS_CREATED",
    "PREVIOUS_END",
    "PREVIOUS_EVENT",
    "deleted_lapses",
    "difference_query",
    "entities_with_new_instant",
    "entities_with_restated_row",
    "entities_with_ties",
    "lapsed_entities",
    "published_rows_of",
    "same_entity",
    "vanished",
    "was_expired",
]

OP = "_featurestore_op"
_DIALECT = "duckdb"
_HASH = "_featurestore_hash"
_TABLES = ("latest", "published")
PREVIOUS_EVENT = "_featurestore_previous_event"
PREVIOUS_CREATED = "_featurestore_previous_created"
PREVIOUS_END = "_featurestore_previous_end"


def difference_query(
    publication: Publication,
    latest: str,
    published: str,
    *,
    whole: bool = True,
    only_newer: bool = False,
) -> str:
    """Write the query for the rows that differ.

    Args:
        publication: The view.
        latest: The statement for its newest rows.
        published: The published rows, as a table or a subquery.
        whole: Whether `latest` covers all entities of `published`. If not, a published row without
            a newest one does not count as deleted.
        only_newer: Whether `latest` may hold rows older than the published ones, which stay.

    Returns:
        A SELECT of the view's columns, `OP`, and the timestamps of the row published before, NULL
        if there was none. `OP` is `upsert`, `delete`, or `lapse` for a row without a newest one
        that had expired: it may be left to the server, see `deleted_lapses`.
    """
    view, keys = publication.view, _join_keys(publication)
    columns = [
        f"coalesce(latest.{name}, published.{name}) AS {name}"
        if name in keys
        else f"latest.{name} AS {name}"
        for name in (quoted(name) for name, _ in publication.columns)
    ]
    previous = [
        f"published.{quoted(column.name)} AS {alias}"
        for column, alias in (
            (view.event_timestamp, PREVIOUS_EVENT),
            (view.created_timestamp, PREVIOUS_CREATED),
        )
        if column is not None
    ]
    if view.valid_until is not None:
        previous.append(f"published.{VALID_UNTIL} AS {PREVIOUS_END}")
    present = quoted(view.event_timestamp.name)
    differing = _differing(publication, "latest", "published")
    if only_newer:
        differing = f"({differing}) AND {_is_newer(publication)}"
    shown = ",\n  ".join(
        [*columns, *previous, f"if(latest.{present} IS NULL, 'delete', 'upsert') AS {OP}"]
    )
    # A full outer join also keeps published rows without a newest row: these were deleted.
    join = "FULL OUTER JOIN" if whole else "LEFT JOIN"
    on = same_entity(publication, "latest", "published") or "TRUE"
    differences = (
        f"WITH latest AS (\n{latest}\n)\nSELECT\n  {shown}\nFROM latest\n"
        f"{join} {published} AS published ON {on}\nWHERE {differing}"
    )
    lapses = f"if({OP} = 'delete' AND {was_expired(publication)}, 'lapse', {OP}) AS {OP}"
    return f"SELECT * REPLACE ({lapses})\nFROM (\n{differences}\n) AS differences"


def _is_newer(publication: Publication) -> str:
    """Write the condition that the row in `latest` wins against the one in `published`, if any."""
    view = publication.view
    event = quoted(view.event_timestamp.name)
    newer = f"published.{event} IS NULL OR latest.{event} > published.{event}"
    if view.created_timestamp is None:
        return f"({newer} OR latest.{event} = published.{event})"
    mine, theirs = (f"{table}.{quoted(view.created_timestamp.name)}" for table in _TABLES)
    written = f"{theirs} IS NULL OR {mine} >= {theirs}"
    return f"({newer} OR (latest.{event} = published.{event} AND ({written})))"


def vanished(publication: Publication, window: ChangeWindow, newest: str, published: str) -> str:
    """Write the query for published rows in a window whose entity has no row there any more.

    Args:
        publication: The view.
        window: The window.
        newest: The table of the newest rows in it.
        published: The published rows.
    """
    view = publication.view
    start = window.since - view.available_after
    if view.ttl is not None:
        # A row that expired is not in the window's rows either.
        start = max(start, publication.now - view.ttl)
    at = naive(view.event_timestamp, _DIALECT)
    recent = render(at >= instant_literal(start, _DIALECT), _DIALECT)
    same = same_entity(publication, "newest", "published") or "TRUE"
    return (
        f"SELECT 1 FROM {published} AS published WHERE {recent}"
        f" AND NOT EXISTS (SELECT 1 FROM {newest} AS newest WHERE {same})"
    )


def was_expired(publication: Publication) -> str:
    """Write the condition that the row published before, in a table of changes, has expired."""
    return has_expired(
        publication.view, publication.now, _DIALECT, event=PREVIOUS_EVENT, end=PREVIOUS_END
    )


def lapsed_entities(publication: Publication, changes: str) -> str:
    """Write the query for the join keys of the lapses in a table of changes."""
    keys = ", ".join(_join_keys(publication)) or "1"
    return f"SELECT {keys} FROM {changes} WHERE {OP} = 'lapse'"


def deleted_lapses(publication: Publication, changes: str, known: str) -> str:
    """Write the UPDATE that makes each lapse a deletion whose row the source no longer has.

    A row that lapsed, and is still in the source, left for its time alone: it stays in Redis until
    the server drops it, and readers say EXPIRED.

    Args:
        publication: The view.
        changes: The table of changes.
        known: The statement for the newest rows of these entities, however old.
    """
    event = quoted(publication.view.event_timestamp.name)
    same = same_entity(publication, "known", changes) or "TRUE"
    return (
        f"UPDATE {changes} SET {OP} = 'delete' WHERE {OP} = 'lapse' AND NOT EXISTS (\n"
        f"SELECT 1 FROM (\n{known}\n) AS known\n"
        f"WHERE {same} AND known.{event} = {changes}.{PREVIOUS_EVENT})"
    )


def entities_with_new_instant(publication: Publication, published: str) -> str:
    """Write the query for the join keys of entities whose newest instant is not the published one.

    These include new entities, and entities without any row left.
    """
    event = quoted(publication.view.event_timestamp.name)
    keys = _join_keys(publication)
    return (
        f"WITH newest AS (\n{publication.newest_instants}\n)\n"
        f"SELECT {', '.join(f'coalesce(newest.{key}, published.{key}) AS {key}' for key in keys)}\n"
        f"FROM newest FULL OUTER JOIN {published} AS published"
        f" ON {same_entity(publication, 'newest', 'published')}\n"
        f"WHERE newest.{NEWEST_EVENT} IS DISTINCT FROM published.{event}"
    )


def entities_with_restated_row(publication: Publication, published: str) -> str:
    """Write the query for the join keys of entities with another row at the published instant.

    Rows are compared by a hash of 64 bits. Carrying the values themselves through the join would
    take several times as long, and perhaps more memory than there is.
    """
    # Rows older than the oldest published instant cannot match, so the scan skips them.
    event, keys = quoted(publication.view.event_timestamp.name), _join_keys(publication)
    history = _with_hash(publication, publication.view.relation)
    return (
        f"SELECT {', '.join(f'history.{key}' for key in keys)}\n"
        f"FROM ({history}\n  WHERE {event} >= (SELECT min({event}) FROM {published})) AS history\n"
        f"JOIN ({_with_hash(publication, published)}) AS published\n"
        f"ON {same_entity(publication, 'history', 'published')}"
        f" AND history.{event} = published.{event}\n"
        f"WHERE history.{_HASH} <> published.{_HASH}"
    )


def _with_hash(publication: Publication, source: str) -> str:
    kept = [*_join_keys(publication), quoted(publication.view.event_timestamp.name)]
    values = [
        part
        for name, kind in _compared_types(publication).items()
        for part in hashed_as(publication.published_column(name), kind)
    ]
    return f"SELECT {', '.join(kept)}, hash({', '.join(values)}) AS {_HASH} FROM {source}"


def entities_with_ties(publication: Publication, published: str) -> str:
    """Write the query for the join keys of entities with several rows in a table."""
    keys = ", ".join(_join_keys(publication))
    return f"SELECT {keys} FROM {published} GROUP BY {keys} HAVING count(*) > 1"


def published_rows_of(publication: Publication, published: str, table: str) -> str:
    """Write the subquery for the published rows of the entities in a table."""
    keys = ", ".join(_join_keys(publication))
    return f"(SELECT * FROM {published} SEMI JOIN {table} USING ({keys}))"


def same_entity(publication: Publication, left: str, right: str) -> str:
    """Write the condition that two rows are of one entity; empty without join keys."""
    return " AND ".join(f"{left}.{name} = {right}.{name}" for name in _join_keys(publication))


def _join_keys(publication: Publication) -> list[str]:
    """Return the quoted names of the join keys."""
    return [quoted(key.name) for key in publication.view.join_keys]


def _differing(publication: Publication, left: str, right: str) -> str:
    """Write the condition that two rows of an entity differ in a time or a feature."""
    return " OR ".join(
        f"{mine} IS DISTINCT FROM {theirs}"
        for mine, theirs in zip(
            _compared(publication, left), _compared(publication, right), strict=True
        )
    )


def _compared(publication: Publication, table: str = "") -> list[str]:
    """Return the expressions by which rows of an entity are compared.

    SQL's equality is too weak: 0.0 equals -0.0, also in a list, and a collation may make different
    texts equal.
    """
    compared = []
    for name, kind in _compared_types(publication).items():
        column = publication.published_column(name, table)
        compared.append(f"{column} COLLATE C" if kind and kind.kind is Kind.STRING else column)
        if _holds_floats(kind):
            compared += [part for part in hashed_as(column, kind) if part != column]
    return compared


def _compared_types(publication: Publication) -> dict[str, DataType | None]:
    """Return the published types of the timestamps, of the end (None) and of the features."""
    keys = {key.name for key in publication.view.join_keys}
    types = publication.published_types.items()
    return {name: kind for name, kind in types if name not in keys}


def _holds_floats(kind: DataType | None) -> bool:
    while kind and kind.element:
        kind = kind.element
    return bool(kind and kind.kind in {Kind.FLOAT32, Kind.FLOAT64})
