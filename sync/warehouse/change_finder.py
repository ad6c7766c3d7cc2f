"""Finds the rows that changed since the last publication, without comparing all of a large table.

In a large table few entities change between two runs, and ranking and comparing the others is most
of the work. So the entities that may have changed, the suspects, are listed first by cheaper
queries, with their newest instants, and only their rows there are ranked and compared; see
`change_detection`.
"""

from __future__ import annotations

from featurestore.warehouse.abilities import HashesRows, estimate_of
from sync.warehouse.change_detection import OP, PREVIOUS_EVENT, ChangeQueries
from sync.warehouse.ledger_tables import LedgerTables
from sync.warehouse.publication import ChangeWindow, Publication

__all__ = ["SUSPECTS", "find_changes", "is_large"]

_CHANGES = "_featurestore_changes"
_SETTLED = "_featurestore_settled"
_LAPSED = "_featurestore_lapsed"
_WINDOW = "_featurestore_window"
SUSPECTS = "_featurestore_suspects"
"""The temporary table of suspects."""

# A heuristic, not a limit: both ways find the same changes. Listing suspects scans the table twice
# more, which pays only once ranking and comparing all rows dominate the run.
_LARGE_ROWS = 100_000
# Above half of all entities, ranking the suspects costs as much as ranking all, and the list comes
# on top.
_SUSPECT_SHARE = 0.5


def find_changes(tables: LedgerTables, publication: Publication, published: str) -> str:
    """Compare the newest rows with the published ones.

    Args:
        tables: The ledger's schema.
        publication: The view.
        published: Its table of published rows.

    Returns:
        The name of a temporary table with the columns of `ChangeQueries.difference`.
    """
    queries = ChangeQueries(publication, tables.database)
    changes = _compare(tables, queries, published)
    lapsed = tables.create_temporary(_LAPSED, queries.lapsed_entities(changes))
    # Most runs find no lapse, and then the source need not be read again.
    return _settled(tables, queries, changes, lapsed) if tables.count(lapsed) else changes


def _compare(tables: LedgerTables, queries: ChangeQueries, published: str) -> str:
    """Write the table of changes; return its name."""
    publication = queries.publication
    if publication.window is not None:
        found = _compare_window(tables, queries, publication.window, published)
        if found:
            return found
    newest, compared, whole = publication.latest, published, True
    if publication.since is not None:
        # Entities without a recent event are not read, so a missing one is not deleted.
        newest, whole = publication.latest_since, False
    elif is_large(tables, publication):
        suspects = _find_suspects(tables, queries, published)
        if suspects:
            newest = publication.latest_at(suspects)
            compared = queries.published_rows_of(published, suspects)
    with tables.source.reading(newest) as rows:
        difference = queries.difference(rows, compared, whole=whole)
        return tables.create_temporary(_CHANGES, difference)


def _compare_window(
    tables: LedgerTables, queries: ChangeQueries, window: ChangeWindow, published: str
) -> str:
    """Compare the rows in a window; return "" if that is not enough to know all changes."""
    newest = tables.keep(_WINDOW, queries.publication.latest_in(window))
    appended = window.written is not None
    # An entity without a row left in the window may still have an older one.
    if not appended and tables.count(f"({queries.vanished(window, newest, published)}) AS v"):
        return ""
    rows = f"SELECT * FROM {newest}"
    difference = queries.difference(rows, published, whole=False, only_newer=appended)
    return tables.create_temporary(_CHANGES, difference)


def _settled(tables: LedgerTables, queries: ChangeQueries, changes: str, lapsed: str) -> str:
    """Tell the lapses whose rows the source still has from those that it deleted."""
    publication = queries.publication
    known = publication.known_among(lapsed)
    if not tables.source.in_place:
        event = f"SELECT min({PREVIOUS_EVENT}) AS oldest FROM {changes} WHERE {OP} = 'lapse'"
        known = publication.known_since(tables.rows(event)[0]["oldest"])
    with tables.source.reading(known) as rows:
        return tables.create_temporary(_SETTLED, queries.settled(changes, rows))


def is_large(tables: LedgerTables, publication: Publication) -> bool:
    """Return whether listing suspects first pays for a view.

    It pays if the ledger is in the warehouse, its engine hashes rows faster than it compares them,
    and they are stored in a large table: a view of the warehouse would run its query twice more.
    It does not pay with a created timestamp, since many entities then have several rows at their
    newest instant, and each of those is a suspect. Nor does it pay with an end of validity, since
    an entity that has ended has a newest instant that is not published.
    """
    view = publication.view
    if not view.join_keys or view.created_timestamp is not None or view.validity_columns:
        return False
    if not tables.source.in_place or not isinstance(tables.database, HashesRows):
        # Reading the newest rows once is all that a run needs.
        return False
    # Without statistics the size is unknown, and comparing all rows is always right.
    found = estimate_of(tables.database, publication.view.relation)
    return found is not None and found.stored and found.rows >= _LARGE_ROWS


def _find_suspects(tables: LedgerTables, queries: ChangeQueries, published: str) -> str:
    """List the entities that may have changed; return "" if they are too many to use."""
    most = _SUSPECT_SHARE * tables.count(published)
    suspects = tables.create_temporary(SUSPECTS, queries.entities_with_new_instant(published))
    if not isinstance(tables.database, HashesRows) or tables.count(suspects) > most:
        # Decided before the second query, which hashes every row.
        return ""
    restated = queries.entities_with_restated_row(published, tables.database)
    tables.execute(f"INSERT INTO {suspects}\n{restated}")
    # An entity may be listed twice, with two instants: the list is only read by EXISTS, and the
    # rank takes the newer row.
    return suspects if tables.count(suspects) <= most else ""
