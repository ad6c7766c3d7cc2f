"""The features and views of the catalog's page, with everything that the template shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from featurestore.catalog.snippets import newest_rows_sql, python_snippet, reading_snippet
from featurestore.catalog.statistics import FeatureStatistics, ViewStatistics
from featurestore.registry.definitions import Feature, FeatureService, FeatureView

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["FeatureEntry", "ViewEntry"]


@dataclass(frozen=True, slots=True)
class FeatureEntry:
    """One feature of the page."""

    view: FeatureView
    feature: Feature
    services: tuple[FeatureService, ...]
    statistics: FeatureStatistics | None
    bars: Markup
    lineage: Markup
    doubt: str
    dialect: str

    @property
    def reference(self) -> str:
        """The feature's reference."""
        return f"{self.view.name}:{self.feature.name}"

    @property
    def words(self) -> str:
        """The text that the search reads."""
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
        """Python code that uses the feature."""
        reading = reading_snippet(self.view, [self.feature])
        training = python_snippet(self.view, [self.feature], self.dialect)
        return f"{training}\n\n{reading}" if reading else training

    @property
    def sql(self) -> str:
        """SQL that selects the feature."""
        return newest_rows_sql(self.view, [self.feature], self.view.relation, self.dialect)


@dataclass(frozen=True, slots=True)
class ViewEntry:
    """One view of the page, with its features."""

    view: FeatureView
    features: tuple[FeatureEntry, ...]
    statistics: ViewStatistics | None
    failure: str
    freshness: str
    age: str
