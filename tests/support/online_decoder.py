"""A second reader of the online store, written from docs/reference/online-format.md alone.

It uses no code of the package, so an agreement of both shows that the page describes the format.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, localcontext
from typing import Any

_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_INTEGERS = {"int8": 1, "int16": 2, "int32": 4, "int64": 8}
_WIDTHS = {
    **_INTEGERS,
    **{f"u{name}": width for name, width in _INTEGERS.items()},
    "bool": 1,
    "float32": 4,
    "float64": 8,
    "date": 4,
    "time": 8,
}
_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}


class Malformed(Exception):
    """The bytes do not follow the page."""


@dataclass(frozen=True)
class DecodedRow:
    """A row: the microseconds at its head, and its values by name."""

    event: int
    created: int | None
    values: dict[str, Any]
    end: int | None = None


class _Bytes:
    """Bytes to take from the front; taking more than remain is an error."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def take(self, count: int) -> bytes:
        taken = self._raw[self._at : self._at + count]
        if len(taken) != count:
            raise Malformed(f"{count} bytes wanted at {self._at} of {len(self._raw)}")
        self._at += count
        return taken

    def length(self) -> int:
        (byte,) = self.take(1)
        return byte if byte < 255 else int.from_bytes(self.take(4), "little")

    def bits(self, count: int) -> list[bool]:
        taken = self.take(-(-count // 8))
        return [bool(taken[index // 8] >> (index % 8) & 1) for index in range(count)]

    def end(self) -> None:
        if self._at != len(self._raw):
            raise Malformed(f"{len(self._raw) - self._at} bytes are left over")


def fingerprint(schema_json: str) -> bytes:
    """Return the fingerprint of a schema's text."""
    return hashlib.sha256(schema_json.encode("utf-8")).digest()[:4]


def crc32(message: bytes) -> int:
    """Return the CRC-32 of a message, bit by bit: polynomial 0xEDB88320, reflected."""
    register = 0xFFFFFFFF
    for byte in message:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xEDB88320 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def _checked(key: str, raw: bytes) -> bytes:
    """Return a row of version 3 without its checksum."""
    row, checksum = raw[:-4], raw[-4:]
    if len(raw) < 17 or checksum != crc32(key.encode("ascii") + row).to_bytes(4, "little"):
        raise Malformed("damaged")
    return row


def _features(schema: str, version: int) -> list[tuple[str, str]]:
    """Return the names and types of a schema's features; a row has a schema of its own version."""
    found = json.loads(schema)
    if found["version"] != version:
        raise Malformed("a schema of another version")
    features: list[tuple[str, str]] = found["features"]
    return features


def decode_row(key: str, raw: bytes, schemas: dict[bytes, str]) -> DecodedRow:
    """Decode a row by the schema that its fingerprint names."""
    version, marks = divmod((raw or b"\0")[0], 16)
    if version not in (2, 3) or marks > (3 if version == 2 else 7):
        raise Malformed("another version")
    source = _Bytes(_checked(key, raw) if version == 3 else raw)
    source.take(1)
    features = _features(schemas[source.take(4)], version)
    event = int.from_bytes(source.take(8), "big", signed=True)
    created = int.from_bytes(source.take(8), "big", signed=True) if marks & 1 else -(2**63)
    end = int.from_bytes(source.take(8), "big", signed=True) if marks & 4 else 2**63 - 1
    present = source.bits(len(features)) if marks & 2 else [True] * len(features)
    values: dict[str, Any] = dict.fromkeys(name for name, _ in features)
    for there, (name, kind) in zip(present, features, strict=True):
        if (width := _width(kind)) is not None:
            taken = source.take(width)
            if there:
                values[name] = _fixed(kind, taken)
            elif any(taken):
                raise Malformed(f"{name} is NULL, but has bytes")
    for there, (name, kind) in zip(present, features, strict=True):
        if _width(kind) is None:
            taken = source.take(source.length())
            if there:
                values[name] = _varying(kind, taken)
            elif taken:
                raise Malformed(f"{name} is NULL, but has bytes")
    source.end()
    created_or_none = None if created == -(2**63) else created
    return DecodedRow(event, created_or_none, values, None if end == 2**63 - 1 else end)


def row_key(project: str, view: str, kinds: list[str], values: list[Any]) -> str:
    """Return the key of an entity's row."""
    texts = [_encoded(_key_text(kind, value)) for kind, value in zip(kinds, values, strict=True)]
    return f"fs:{_encoded(project)}:{_encoded(view)}:{{{','.join(texts)}}}"


def _encoded(text: str) -> str:
    return "".join(
        chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in text.encode("utf-8")
    )


def _key_text(kind: str, value: Any) -> str:
    if kind == "bool":
        return "true" if value else "false"
    if kind.startswith("timestamp"):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        since = aware - datetime(1970, 1, 1, tzinfo=UTC)
        return str((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)
    if kind.startswith("decimal"):
        whole, _, fraction = f"{value:f}".partition(".")
        fraction = fraction.rstrip("0")
        return (f"{whole}.{fraction}" if fraction else whole) if value else "0"
    return str(value)


def _array(kind: str) -> tuple[str, int] | None:
    """Return the element and the size of an array; None for another type."""
    element, _, size = kind.removesuffix("]").rpartition("[")
    return (element, int(size)) if kind.endswith("]") and size.isdigit() else None


def _width(kind: str) -> int | None:
    if _array(kind):
        return None
    if kind.startswith("decimal("):
        return 16
    if kind.startswith("timestamp"):
        return 8
    return _WIDTHS.get(kind)


def _fixed(kind: str, raw: bytes) -> Any:
    if kind.startswith("float"):
        return struct.unpack("<f" if kind == "float32" else "<d", raw)[0]
    number = int.from_bytes(raw, "little", signed=not kind.startswith(("uint", "bool")))
    if kind == "bool":
        return {0: False, 1: True}[number]
    if kind.startswith("decimal("):
        scale = int(kind[8:-1].split(",")[1])
        with localcontext(prec=60):
            return Decimal(number) * Decimal(10) ** -scale
    return _moment(kind, number) if kind.startswith(("date", "time")) else number


def _moment(kind: str, number: int) -> Any:
    if kind == "date":
        return date(1970, 1, 1) + timedelta(days=number)
    if kind == "time":
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=number)).time()
    zone, unit = kind.removeprefix("timestamp").removesuffix("]").split("[")
    since = timedelta(microseconds=number * _MICROSECONDS[unit])
    moment = datetime(1970, 1, 1, tzinfo=UTC) + since
    return moment if zone == "tz" else moment.replace(tzinfo=None)


def _varying(kind: str, raw: bytes) -> Any:
    if kind == "string":
        return raw.decode("utf-8")
    if kind == "bytes":
        return raw
    if array := _array(kind):
        element, size = array
        source = _Bytes(raw)
        values = [_fixed(element, source.take(_width(element) or 0)) for _ in range(size)]
        source.end()
        return values
    element = kind.removeprefix("list<")[:-1]
    source = _Bytes(raw)
    values = [
        _element(element, source) if there else None for there in source.bits(source.length())
    ]
    source.end()
    return values


def _element(kind: str, source: _Bytes) -> Any:
    width = _width(kind)
    if width is None:
        return _varying(kind, source.take(source.length()))
    return _fixed(kind, source.take(width))


def value_of_json(kind: str, value: Any) -> Any:
    """Return the Python value of a JSON value in a test vector."""
    if value is None:
        return None
    if array := _array(kind):
        return [value_of_json(array[0], item) for item in value]
    if kind.startswith("list<"):
        return [value_of_json(kind[5:-1], item) for item in value]
    if kind.startswith("timestamp"):
        return datetime.fromisoformat(value)
    read = {
        "float": float,
        "decimal": Decimal,
        "bytes": bytes.fromhex,
        "date": date.fromisoformat,
        "time": time.fromisoformat,
    }
    for prefix, convert in read.items():
        if kind.startswith(prefix):
            return convert(value)
    return value
