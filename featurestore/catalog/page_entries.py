"""The views of the catalog's page, and the data from which its script draws their features."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featurestore.catalog.charts import bar_heights
from featurestore.catalog.page_words import percent
from featurestore.catalog.snippets import name_in_sql, newest_rows_sql, use_snippet
from featurestore.catalog.statistics import FeatureStatistics, ViewStatistics
from featurestore.registry.definitions import Feature, FeatureService, FeatureView
from featurestore.registry.registry import Registry
from featurestore.values.durations import format_duration
from featurestore.values.types import Kind

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["ViewEntry", "tags_of", "view_data"]

_ANY = "\0"
"""The name of a feature in the code of a view; the script replaces it with the name of each."""


@dataclass(frozen=True, slots=True)
class ViewEntry:
    """One view of the page, with the data of its features as JSON."""

    view: FeatureView
    statistics: ViewStatistics | None
    failure: str
    freshness: str
    age: str
    data: Markup


def tags_of(view: FeatureView, feature: Feature) -> list[str]:
    """Return the tags of a feature and of its view."""
    return list(dict.fromkeys((*view.tags, *feature.tags)))


def view_data(
    registry: Registry,
    view: FeatureView,
    statistics: ViewStatistics | None,
    freshness: str,
    number: int,
) -> dict[str, Any]:
    """Return the data of a view's features: parts that all share, and a list with the others.

    Args:
        registry: The project's definitions.
        view: The view.
        statistics: Its statistics, if they are known.
        freshness: Whether its newest row is within its limits.
        number: Its number in the lineage table.
    """
    measured = statistics.features if statistics else {}
    users = registry.services_using(view.name)
    return {
        "name": view.name,
        "table": number,
        "tags": view.tags,
        "entity": [entity.name for entity in view.entities],
        "owner": view.owner,
        "freshness": freshness,
        "ttl": format_duration(view.ttl) if view.ttl is not None else "any age",
        **_code(view, registry.dialect),
        "features": [
            _given(_feature(registry, view, feature, measured.get(feature.name), users))
            for feature in view.features
        ],
    }


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out empty fields: a large project has tens of thousands of features."""
    return {name: value for name, value in fields.items() if value not in ("", None, [], (), False)}


def _code(view: FeatureView, dialect: str) -> dict[str, str]:
    """Return code to copy for any feature of a view; personal data needs other code."""
    sql = newest_rows_sql(view, [Feature(_ANY)], view.relation, dialect)
    has_personal = any(feature.pii for feature in view.features)
    return {
        "python": use_snippet(view, [Feature(_ANY)], dialect),
        "sql": sql.replace(name_in_sql(_ANY, dialect), _ANY),
        **(
            {"personal_python": use_snippet(view, [Feature(_ANY, pii=True)], dialect)}
            if has_personal
            else {}
        ),
    }


def _feature(
    registry: Registry,
    view: FeatureView,
    feature: Feature,
    found: FeatureStatistics | None,
    users: Iterable[FeatureService],
) -> dict[str, Any]:
    in_sql = name_in_sql(feature.name, registry.dialect)
    using = registry.services_using(view.name, feature.name) if users else []
    return {
        "name": feature.name,
        "type": str(feature.data_type or ""),
        "about": feature.description,
        "tags": feature.tags,
        "personal": feature.pii,
        "default": "" if feature.default is None else json.dumps(feature.default),
        "services": [service.name for service in using],
        "sql": in_sql if in_sql != feature.name else "",
        **(_statistics(feature, found) if found else {}),
    }


def _statistics(feature: Feature, found: FeatureStatistics) -> dict[str, Any]:
    is_boolean = feature.data_type is not None and feature.data_type.kind is Kind.BOOLEAN
    true = round(found.bars[-1], 3) if is_boolean and found.bars else None
    return {
        "null": percent(found.null_rate),
        "distinct": found.distinct,
        "range": [found.low, found.high] if found.low else [],
        "bars": "" if is_boolean else bar_heights(found.bars),
        "true": true,
        "ends": list(found.ends) if found.bars else [],
    }
