"""The catalog as one self-contained page of HTML, with search and filters and no network access.

The page holds data, and its script draws what a reader looks at: thousands of features drawn
beforehand would be more than a browser opens.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from featurestore.catalog.lineage_table import LineageTable, lineage_table
from featurestore.catalog.page_entries import ViewEntry, tags_of, view_data
from featurestore.catalog.page_words import age_text, freshness_text, slug
from featurestore.catalog.statistics import Measured
from featurestore.lineage.graph import LineageGraph
from featurestore.lineage.picture import LINEAGE_STYLE
from featurestore.registry.definitions import FeatureView
from featurestore.registry.registry import Registry
from featurestore.values.durations import format_duration

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["catalog_page"]


def catalog_page(registry: Registry, graph: LineageGraph, measured: Measured, now: datetime) -> str:
    """Return the page.

    Args:
        registry: The project's definitions, with all known types.
        graph: The lineage of all features.
        measured: The warehouse's statistics.
        now: The moment that ages count from.
    """
    table = lineage_table(registry, graph)
    views = [
        _view(registry, table, measured, view, now) for view in registry.feature_views.values()
    ]
    page: str = _template().render(
        project=registry.project,
        views=views,
        services=list(registry.feature_services.values()),
        count=sum(len(view.features) for view in registry.feature_views.values()),
        choices=_choices(registry, views),
        engine=measured.engine,
        made_at=now.astimezone(UTC),
        lineage=_embedded(table.entries),
        lineage_style=LINEAGE_STYLE,
    )
    return page


def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("featurestore.catalog", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": format_duration, "slug": slug}
    return environment.get_template("catalog.html")


def _view(
    registry: Registry, table: LineageTable, measured: Measured, view: FeatureView, now: datetime
) -> ViewEntry:
    statistics = measured.views.get(view.name)
    newest = statistics.newest if statistics else None
    freshness = freshness_text(view.freshness, newest, now)
    number = table.numbers.get(view.unique_id, -1)
    return ViewEntry(
        view,
        statistics,
        measured.failures.get(view.name, ""),
        freshness,
        age_text(newest, now),
        _embedded(view_data(registry, view, statistics, freshness, number)),
    )


def _embedded(value: Any) -> Markup:
    """Return a value as JSON for a `<script>` element, where `<` could end the element."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704, no tag is left in it


def _choices(registry: Registry, views: Sequence[ViewEntry]) -> dict[str, list[str]]:
    features = [(entry.view, feature) for entry in views for feature in entry.view.features]
    has_personal = any(feature.pii for _, feature in features)
    found = {
        "entity": {entity.name for entry in views for entity in entry.view.entities},
        "owner": {entry.view.owner for entry in views} - {""},
        "tag": {tag for view, feature in features for tag in tags_of(view, feature)},
        "service": set(registry.feature_services),
        "freshness": {entry.freshness for entry in views},
        "data": {"personal", "not personal"} if has_personal else set(),
    }
    return {name: sorted(values) for name, values in found.items() if values}
