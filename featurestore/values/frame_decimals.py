"""The types of decimals in a pandas frame: exact ones of Arrow, or floats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from featurestore.errors import FeatureStoreError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Decimals", "decimal_dtype"]

Decimals = Literal["arrow", "float"]
"""How a frame holds decimals, which are the sums of integers too: exact, or as numpy's floats."""


def decimal_dtype(kind: pa.DataType, decimals: Decimals, pandas: Any) -> Any | None:
    """Return the dtype of a column of decimals in a pandas frame; None for other columns.

    Args:
        kind: The column's type in Arrow.
        decimals: "arrow" for the exact values, "float" for the nearest floats.
        pandas: The module.

    Raises:
        FeatureStoreError: `decimals` is neither.
    """
    import pyarrow as pa

    if decimals not in get_args(Decimals):
        raise FeatureStoreError(
            f"decimals must be 'arrow' or 'float', got {decimals!r}.",
            remedy=did_you_mean(str(decimals), get_args(Decimals)),
        )
    if not pa.types.is_decimal(kind):
        return None
    return pandas.ArrowDtype(kind) if decimals == "arrow" else "float64"
