"""Adds a token's entry to the file of tokens."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from featurestore.errors import FeatureStoreError
from featurestore.serve.tokens import parse_tokens
from featurestore.values.atomic_file import atomic_write

__all__ = ["add_entry"]

_RIGHTS = 0o600


def add_entry(file: Path, entry: Mapping[str, Any]) -> None:
    """Add an entry at the end of a file of tokens, with the comments of the others kept.

    Args:
        file: The file; it is created if it does not exist, for its owner alone.
        entry: The entry.

    Raises:
        FeatureStoreError: The file is not a file of tokens, or cannot be written.
    """
    try:
        before = file.read_text(encoding="utf-8") if file.exists() else "tokens:\n"
        after = before + ("" if before.endswith("\n") else "\n") + _shown(before, entry)
        # Also checked: an entry that would not be read is not written.
        parse_tokens(after, str(file))
        # The target of a link, so that the link stays.
        with atomic_write(file.resolve()) as part:
            part.touch(mode=_rights_of(file))
            part.write_text(after, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise FeatureStoreError(f"The tokens in {file} cannot be written: {reason}.") from None


def _rights_of(file: Path) -> int:
    return os.stat(file).st_mode & 0o777 if file.exists() else _RIGHTS  # noqa: PTH116


def _shown(before: str, entry: Mapping[str, Any]) -> str:
    """Return the entry as YAML, as far to the right as the file's own list is."""
    text = yaml.safe_dump([dict(entry)], sort_keys=False, allow_unicode=True)
    listed = [line for line in before.splitlines() if line.lstrip().startswith("- ")]
    indent = " " * (len(listed[0]) - len(listed[0].lstrip())) if listed else ""
    return "".join(f"{indent}{line}\n" for line in text.splitlines())
