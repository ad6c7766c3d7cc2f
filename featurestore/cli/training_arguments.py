"""The arguments that `sql` and `train` share: which training set to build."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.option_values import optional_moment
from featurestore.cli.options import AllowPiiOption, Features, FeatureTimestamps, FullNames, Service
from featurestore.cli.output import note

if TYPE_CHECKING:
    from featurestore.store.feature_store import FeatureStore
    from featurestore.training.training_job import TrainingJob

__all__ = ["AsKnown", "TrainingArguments"]

AsKnown = Annotated[
    bool, typer.Option("--as-known", help="Ignore rows written after the entity row's time.")
]


@dataclass(frozen=True, slots=True)
class TrainingArguments:
    """One option per field; see `FeatureStore.get_historical_features` for their meaning."""

    entities: Annotated[
        str | None,
        typer.Argument(
            metavar="ENTITIES",
            help="The rows to enrich: a SELECT, a table, ref:<model>, or a .parquet or .csv file."
            " By default, the views' own entities.",
        ),
    ] = None
    features: Features = None
    service: Service = None
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="Without ENTITIES: the first instant.")
    ] = None
    end: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Without ENTITIES: the last instant; by default now."),
    ] = None
    every: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="The step from --start to --end, such as '1 day'."),
    ] = None
    event_timestamp: Annotated[
        str,
        typer.Option(
            "--event-timestamp", metavar="COLUMN", help="The column with the time of each row."
        ),
    ] = "event_timestamp"
    full_feature_names: FullNames = False
    feature_timestamps: FeatureTimestamps = False
    as_known: AsKnown = False
    strategy: Annotated[
        str | None,
        typer.Option(
            metavar="SHAPE", help="The shape of join: asof, union, interval, window or lateral."
        ),
    ] = None
    allow_pii: AllowPiiOption = None
    max_bytes: Annotated[
        str | None,
        typer.Option(
            "--max-bytes",
            metavar="SIZE",
            help="Refuse to run a statement that would read more, such as '10 GB', by the engine's"
            " own estimate.",
        ),
    ] = None

    def job(self, store: FeatureStore) -> TrainingJob:
        """Return the training set's job, and note the personal data that it leaves out."""
        job = store.get_historical_features(
            _entity_rows(self.entities),
            self.features,
            feature_service=self.service,
            start=optional_moment(self.start),
            end=optional_moment(self.end),
            every=self.every,
            event_timestamp=self.event_timestamp,
            full_feature_names=self.full_feature_names,
            feature_timestamps=self.feature_timestamps,
            as_known=self.as_known,
            strategy=self.strategy,
            allow_pii=self.allow_pii or False,
            max_bytes=self.max_bytes,
        )
        if job.withheld:
            names = ", ".join(job.withheld)
            note(f"Left out as personal data: {names}; --allow-pii includes it.")
        return job


def _entity_rows(text: str | None) -> str | Path | None:
    """Return the path of a file of entity rows; any other text unchanged.

    >>> _entity_rows("ref:labels"), _entity_rows("labels.csv").name
    ('ref:labels', 'labels.csv')
    """
    from featurestore.training.entity_file import ENTITY_FILES

    is_file = text is not None and text.endswith(ENTITY_FILES) and "\n" not in text
    return Path(text) if text is not None and is_file else text
