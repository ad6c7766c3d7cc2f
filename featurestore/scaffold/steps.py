"""The two kinds of step: lines that are written, and lines for the user to paste."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from featurestore.errors import FeatureStoreError
from featurestore.values.atomic_file import atomic_write

__all__ = ["Edit", "Paste", "Step", "load_yaml", "read_text"]


@dataclass(frozen=True, slots=True)
class Edit:
    """A file with more lines than before.

    Attributes:
        path: The file, relative to the project.
        before: Its text; empty when it is new.
        after: The text to write.
    """

    path: Path
    before: str
    after: str

    @property
    def diff(self) -> str:
        """Return the change as a unified diff."""
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            str(self.path) if self.before else "/dev/null",
            str(self.path),
        )
        # A last line without a line break would run into the next.
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)

    def apply(self, project: Path) -> None:
        """Write the file."""
        with atomic_write(project / self.path) as part:
            part.write_text(self.after, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Paste:
    """Lines that only the user can place.

    Attributes:
        where: The place, as the end of a sentence.
        text: The lines.
    """

    where: str
    text: str


Step = Edit | Paste


def read_text(path: Path) -> str:
    """Return a file's text; nothing if there is no such file.

    Raises:
        FeatureStoreError: It cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise FeatureStoreError(f"Cannot read {path}: {error}.") from None


def load_yaml(path: Path) -> dict[str, Any]:
    """Return what a yml file says; nothing if there is no such file.

    Raises:
        FeatureStoreError: It is no YAML, or no mapping.
    """
    import yaml

    try:
        loaded = yaml.safe_load(read_text(path)) or {}
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise FeatureStoreError(
            f"Cannot read {path}: {reason}.", remedy="Correct it, then try `dbt parse`."
        ) from None
    if not isinstance(loaded, dict):
        raise FeatureStoreError(f"{path} is no mapping.", remedy="Correct it, then try again.")
    return loaded
