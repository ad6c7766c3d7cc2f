"""Will the flight arrive more than 15 minutes late? Asked two hours before departure.

Train the same model on three training sets: the point-in-time join, and two careless joins. Then
judge all models on the same unseen months, with the values that were really known before each
flight.

Run it after `make demo`, in the same folder: python examples/flight_delay.py
"""

from __future__ import annotations

import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from featurestore import FeatureStore

SPLIT = pd.Timestamp("2013-11-01")
LABEL = "arrived_late"
FLIGHT = ["event_timestamp", "carrier", "flight"]

HONEST = "the point-in-time join"
JOINS = {
    HONEST: "event_timestamp",
    "a join with the latest row": "timestamp '2013-12-30 20:00'",
    "a join on the day": "cast(event_timestamp as date) + 1",
}
"""The instant at which each training set reads the features: the question's own instant, an instant
near the end of the year, or the end of the day."""


def training_set(store: FeatureStore, instant: str) -> pd.DataFrame:
    """Return each flight with the features as they were known at an instant."""
    job = store.get_historical_features(
        f"select *, {instant} as asked_at from flight_delay_labels",
        feature_service="flight_delay",
        event_timestamp="asked_at",
        full_feature_names=True,
    )
    return job.to_df().sort_values(FLIGHT, ignore_index=True)


def inputs(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the model's inputs: each feature as a number, and the hour of the question."""
    features = frame.filter(like="__").astype("float64")
    return features.assign(hour=frame["event_timestamp"].dt.hour)


def target(frame: pd.DataFrame) -> pd.Series:
    """Return the label that the model predicts."""
    return frame[LABEL].astype(bool)


def learn(frame: pd.DataFrame) -> HistGradientBoostingClassifier:
    """Train a model on the rows."""
    model = HistGradientBoostingClassifier(learning_rate=0.2, max_iter=50, random_state=0)
    return model.fit(inputs(frame), target(frame))


def auc(model: HistGradientBoostingClassifier, frame: pd.DataFrame) -> float:
    """Return the area under the model's ROC curve: 0.5 is a guess, 1 is perfect."""
    return float(roc_auc_score(target(frame), model.predict_proba(inputs(frame))[:, 1]))


def compare(store: FeatureStore) -> dict[str, tuple[float, float]]:
    """Return the AUC that each training set promises, and the AUC that it keeps.

    The promised AUC uses rows joined in the same way as the training rows. The kept AUC uses the
    values that were known before the flights.
    """
    joined = {name: training_set(store, instant) for name, instant in JOINS.items()}
    known = joined[HONEST]
    unseen = known["event_timestamp"] >= SPLIT
    print(f"{(~unseen).sum():,} flights to learn from, {unseen.sum():,} unseen from {SPLIT:%B} on")
    results = {}
    for name, frame in joined.items():
        model = learn(frame[~unseen])
        results[name] = auc(model, frame[unseen]), auc(model, known[unseen])
    return results


def main() -> None:
    """Train all models and print the promised and the kept AUC of each."""
    results = compare(FeatureStore())
    print(f"\n{'learned from':<28}{'AUC it promises':>16}{'AUC it keeps':>14}")
    for name, (promised, kept) in results.items():
        print(f"{name:<28}{promised:>16.3f}{kept:>14.3f}")


if __name__ == "__main__":
    main()
