"""The features that a caller asks for: references, the name of a service, or a service itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from featurestore.errors import RegistryError
from featurestore.registry.definitions import FeatureService

__all__ = ["AskedFeatures", "AskedService", "requested"]

AskedFeatures: TypeAlias = str | Sequence[str] | FeatureService | None
"""References `view:feature` or `view:*`, or a service of the registry."""
AskedService: TypeAlias = str | FeatureService | None
"""A service, or its name."""


def requested(
    features: AskedFeatures, feature_service: AskedService
) -> tuple[str | Sequence[str] | None, str | None]:
    """Return the references and the name of the service; one of them is None in a good request.

    Raises:
        RegistryError: `features` has none of these forms.
    """
    if isinstance(features, FeatureService) and feature_service is None:
        return None, features.name
    if isinstance(feature_service, FeatureService):
        feature_service = feature_service.name
    if features is None or (
        isinstance(features, Iterable) and not isinstance(features, FeatureService)
    ):
        return features, feature_service
    raise RegistryError(
        f"`features` is a {type(features).__qualname__}, not a list of references.",
        remedy="Write ['view:feature'] or ['view:*'], or give a feature service alone.",
    )
