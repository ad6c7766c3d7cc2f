"""The hint for integers of 128 bits, which a sum of integers is on DuckDB."""

from __future__ import annotations

from featurestore.values.types import DataType, Kind

__all__ = ["BIGINT_REMEDY", "bigint_hint"]

BIGINT_REMEDY = "Cast it to bigint in the model, as in `sum(x)::bigint`."


def bigint_hint(data_type: DataType) -> str | None:
    """Return why a column of a type is better cast to bigint; None if it is not.

    >>> bigint_hint(DataType(Kind.INT64))
    """
    if data_type.kind is not Kind.INT128:
        return None
    return (
        "a HUGEINT, as a sum of integers is on DuckDB: frames and files hold it as a decimal of 38"
        " digits."
    )
