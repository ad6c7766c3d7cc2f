"""The floors that pyproject.toml states are the versions that `make test-lowest` runs on."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCKED = dict(
    re.findall(
        r"^([\w-]+)==([\w.]+)", (ROOT / "requirements-lowest.lock").read_text("utf-8"), re.MULTILINE
    )
)
FLOORS = [
    re.match(r"([\w-]+)(?:\[\w+\])?>=([\w.]+)", one).groups()
    for one in (
        *PROJECT["dependencies"],
        *(one for extra in ("duckdb", "pandas", "polars") for one in EXTRAS[extra]),
        next(one for one in EXTRAS["test"] if one.startswith("dbt-core")),
    )
]


def _parts(version):
    """Return a version's numbers: 26.0 and 26.0.0 are one version."""
    return [int(part) for part in f"{version}.0.0".split(".")[:3]]


@pytest.mark.parametrize(("name", "floor"), FLOORS, ids=[name for name, _ in FLOORS])
def test_a_floor_is_run(name, floor):
    """Only what dbt itself wants newer may be newer: Jinja."""
    if name == "jinja2":
        assert _parts(floor) <= _parts(LOCKED[name])
    else:
        assert _parts(floor) == _parts(LOCKED[name])


def test_the_package_has_the_range_of_dbt_that_is_run():
    """Two files state it, and a project on an older dbt would not compile."""
    package = yaml.safe_load((ROOT / "dbt_project.yml").read_text(encoding="utf-8"))
    asked = next(one for one in EXTRAS["test"] if one.startswith("dbt-core"))

    lowest, above = package["require-dbt-version"]
    assert asked.removeprefix("dbt-core").split(",") == [lowest, above.removesuffix(".0")]
