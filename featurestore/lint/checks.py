"""Which function stands for which rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from featurestore.lint.linted_view import Found, LintedView
from featurestore.lint.periods import known_at_the_end, start_of_period
from featurestore.lint.rules.fs003_clock_or_chance import clock_or_chance
from featurestore.lint.rules.fs004_unbounded_join import unbounded_joins
from featurestore.lint.rules.fs005_total_under_early_timestamp import totals_under_early_timestamps
from featurestore.lint.rules.fs008_label_as_feature import label_as_feature
from featurestore.lint.rules.fs009_arbitrary_pick import arbitrary_picks
from featurestore.lint.rules.fs010_untested_grain import untested_grain
from featurestore.lint.windows import future_windows, unordered_windows

__all__ = ["CHECKS", "LINT_VERSION"]

LINT_VERSION = "2"
"""Goes up when a rule finds something else than before, so that kept results are not used."""

Check = Callable[[LintedView], Iterator[Found]]

CHECKS: Mapping[str, Check] = {
    "FS001": future_windows,
    "FS002": unordered_windows,
    "FS003": clock_or_chance,
    "FS004": unbounded_joins,
    "FS005": totals_under_early_timestamps,
    "FS006": start_of_period,
    "FS007": known_at_the_end,
    "FS008": label_as_feature,
    "FS009": arbitrary_picks,
    "FS010": untested_grain,
}
"""The check of each rule, by its code."""
