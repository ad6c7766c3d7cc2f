"""A dbt-and-SQL, warehouse-native feature store.

Features are dbt models; this package reads dbt's manifest, builds training sets without leakage
and serves the newest values from Redis. Importing it is cheap: engines are loaded when used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from featurestore.values.version import VERSION

if TYPE_CHECKING:
    from featurestore.errors import FeatureStoreError
    from featurestore.registry.build_registry import load_registry
    from featurestore.registry.registry import Registry
    from featurestore.store.feature_store import FeatureStore
    from featurestore.training.training_job import TrainingJob

__version__ = VERSION

__all__ = [
    "FeatureStore",
    "FeatureStoreError",
    "Registry",
    "TrainingJob",
    "__version__",
    "load_registry",
]

_HOMES = {
    "FeatureStore": "featurestore.store.feature_store",
    "FeatureStoreError": "featurestore.errors",
    "Registry": "featurestore.registry.registry",
    "TrainingJob": "featurestore.training.training_job",
    "load_registry": "featurestore.registry.build_registry",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'featurestore' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
