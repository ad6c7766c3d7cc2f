"""The schema of a view's published rows, which Redis keeps as JSON beside them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

from featurestore.online.row_format import FORMAT_VERSION, HEAD, MARKS, wrong_format

__all__ = ["Schema", "fingerprint_of_schema"]


@dataclass(frozen=True)
class Schema:
    """The published names and types of a view's keys and features.

    Attributes:
        keys: The join keys in order, each with the name of its type.
        features: The features in order, each with the name of its type.
        version: The version of the format of the rows.
    """

    keys: tuple[tuple[str, str], ...]
    features: tuple[tuple[str, str], ...]
    version: int = FORMAT_VERSION

    @cached_property
    def fingerprint(self) -> bytes:
        """The first 4 bytes of the SHA-256 of the schema's JSON; every row contains it."""
        return fingerprint_of_schema(self.to_json().encode())

    def head(self, marks: int) -> bytes:
        """Return the first bytes of this schema's rows with the given marks."""
        return bytes([self.version << 4 | marks]) + self.fingerprint

    def to_json(self) -> str:
        """Return the schema as JSON, the same text for equal schemas.

        >>> Schema((("tailnum", "string"),), (("seats", "int32"),)).to_json()
        '{"version":3,"keys":[["tailnum","string"]],"features":[["seats","int32"]]}'
        """
        content = {"version": self.version, "keys": self.keys, "features": self.features}
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Schema:
        """Return the schema in a JSON text.

        Raises:
            OnlineStoreError: The text has an unknown version of the format, or is damaged.
        """
        try:
            content = json.loads(text)
            version = content["version"]
            if version not in MARKS:
                raise wrong_format(f"A schema of format {version}")
            keys, features = (
                tuple((str(name), str(kind)) for name, kind in content[part])
                for part in ("keys", "features")
            )
        except (ValueError, LookupError, TypeError) as error:
            raise wrong_format("A schema that is not valid JSON") from error
        return cls(keys, features, version)


def fingerprint_of_schema(text: bytes) -> bytes:
    """Return the fingerprint of a schema's JSON.

    >>> fingerprint_of_schema(b"{}").hex()
    '44136fa3'
    """
    # 4 bytes, since every row has them. The sync refuses a schema whose fingerprint is taken.
    return hashlib.sha256(text).digest()[: HEAD - 1]
