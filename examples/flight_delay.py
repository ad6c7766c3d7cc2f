"""Will the flight arrive more than 15 minutes late? Asked two hours before departure.

Trains the same model on two training sets: the point-in-time join, and the careless join that takes
each plane's latest values whatever the date. Both are then judged on the same unseen months, with
the values that were really known before each flight.

Run it after `make demo`, in the same folder: python examples/flight_delay.py
"""

from __future__ import annotations

import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from featurestore import FeatureStore

SPLIT = pd.Timestamp("2013-11-01")
LABEL = "arrived_late"
IDENTITY = ("carrier", "flight", "tailnum", "origin", "dest", "event_timestamp")


def training_set(store: FeatureStore) -> pd.DataFrame:
    """Return each flight with what was known two hours before its departure."""
    job = store.get_historical_features(
        "ref:flight_delay_labels", feature_service="flight_delay", full_feature_names=True
    )
    return job.to_df()


def careless(store: FeatureStore, honest: pd.DataFrame) -> pd.DataFrame:
    """Return the same rows with each plane's latest values of the year, ignoring time."""
    view = store.registry.view("plane_features")
    taken = [name for name in honest if name.startswith("plane_features__")]
    features = ", ".join(name.removeprefix("plane_features__") for name in taken)
    with store.warehouse() as warehouse:
        latest = warehouse.stream(
            f"SELECT tailnum, {features} FROM {view.relation}"
            " QUALIFY row_number() OVER (PARTITION BY tailnum ORDER BY observed_at DESC) = 1"
        ).read_pandas()
    latest.columns = ["tailnum", *taken]
    return honest.drop(columns=taken).merge(latest, on="tailnum", how="left")[list(honest)]


def matrix(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the model's inputs: numbers as they are, text as categories."""
    features = frame[[name for name in frame if "__" in name]].copy()
    for name in features:
        if pd.api.types.is_datetime64_any_dtype(features[name]):
            features = features.drop(columns=name)
        elif features[name].dtype == object and _is_date(features[name]):
            features = features.drop(columns=name)
        elif not pd.api.types.is_numeric_dtype(features[name]):
            features[name] = pd.to_numeric(features[name], errors="coerce")
    features["hour"] = frame["event_timestamp"].dt.hour
    return features.astype("float64")


def _is_date(column: pd.Series) -> bool:
    first = column.dropna().head(1)
    return bool(len(first)) and hasattr(first.iloc[0], "year")


def auc(train: pd.DataFrame, test: pd.DataFrame) -> float:
    """Return the area under the ROC curve on `test` of a model learned from `train`."""
    model = HistGradientBoostingClassifier(max_iter=150, random_state=0)
    model.fit(matrix(train), train[LABEL].astype(bool))
    scores = model.predict_proba(matrix(test))[:, 1]
    return float(roc_auc_score(test[LABEL].astype(bool), scores))


def main() -> None:
    """Train both models and print what each promises and what it keeps."""
    store = FeatureStore()
    honest = training_set(store)
    leaky = careless(store, honest)
    unseen = honest["event_timestamp"] >= SPLIT
    print(
        f"{(~unseen).sum():,} flights to learn from, {unseen.sum():,} unseen from {SPLIT:%B} on\n"
    )
    print(f"{'trained on':<28}{'AUC it promises':>16}{'AUC it keeps':>14}")
    for name, frame in (("the point-in-time join", honest), ("a careless join", leaky)):
        promised = auc(frame[~unseen], frame[unseen])
        kept = auc(frame[~unseen], honest[unseen])
        print(f"{name:<28}{promised:>16.3f}{kept:>14.3f}")


if __name__ == "__main__":
    main()
