"""A store that writes statements from the declared types, without a connection."""

from __future__ import annotations

from featurestore.store.feature_store import FeatureStore

__all__ = ["without_connection"]


def without_connection(store: FeatureStore) -> FeatureStore:
    """Return a store of the same project that reads no table and runs no statement."""
    session = store._session  # noqa: SLF001, the parts of a store share it
    declared = FeatureStore(session.project_dir, session.target, now=session.now())
    declared._session.declared_only = True  # noqa: SLF001
    return declared
