"""Importing is cheap: an engine is loaded when it is used, and only what is used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.builders import manifest_json, model, service

ROOT = Path(__file__).parents[2]
HEAVY = ("dbt", "duckdb", "jinja2", "numpy", "pandas", "polars", "pyarrow", "redis", "rich")
HEAVY += ("sqlglot", "typer", "yaml")


def loaded(code, *arguments):
    """Return the heavy packages that a fresh process has loaded after some code."""
    report = f"\nimport sys; print(' '.join(sorted({set(HEAVY)!r} & set(sys.modules))))"
    result = subprocess.run(
        [sys.executable, "-c", code + report, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.split()


@pytest.mark.parametrize(
    "code",
    [
        "import featurestore",
        "import featurestore; featurestore.FeatureStore",
        "import featurestore; featurestore.FeatureStore('.')",
        "from featurestore import FeatureStoreError, Registry, load_registry",
    ],
)
def test_importing_loads_no_engine(code):
    """The package, and the facade itself, are there at once."""
    assert [] == loaded(code)


def test_a_registry_needs_no_engine(tmp_path):
    """Everything that the manifest says can be read without a warehouse's or Redis' driver."""
    path = tmp_path / "manifest.json"
    content = manifest_json(model(), exposures=[service("delays", ["plane_features:delay"])])
    path.write_text(json.dumps(content), encoding="utf-8")
    code = (
        "import sys, pathlib, featurestore\n"
        "registry = featurestore.load_registry(pathlib.Path(sys.argv[1])).checked()\n"
        "registry.members(None, 'delays')"
    )

    assert [] == loaded(code, str(path))


def test_the_public_names():
    """Every name in `__all__` is there, and no other is."""
    import featurestore

    assert featurestore.__all__ == dir(featurestore)
    assert [] == [name for name in featurestore.__all__ if not hasattr(featurestore, name)]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        featurestore.nothing  # noqa: B018, reading it is the act
