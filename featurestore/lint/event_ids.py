"""Columns that name one event by what they are called: `order_id` of orders, a hash."""

from __future__ import annotations

import re

from featurestore.lint.query_blocks import TableColumn

__all__ = ["happens_at_once", "holds_parts", "is_id_of_whole", "is_own_id"]

_ID = re.compile(r"^(?P<noun>.+)_(id|key|sk|pk|uuid|guid|number|no|hash|code)$")
# Tables that hold several rows of one id, as `order_updates` does.
_MANY_ROWS = re.compile(
    r"(^|_)(history|histories|snapshots?|versions?|scd|updates?|changes?|logs?|events?|status"
    r"|statuses|daily|hourly)(_|$)"
)
_PARTS = re.compile(r"(^|_)(lines?|items?|details?|parts?|components?)(_|$)")
# The rows of a transaction on a ledger, or of one version of a published feed.
_AT_ONCE = re.compile(
    r"(^|_)(tx|txn|trx|transaction|block|invoice|receipt)_?(hash|id|key|sk|uuid|number|no|height)$"
    r"|(^|_)feed(_version)?_(id|key|sk|hash|version)$"
)


def happens_at_once(name: str) -> bool:
    """Return whether rows with an equal value of a column have one instant.

    >>> happens_at_once("tx_hash"), happens_at_once("feed_key"), happens_at_once("product_id")
    (True, True, False)
    """
    return bool(_AT_ONCE.search(name))


def holds_parts(table: str) -> bool:
    """Return whether a table holds the parts of events, known at once: the lines of an order.

    >>> holds_parts("db.sales.order_items"), holds_parts("db.items.payments")
    (True, False)
    """
    return bool(_PARTS.search(table.rpartition(".")[2]))


def is_own_id(column: TableColumn) -> bool:
    """Return whether a column is called after the rows of its table.

    >>> is_own_id(TableColumn("db.orders_enriched", "order_id"))
    True
    >>> is_own_id(TableColumn("db.order_items", "order_id"))
    False
    """
    name = column.table.rpartition(".")[2]
    if _MANY_ROWS.search(name):
        return False
    noun = _noun(column.column)
    # `orders_enriched` and a table called `order` hold orders; `order_items` holds their parts.
    return column.column == "id" or (
        bool(noun) and (f"_{name}".endswith(f"_{noun}") or _has_plural(name, noun))
    )


def is_id_of_whole(column: TableColumn) -> bool:
    """Return whether a column is the id of what the rows of its table are parts of.

    >>> is_id_of_whole(TableColumn("db.order_items", "order_id"))
    True
    >>> is_id_of_whole(TableColumn("db.order_items", "product_id"))
    False
    """
    name, noun = column.table.rpartition(".")[2], _noun(column.column)
    return bool(noun) and holds_parts(name) and f"_{noun}_" in f"_{name}_"


def _noun(column: str) -> str:
    match = _ID.match(column)
    return match["noun"] if match else ""


def _has_plural(name: str, noun: str) -> bool:
    plurals = (f"{noun}s", f"{noun}es", f"{noun.removesuffix('y')}ies")
    return any(f"_{plural}_" in f"_{name}_" for plural in plurals)
