"""How a value enters DuckDB's `hash`, for cards and for the search of restated rows.

DuckDB's `hash` alone does not distinguish all values. It is 0 for 0.00 and -0.01 as DECIMAL(38,2),
because it hashes the two halves of 128 bits and joins them by XOR; UUIDs and HUGEINT have the same
fault. It is one value for 0.0 and -0.0, for `[0]` and `[0, 0]`, and for the first members of any
two enumerations.
"""

from __future__ import annotations

from featurestore.values.types import DataType, Kind

__all__ = ["compared_as", "hashed_as"]

_SIGNED_ZEROS = frozenset({Kind.FLOAT32, Kind.FLOAT64})
# Up to 64 bits DuckDB's hash of a number is a bijection, and it reads each byte of a text.
_AS_IT_IS = frozenset(
    {
        *(Kind.BOOLEAN, Kind.INT8, Kind.INT16, Kind.INT32, Kind.INT64),
        *(Kind.UINT8, Kind.UINT16, Kind.UINT32, Kind.UINT64, Kind.BYTES),
        *(Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ),
    }
)
_WIDE = frozenset({Kind.DECIMAL, Kind.INT128, Kind.UUID})
_DIGITS_IN_64_BITS = 18


def hashed_as(value: str, data_type: DataType | None) -> tuple[str, ...]:
    """Return the arguments for DuckDB's `hash` by which different values have different hashes.

    Args:
        value: The value as SQL.
        data_type: The type that DuckDB reports; None if it is unknown.

    >>> from featurestore.values.type_spellings import parse_type
    >>> hashed_as("x", parse_type("BIGINT"))
    ('x',)
    >>> hashed_as("x", parse_type("DOUBLE"))
    ('x', 'signbit(x)')
    >>> hashed_as("x", parse_type("ENUM('low', 'high')"))
    ('CAST(x AS VARCHAR)',)
    >>> hashed_as("x", parse_type("DOUBLE[]"))
    ('[hash(e1, signbit(e1)) FOR e1 IN x]', 'len(x)')
    """
    return _hashed_as(value, data_type, 1)


def compared_as(value: str, data_type: DataType | None) -> tuple[str, ...]:
    """Return the expressions by which two values are compared; see `KeepsLedger`.

    >>> from featurestore.values.type_spellings import parse_type
    >>> compared_as("x", parse_type("VARCHAR")), compared_as("x", parse_type("DOUBLE"))
    (('x COLLATE C',), ('x', 'signbit(x)'))
    """
    if data_type and data_type.kind is Kind.STRING:
        return (f"{value} COLLATE C",)
    if data_type is None or data_type.leaf.kind not in _SIGNED_ZEROS:
        return (value,)
    return (value, *(part for part in hashed_as(value, data_type) if part != value))


def _hashed_as(value: str, data_type: DataType | None, depth: int) -> tuple[str, ...]:
    kind = data_type.kind if data_type else Kind.OTHER
    if kind is Kind.ARRAY and data_type:
        return _list_hashed_as(value, data_type, depth)
    if kind in _SIGNED_ZEROS:
        return value, f"signbit({value})"
    if kind in _AS_IT_IS or (kind is Kind.DECIMAL and _is_narrow(data_type)):
        return (value,)
    if kind in _WIDE:
        # A sort key differs where the values do, and takes a fifth of the time of the text.
        return (f"create_sort_key({value}, 'ASC NULLS LAST')",)
    # Text, for an enumeration as well: its members count, not their places in the list.
    return (f"CAST({value} AS VARCHAR)",)


def _list_hashed_as(value: str, data_type: DataType, depth: int) -> tuple[str, ...]:
    # The length distinguishes NULL, the empty list, `[NULL]`, and zeros at the front.
    element = f"e{depth}"
    parts = _hashed_as(element, data_type.element, depth + 1)
    if parts == (element,):
        return value, f"len({value})"
    return f"[hash({', '.join(parts)}) FOR {element} IN {value}]", f"len({value})"


def _is_narrow(data_type: DataType | None) -> bool:
    return bool(data_type and (data_type.precision or 38) <= _DIGITS_IN_64_BITS)
