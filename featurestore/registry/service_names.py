"""The names that a service's expressions may use, and the names that they do use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from featurestore.registry.definitions import OnDemandFeature, ServiceMember

__all__ = [
    "Cycle",
    "FeatureName",
    "ambiguous_names",
    "expression_names",
    "feature_names",
    "in_order",
    "matching",
]

FeatureName = tuple[ServiceMember, str]
"""A feature of a service: the member that takes it, and its name in the view."""


class Cycle(ValueError):
    """On-demand features need each other; the argument is the cycle, its first name repeated."""


def feature_names(members: Sequence[ServiceMember]) -> dict[str, FeatureName]:
    """Return the features of a service by every name that an expression may use.

    A feature has its full name `view__feature`, and its own name if no other feature has it.

    >>> list(feature_names([ServiceMember("v", ("a", "b")), ServiceMember("w", ("b",))]))
    ['v__a', 'v__b', 'w__b', 'a']
    """
    listed = [(member, feature) for member in members for feature in member.features]
    full = {f"{member.name}__{feature}": (member, feature) for member, feature in listed}
    counts = Counter(feature.lower() for _, feature in listed)
    taken = {name.lower() for name in full}
    short = {
        feature: (member, feature)
        for member, feature in listed
        if counts[feature.lower()] == 1 and feature.lower() not in taken
    }
    return {**full, **short}


def ambiguous_names(members: Sequence[ServiceMember]) -> dict[str, list[str]]:
    """Return the names that several features of a service have, each with their full names."""
    found: dict[str, list[str]] = {}
    for member in members:
        for feature in member.features:
            found.setdefault(feature, []).append(f"{member.name}__{feature}")
    return {name: full for name, full in found.items() if len(full) > 1}


def expression_names(text: str, dialect: str) -> dict[str, bool]:
    """Return the names that a SQL expression reads, each with whether it is in quotes.

    Raises:
        ValueError: The text is not an expression; the argument says why.

    >>> expression_names('delay > 15 and "Order No" = 1', "duckdb")
    {'delay': False, 'Order No': True}
    """
    # Only services with expressions pay for the import.
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    known = dialect in {each.value for each in sqlglot.Dialects}
    try:
        # An engine that sqlglot does not know has a dialect like PostgreSQL's.
        tree = sqlglot.parse_one(text, read=dialect if known else "postgres")
    except SqlglotError as error:
        raise ValueError(str(error).partition("\n")[0].rstrip(".")) from None
    columns = tree.find_all(exp.Column, bfs=False)
    return {column.name: bool(column.this.args.get("quoted")) for column in columns}


def matching(name: str, known: Iterable[str], *, quoted: bool = False) -> str | None:
    """Return the known name that a name in SQL means; capitals count only where they decide."""
    listed = list(known)
    if name in listed:
        return name
    same = [each for each in listed if each.lower() == name.lower()]
    return same[0] if len(same) == 1 and not quoted else None


def in_order(features: Iterable[OnDemandFeature]) -> list[OnDemandFeature]:
    """Return on-demand features so that each comes after those that it reads.

    Raises:
        Cycle: They need each other.
    """
    waiting = {feature.name: feature for feature in features}
    ordered: list[OnDemandFeature] = []
    while waiting:
        ready = [each for each in waiting.values() if not {*each.inputs} & waiting.keys()]
        if not ready:
            raise Cycle(_cycle(waiting))
        ordered += ready
        for each in ready:
            del waiting[each.name]
    return ordered


def _cycle(waiting: Mapping[str, OnDemandFeature]) -> list[str]:
    """Return one cycle among features that all wait for another one."""
    path = [next(iter(waiting))]
    while path.count(path[-1]) == 1:
        path.append(next(name for name in waiting[path[-1]].inputs if name in waiting))
    return path[path.index(path[-1]) :]
