"""The catalog as one self-contained page of HTML, with search and filters and no network access."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from featurestore.catalog.charts import sparkline
from featurestore.catalog.page_entries import FeatureEntry, ViewEntry
from featurestore.catalog.page_words import age_text, freshness_text, percent, slug
from featurestore.catalog.statistics import Measured, ViewStatistics
from featurestore.lineage.graph import ColumnId, LineageGraph
from featurestore.lineage.picture import svg
from featurestore.registry.definitions import Feature, FeatureService, FeatureView
from featurestore.registry.registry import Registry
from featurestore.values.durations import format_duration

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["catalog_page"]

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


def catalog_page(registry: Registry, graph: LineageGraph, measured: Measured, now: datetime) -> str:
    """Return the page.

    Args:
        registry: The project's definitions, with all known types.
        graph: The lineage of all features.
        measured: The warehouse's statistics.
        now: The moment that ages count from.
    """
    views = [
        _view(registry, graph, measured, view, now) for view in registry.feature_views.values()
    ]
    page: str = _template().render(
        project=registry.project,
        views=views,
        services=list(registry.feature_services.values()),
        features=[entry for view in views for entry in view.features],
        choices=_choices(registry, views),
        engine=measured.engine,
        made_at=now.astimezone(UTC),
        lineage_style=_lineage_style(),
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
    environment.filters |= {"duration": format_duration, "percent": percent, "slug": slug}
    return environment.get_template("catalog.html")


def _view(
    registry: Registry,
    graph: LineageGraph,
    measured: Measured,
    view: FeatureView,
    now: datetime,
) -> ViewEntry:
    statistics = measured.views.get(view.name)
    newest = statistics.newest if statistics else None
    return ViewEntry(
        view,
        tuple(_feature(registry, graph, view, feature, statistics) for feature in view.features),
        statistics,
        measured.failures.get(view.name, ""),
        freshness_text(view.freshness, newest, now),
        age_text(newest, now),
    )


def _feature(
    registry: Registry,
    graph: LineageGraph,
    view: FeatureView,
    feature: Feature,
    statistics: ViewStatistics | None,
) -> FeatureEntry:
    users = tuple(registry.services_using(view.name, feature.name))
    column = ColumnId(view.unique_id, feature.name.lower())
    found = statistics.features.get(feature.name) if statistics else None
    return FeatureEntry(
        view,
        feature,
        users,
        found,
        sparkline(found.bars if found else (), feature.data_type),
        _lineage(registry, graph, column, users),
        graph.why_untraced(column),
        registry.dialect,
    )


def _lineage(
    registry: Registry, graph: LineageGraph, column: ColumnId, users: Iterable[FeatureService]
) -> Markup:
    from markupsafe import Markup

    drawn = svg(
        graph,
        column,
        services={service.name: [column] for service in users},
        views=[view.unique_id for view in registry.feature_views.values()],
        title=f"Lineage of {column.column}",
    )
    # Every picture has the same style, so the page holds it once.
    return Markup(_STYLE.sub("", drawn))  # noqa: S704, the picture escapes its texts


def _lineage_style() -> Markup:
    from markupsafe import Markup

    picture = svg(LineageGraph(frozenset()), ColumnId("model.any.model", "column"))
    found = _STYLE.search(picture)
    return Markup(found[1] if found else "")  # noqa: S704, it is the picture's own constant


def _choices(registry: Registry, views: Iterable[ViewEntry]) -> dict[str, list[str]]:
    listed = list(views)
    entries = [entry for view in listed for entry in view.features]
    found = {
        "entity": {entity.name for entry in listed for entity in entry.view.entities},
        "owner": {entry.view.owner for entry in listed} - {""},
        "tag": {tag for entry in entries for tag in entry.tags},
        "service": set(registry.feature_services),
        "freshness": {entry.freshness for entry in listed},
        "data": {"personal", "not personal"} if any(e.feature.pii for e in entries) else set(),
    }
    return {name: sorted(values) for name, values in found.items() if values}
