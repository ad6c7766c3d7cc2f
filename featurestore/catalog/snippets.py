"""Code to copy: the use of a feature or view in Python, in SQL and at the shell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from featurestore.registry.definitions import Feature, FeatureView
from featurestore.sql.dialects import RECORDS, render
from featurestore.sql.expressions import column

__all__ = [
    "name_in_sql",
    "newest_rows_sql",
    "python_snippet",
    "reading_snippet",
    "training_command",
    "use_snippet",
]


def use_snippet(view: FeatureView, features: Sequence[Feature], dialect: str) -> str:
    """Return Python code that trains with some features and, if the view is online, reads them."""
    reading = reading_snippet(view, features)
    training = python_snippet(view, features, dialect)
    return f"{training}\n\n{reading}" if reading else training


def python_snippet(view: FeatureView, features: Iterable[Feature], dialect: str) -> str:
    """Return Python code that builds a training set with some features of a view."""
    listed = list(features)
    references = [f"{view.name}:{feature.name}" for feature in listed]
    personal = [f"{view.name}:{feature.name}" for feature in listed if feature.pii]
    keys = ", ".join(name_in_sql(key.name, dialect) for key in view.join_keys)
    columns = f"{keys}, event_timestamp" if keys else "event_timestamp"
    lines = [
        "from featurestore import FeatureStore",
        "",
        "store = FeatureStore()",
        "training_set = store.get_historical_features(",
        f"    entity_df={_text(f'select {columns} from my_labels')},",
        f"    features={_list(references)},",
        *([f"    allow_pii={_list(personal)},"] if personal else []),
        ").to_df()",
    ]
    return "\n".join(lines)


def reading_snippet(view: FeatureView, features: Iterable[Feature]) -> str:
    """Return Python code that reads the newest values online; empty for an unpublished view."""
    if not view.online:
        return ""
    references = [f"{view.name}:{feature.name}" for feature in features]
    row = ", ".join(f"{_text(key.name)}: ..." for key in view.join_keys)
    lines = [
        "values = store.get_online_features(",
        f"    features={_list(references)},",
        f"    entity_rows=[{{{row}}}],",
        ").to_dict()",
    ]
    return "\n".join(lines)


def newest_rows_sql(
    view: FeatureView, features: Iterable[Feature], source: str, dialect: str
) -> str:
    """Return a query for the newest row of each entity.

    Args:
        view: The feature view.
        features: The features to select.
        source: The relation to select from.
        dialect: The warehouse's dialect.
    """
    keys = [name_in_sql(key.name, dialect) for key in view.join_keys]
    event = name_in_sql(view.event_timestamp.name, dialect)
    columns = [*keys, event, *(name_in_sql(feature.name, dialect) for feature in features)]
    partition = f"partition by {', '.join(keys)} " if keys else ""
    return "\n".join(
        [
            f"select {', '.join(columns)}",
            "from (",
            f"    select *, row_number() over ({partition}order by {event} desc) as newest",
            f"    from {source}",
            ") as history",
            "where newest = 1",
        ]
    )


def training_command(view: FeatureView) -> str:
    """Return the command that prints the point-in-time join with a view."""
    return f"featurestore sql ref:my_labels -f '{view.name}:*'"


def name_in_sql(name: str, dialect: str) -> str:
    """Return a column's name as the dialect writes it, in quotes where it needs them."""
    # The catalog also describes projects on a dialect that no statement is written for.
    return render(column(name), dialect) if dialect in RECORDS else column(name).sql()


def _text(text: str) -> str:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(_text, texts))}]"
