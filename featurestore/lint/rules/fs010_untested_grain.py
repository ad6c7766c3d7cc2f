"""FS010: nothing holds that a key has one row per timestamp."""

from __future__ import annotations

from collections.abc import Iterator

from featurestore.lint.linted_view import Found, LintedView

__all__ = ["untested_grain"]


def untested_grain(view: LintedView) -> Iterator[Found]:
    """Yield once if no test, constraint or unique key lies within the keys and timestamps."""
    own = {column.name.lower() for column in view.view.columns}
    if not any(grain and grain <= own for grain in view.grains):
        keys = [key.name for key in view.view.join_keys]
        columns = ", ".join([*keys, view.view.event_timestamp.name])
        yield Found(None, f"({columns}) is held unique by nothing")
