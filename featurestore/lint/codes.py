"""The table of rules: what each is called, how grave it is, and what it says.

It knows nothing of SQL, so that the reader of the yml can check codes against it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from featurestore.errors import FeatureStoreError, did_you_mean

__all__ = ["ERROR", "RULES", "WARNING", "Rule", "known_codes", "wrong_code"]

Severity = Literal["error", "warning"]
ERROR: Severity = "error"
WARNING: Severity = "warning"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the lint.

    Attributes:
        code: Its number, which never changes its meaning.
        name: What people call it.
        severity: An error fails `featurestore validate`; a warning does so with `--strict`.
        message: What is wrong where it fires, in one line.
        remedy: What to do about it, in one line.
    """

    code: str
    name: str
    severity: Severity
    message: str
    remedy: str


_TABLE = (
    Rule(
        "FS001",
        "future-window",
        ERROR,
        "a window reaches rows that come after the row itself",
        "End the frame at the current row and look back with lag().",
    ),
    Rule(
        "FS002",
        "unordered-window",
        ERROR,
        "a window without ORDER BY mixes all rows of its partition, later ones too",
        "Add ORDER BY with the event timestamp, or partition by it as well.",
    ),
    Rule(
        "FS003",
        "clock-or-chance",
        ERROR,
        "a value depends on when or how often the model is built",
        "Compute it from the row's own timestamp, or leave the column out of the features.",
    ),
    Rule(
        "FS004",
        "unbounded-join",
        ERROR,
        "rows of another event table are joined without a bound in time",
        "Add a condition such as `other.happened_at <= this.event_at` to the join.",
    ),
    Rule(
        "FS005",
        "total-under-early-timestamp",
        ERROR,
        "an aggregate over all time stands on rows with an earlier timestamp",
        "Use a window that ends at the row, bound the rows in time, or stamp it with max().",
    ),
    Rule(
        "FS006",
        "start-of-period",
        ERROR,
        "values of a whole period carry the timestamp of its start",
        "Add the period's length to the timestamp, or declare `available_after`.",
    ),
    Rule(
        "FS007",
        "known-at-the-end",
        WARNING,
        "the event timestamp is the start of something, and a feature is known at its end",
        "Take the end as event timestamp, or declare `available_after`.",
    ),
    Rule(
        "FS008",
        "label-as-feature",
        ERROR,
        "the label of a service is one of its features",
        "Take it out of the service's features.",
    ),
    Rule(
        "FS009",
        "arbitrary-pick",
        WARNING,
        "which row is taken is left to chance",
        "Order the rows by columns that decide it.",
    ),
    Rule(
        "FS010",
        "untested-grain",
        WARNING,
        "no dbt test says that a key has one row per timestamp",
        "Add the data test `featurestore.unique_entity_timestamp`.",
    ),
)

RULES = {rule.code: rule for rule in _TABLE}
"""Every rule by its code."""


def wrong_code(code: str) -> str:
    """Say what to do about a code that no rule has; nothing if one has it.

    >>> wrong_code("FS001"), wrong_code("F001")
    ('', "Did you mean 'FS001'?")
    >>> wrong_code("lead")
    'Known: FS001 to FS010.'
    """
    if code in RULES:
        return ""
    return did_you_mean(code, RULES) or f"Known: {min(RULES)} to {max(RULES)}."


def known_codes(codes: Iterable[str]) -> tuple[str, ...]:
    """Return codes as they are written in the table.

    Raises:
        FeatureStoreError: No rule has one of them, or there is none.

    >>> known_codes(["fs003"])
    ('FS003',)
    """
    found = tuple(code.strip().upper() for code in codes)
    if not found:
        raise FeatureStoreError(
            "No rule of the lint is selected.", remedy=f"Name some, such as {next(iter(RULES))}."
        )
    for code in found:
        if remedy := wrong_code(code):
            raise FeatureStoreError(f"There is no lint rule '{code}'.", remedy=remedy)
    return found
