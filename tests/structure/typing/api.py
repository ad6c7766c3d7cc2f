"""The public API as a typed program uses it; mypy reads this file, nothing runs it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import assert_type

import pandas as pd
import polars as pl
import pyarrow as pa

from featurestore import FeatureStore, FeatureStoreError, Registry, TrainingJob, load_registry
from featurestore.errors import DefinitionProblems, Problem
from featurestore.registry.definitions import (
    Entity,
    Feature,
    FeatureRef,
    FeatureService,
    FeatureView,
)


def definitions(folder: Path) -> None:
    """Read what a project declares."""
    store = FeatureStore(folder, target="dev", now=datetime(2024, 3, 1, tzinfo=UTC))
    assert_type(store.registry, Registry)
    assert_type(load_registry(folder / "target" / "manifest.json").checked(), Registry)
    assert_type(store.registry.feature_views, Mapping[str, FeatureView])
    assert_type(store.registry.entities, Mapping[str, Entity])
    assert_type(store.registry.service("delays"), FeatureService)
    assert_type(store.registry.view("plane_features").features, tuple[Feature, ...])
    assert_type(store.registry.feature(FeatureRef("plane_features", "delay")), Feature)
    assert_type(store.validate(connect=False), list[Problem])
    assert_type(store.now(), datetime)


def training(store: FeatureStore, frame: pd.DataFrame) -> None:
    """Build a training set, in every form."""
    job = store.get_historical_features(
        entity_df=frame,
        features=["plane_features:delay"],
        full_feature_names=True,
        feature_timestamps=True,
    )
    assert_type(job, TrainingJob)
    assert_type(job.to_sql(), str)
    assert_type(job.to_arrow(), pa.Table)
    assert_type(job.to_df(), pd.DataFrame)
    assert_type(job.to_polars(), pl.DataFrame)
    assert_type(job.to_parquet("set.parquet"), int)
    assert_type(job.to_table("main.training_set"), int)
    store.get_historical_features("ref:flights", feature_service="delays", as_known=True)


def explanation(store: FeatureStore) -> None:
    """Ask where one value is from."""
    at = datetime(2024, 3, 1, tzinfo=UTC)
    assert_type(store.why("plane_features:delay", {"tailnum": "N1"}, at), pa.Table)


async def online(store: FeatureStore) -> None:
    """Publish the newest values, and read them."""
    report = store.sync(["plane_features"], full=True)
    assert report is not None
    rows = [{"tailnum": "N1"}, {"tailnum": "N2"}]
    here = store.get_online_features(["plane_features:*"], rows)
    there = await store.get_online_features_async("plane_features:delay", {"tailnum": ["N1"]})
    assert type(here) is type(there)


def errors(store: FeatureStore) -> tuple[Problem, ...]:
    """Meet an error of the user's."""
    try:
        store.registry.checked()
    except DefinitionProblems as error:
        return error.problems
    except FeatureStoreError as error:
        assert_type((error.message, error.remedy, error.exit_code), tuple[str, str, int])
    return ()
