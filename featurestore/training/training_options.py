"""The options of a training set, as one value."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from datetime import datetime, timedelta
from typing import Any

from featurestore.governance.personal_data import AllowPii
from featurestore.registry.requested_features import AskedFeatures, AskedService

__all__ = ["TrainingOptions"]


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """The arguments of `FeatureStore.get_historical_features`, which explains each of them."""

    entity_df: Any = None
    features: AskedFeatures = None
    _: KW_ONLY
    feature_service: AskedService = None
    start: datetime | None = None
    end: datetime | None = None
    every: str | timedelta | None = None
    event_timestamp: str = "event_timestamp"
    full_feature_names: bool = False
    feature_timestamps: bool = False
    as_known: bool = False
    strategy: str | None = None
    allow_pii: AllowPii = False
    max_bytes: int | str | None = None
