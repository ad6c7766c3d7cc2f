"""The two kinds of step: lines to write, and lines for the user to paste."""

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
    """An addition to a file.

    Attributes:
        path: The file, relative to the project.
        before: The present text; empty for a new file.
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
        # difflib leaves a last line without a line break as it is; the next would join it.
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)

    def apply(self, project: Path) -> None:
        """Write the file."""
        with atomic_write(project / self.path) as part:
            # As bytes: writing text would change line ends on some systems.
            part.write_bytes(self.after.encode())


@dataclass(frozen=True, slots=True)
class Paste:
    """Lines that only the user can add safely.

    Attributes:
        where: The place, such as `in packages.yml`, to end a sentence with.
        text: The lines.
    """

    where: str
    text: str


Step = Edit | Paste


def read_text(path: Path) -> str:
    """Return the text of a file with its own line ends; empty if the file does not exist.

    Raises:
        FeatureStoreError: The file cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise FeatureStoreError(f"Cannot read {path}: {error}.") from None


def load_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a yml file; empty if the file does not exist.

    Raises:
        FeatureStoreError: The file is not valid YAML, or does not hold a mapping.
    """
    import yaml

    try:
        loaded = yaml.safe_load(read_text(path)) or {}
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise FeatureStoreError(
            f"Cannot read {path}: {reason}.", remedy="Correct it, then run `dbt parse`."
        ) from None
    if not isinstance(loaded, dict):
        raise FeatureStoreError(
            f"{path} must hold a mapping.", remedy="Correct it, then run `dbt parse`."
        )
    return loaded
