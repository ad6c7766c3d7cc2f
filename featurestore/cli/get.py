"""`get`: the newest values of entities, from the online store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.option_values import key_values
from featurestore.cli.options import (
    AsFormat,
    Features,
    FeatureTimestamps,
    Format,
    FullNames,
    Now,
    ProjectDir,
    RedisUrl,
    Service,
    Target,
    open_store,
)
from featurestore.cli.output import print_json, print_table
from featurestore.values.parsing import parse_values

if TYPE_CHECKING:
    from featurestore.online.response import OnlineResponse

__all__ = ["get_command"]


def get_command(
    entity: Annotated[
        list[str] | None,
        typer.Option(
            "--entity",
            "-e",
            "--key",
            "-k",
            metavar="KEY=VALUE",
            help="One entity: key=value[,key=value], or JSON. Views without entities need none.",
        ),
    ] = None,
    features: Features = None,
    service: Service = None,
    full_feature_names: FullNames = False,
    feature_timestamps: FeatureTimestamps = False,
    now: Now = None,
    redis_url: RedisUrl = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Read the newest values of entities from the online store.

    Example: featurestore get -f 'plane_features:*' -e tailnum=N14228
    """
    store = open_store(project_dir, target, now=now, redis_url=redis_url)
    types = store.online_key_types(features, feature_service=service)
    if types and not entity:
        asked = ",".join(f"{name}=..." for name in types)
        raise typer.BadParameter(
            f"the features have join keys; give {asked}", param_hint="--entity"
        )
    # Views without entities have one row, which needs no join key.
    titles = entity or [""]
    rows = [parse_values(key_values(text), types) for text in titles]
    response = store.get_online_features(
        features,
        rows,
        feature_service=service,
        full_feature_names=full_feature_names,
        feature_timestamps=feature_timestamps,
    )
    if format_ is Format.JSON:
        print_json(response.to_dict(include_statuses=True))
    else:
        _print_response(response, titles=titles)


def _print_response(response: OnlineResponse, *, titles: list[str]) -> None:
    statuses, entities = response.statuses, response.entities
    results = {name: found for name, found in response.to_dict().items() if name not in entities}
    columns: dict[str, Mapping[str, Sequence[object]]] = {"value": results, "status": statuses}
    if any(map(any, response.reasons.values())):
        columns["reason"] = response.reasons
    for index, title in enumerate(titles):
        rows = [
            (name, *(found[name][index] if name in found else "" for found in columns.values()))
            for name in results
        ]
        print_table(("feature", *columns), rows, title=title)
