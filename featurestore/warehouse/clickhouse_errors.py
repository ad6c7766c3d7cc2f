"""The errors of ClickHouse, and what they say."""

from __future__ import annotations

import re

from featurestore.errors import (
    MissingRight,
    RelationNotBuilt,
    WarehouseError,
    WarehouseUnavailable,
)
from featurestore.warehouse.protocol import values_hidden

__all__ = ["refused_connection", "translated_error"]

_NO_RELATION = (60, 81)
_NO_RIGHT = (164, 497)
_LOST = (209, 210, 279)
_ABOUT_SQL = (42, 43, 46, 47, 48, 62, 63, 179, 215, 344, 352, 386)
"""The codes of errors that quote the statement, and never a row."""
_GRANT = re.compile(r"have the grant (?P<grant>.+?)\.?(?: \([A-Z_]+\))?$")
_CODE = re.compile(r"Code: (\d+)\. DB::Exception: ")
_TRAILER = re.compile(
    r"( \([A-Z_]+\))?( \(version [^()]*(\([^()]*\))?\))?( \(for url [^ ]+\))?\.?\s*$"
)
_CAUSE = re.compile(r"Caused by \w+\(.*?: (?P<cause>[^:]+?)[\"']?\)\)")


def translated_error(
    doing: str, kind: str, text: str, *, address: str, user: str, hides_values: bool
) -> WarehouseError:
    """Return the package's error for one of the server or the driver.

    Args:
        doing: The action, such as "run the query".
        kind: The name of the driver's error.
        text: Its text.
        address: The server's address for messages.
        user: The user that the statement ran as.
        hides_values: Whether to leave out words that may quote a value.
    """
    code, reason = _code(text), _reason(text)
    message = f"Cannot {doing}: {reason}"
    if code in _NO_RELATION:
        return RelationNotBuilt(message, remedy="If it is a dbt model, run `dbt build`.")
    if code in _NO_RIGHT:
        return _missing_right(message, text, user)
    if code in _LOST or (code is None and kind == "OperationalError"):
        return WarehouseUnavailable(f"Lost the connection to {address}. {message}")
    if hides_values and code not in _ABOUT_SQL:
        return values_hidden(doing, f"{kind} {code or ''}".strip())
    return WarehouseError(message)


def refused_connection(address: str, error: Exception) -> WarehouseUnavailable:
    """Return the error about a failed connection; a server that refuses it is running."""
    text = str(error)
    remedy = "Is it running, and is the target in profiles.yml right? Try `dbt debug`."
    if "is readonly" in text:
        remedy = "The user's profile must let it change settings: `readonly = 2`, or 0."
    elif _code(text) is not None:
        remedy = "The server runs and refuses the connection: correct the target in profiles.yml."
    return WarehouseUnavailable(f"Cannot connect to {address}: {_reason(text)}", remedy=remedy)


def _missing_right(message: str, text: str, user: str) -> MissingRight:
    """Return the error about a right that the user lacks; ClickHouse names it as a GRANT does."""
    found = _GRANT.search(_reason(text))
    if found is None:
        return MissingRight(message, remedy="Grant the user the right, or use another target.")
    return MissingRight(message, remedy=f"GRANT {found['grant']} TO {user or 'the user'}.")


def _code(text: str) -> int | None:
    found = re.search(r"Code: (\d+)", text)
    return int(found[1]) if found else None


def _reason(text: str) -> str:
    """Return the engine's first line, without its code and version, or why there is none."""
    if found := _CAUSE.search(text):
        return found["cause"]
    words = _CODE.split(text)[-1].strip().splitlines() or [text]
    return _TRAILER.sub("", words[0]).strip() or text
