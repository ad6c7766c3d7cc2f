"""The catalog as one page of HTML that stands alone: it searches, filters, and asks no network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from featurestore.catalog.charts import sparkline
from featurestore.catalog.snippets import newest_rows_sql, python_snippet, reading_snippet
from featurestore.catalog.statistics import FeatureStatistics, ViewStatistics
from featurestore.lineage.graph import ColumnId, LineageGraph
from featurestore.lineage.picture import svg
from featurestore.registry.definitions import Feature, FeatureService, FeatureView, Freshness
from featurestore.registry.registry import Registry
from featurestore.values.durations import format_duration

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["Measured", "catalog_page"]

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_AGES = ((31_557_600, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute"))


@dataclass(frozen=True, slots=True)
class Measured:
    """What a warehouse said.

    Attributes:
        views: By view; one that could not be read is missing.
        failures: Why it could not, by view.
        engine: The warehouse and its version; empty where none was asked.
    """

    views: Mapping[str, ViewStatistics] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    engine: str = ""


@dataclass(frozen=True, slots=True)
class FeatureEntry:
    """One feature, ready to be shown."""

    view: FeatureView
    feature: Feature
    services: tuple[FeatureService, ...]
    statistics: FeatureStatistics | None
    bars: Markup
    lineage: Markup
    doubt: str

    @property
    def reference(self) -> str:
        """The feature's reference."""
        return f"{self.view.name}:{self.feature.name}"

    @property
    def words(self) -> str:
        """What the search looks through."""
        texts = (
            self.reference.replace("_", " "),
            self.reference,
            self.feature.description,
            *self.tags,
        )
        return " ".join(texts).lower()

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of the feature and of its view."""
        return tuple(dict.fromkeys((*self.view.tags, *self.feature.tags)))

    @property
    def python(self) -> str:
        """How to use it in Python."""
        reading = reading_snippet(self.view, [self.feature])
        training = python_snippet(self.view, [self.feature])
        return f"{training}\n\n{reading}" if reading else training

    @property
    def sql(self) -> str:
        """How to look at it in SQL."""
        return newest_rows_sql(self.view, [self.feature], self.view.relation)


@dataclass(frozen=True, slots=True)
class ViewEntry:
    """One view with its features, ready to be shown."""

    view: FeatureView
    features: tuple[FeatureEntry, ...]
    statistics: ViewStatistics | None
    failure: str
    freshness: str
    age: str


def catalog_page(registry: Registry, graph: LineageGraph, measured: Measured, now: datetime) -> str:
    """Write the page.

    Args:
        registry: The project's definitions, with all types that are known.
        graph: The lineage of all features.
        measured: What the warehouse said.
        now: The moment against which freshness is held.
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
    environment.filters |= {"duration": format_duration, "percent": _percent, "slug": _slug}
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
        _freshness(view.freshness, newest, now),
        _age(newest, now),
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
    # The style is the same in every picture, and stands once in the page.
    return Markup(_STYLE.sub("", drawn))  # noqa: S704, the picture escapes what it is made of


def _lineage_style() -> Markup:
    from markupsafe import Markup

    picture = svg(LineageGraph(frozenset()), ColumnId("model.any.model", "column"))
    found = _STYLE.search(picture)
    return Markup(found[1] if found else "")  # noqa: S704, it is the picture's own constant


def _freshness(limits: Freshness, newest: datetime | None, now: datetime) -> str:
    """Say how a view stands to its own limits.

    >>> from datetime import timedelta
    >>> limits = Freshness(warn_after=timedelta(hours=1), error_after=timedelta(hours=6))
    >>> newest = datetime(2024, 3, 1, 12, tzinfo=UTC)
    >>> [_freshness(limits, newest, newest + timedelta(hours=h)) for h in (1, 2, 7)]
    ['fresh', 'late', 'stale']
    """
    if newest is None:
        return "unknown"
    if limits == Freshness():
        return "no limit"
    age = now - newest
    if limits.error_after is not None and age > limits.error_after:
        return "stale"
    return "late" if limits.warn_after is not None and age > limits.warn_after else "fresh"


def _age(newest: datetime | None, now: datetime) -> str:
    """Write an age in its greatest unit.

    >>> now = datetime(2024, 3, 1, tzinfo=UTC)
    >>> _age(datetime(2024, 2, 27, tzinfo=UTC), now), _age(now, now)
    ('3 days ago', 'just now')
    """
    if newest is None:
        return ""
    seconds = (now - newest).total_seconds()
    for size, unit in _AGES:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count:,} {unit}{'' if count == 1 else 's'} ago"
    return "just now" if seconds >= 0 else "in the future"


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


def _percent(share: float) -> str:
    """Write a share such that a little is never nothing.

    >>> _percent(0.0), _percent(0.00004), _percent(0.1437), _percent(0.9999), _percent(1.0)
    ('0%', '<0.1%', '14.4%', '>99.9%', '100%')
    """
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    if share < 0.001:  # noqa: PLR2004, the smallest share that is written
        return "<0.1%"
    return ">99.9%" if share > 0.999 else f"{share:.1%}"  # noqa: PLR2004, likewise


def _slug(text: str) -> str:
    """Return a text that can be part of an element's id.

    >>> _slug("plane features:seats")
    'plane-20features-3aseats'
    """
    return "".join(c if c.isalnum() or c == "_" else f"-{ord(c):x}" for c in text)
