"""Compare the feature views of two states of a project."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from featurestore.impact.changes import Change, Effect
from featurestore.impact.state import ProjectState
from featurestore.lineage.display_names import label_of
from featurestore.lineage.graph import ColumnId
from featurestore.registry.definitions import (
    Column,
    Entity,
    Feature,
    FeatureService,
    FeatureView,
)
from featurestore.values.durations import format_duration

__all__ = ["ViewComparison"]


class ViewComparison:
    """The feature views of two states, with their lineage.

    Args:
        old: The state to compare with.
        new: The current state.
        now: The moment that decides whether a deprecated version may go.
    """

    def __init__(self, old: ProjectState, new: ProjectState, now: datetime) -> None:
        self.old, self.new, self.now = old, new, now
        # Compare like with like: without compiled SQL on both sides, by the model files' text.
        compiled = old.is_compiled and new.is_compiled
        self.before = old.lineage if compiled else old.file_lineage
        self.after = new.lineage if compiled else new.file_lineage

    def changes(self) -> Iterator[Change]:
        """Yield the changes of feature views and of their features."""
        before, after = self.old.registry.feature_views, self.new.registry.feature_views
        for name in sorted(before.keys() | after.keys()):
            if name not in after:
                yield self._removed(before[name])
            elif name not in before:
                yield self._added(after[name])
            else:
                yield from self._view(before[name], after[name])

    def _removed(self, view: FeatureView) -> Change:
        date = self.old.manifest.compiled(view.unique_id).deprecation_date
        if view.version and date and _moment(date) <= self.now:
            note = f"deprecated since {date[:10]}"
            return self._change("view retired", view, note=note)
        note = f"its deprecation_date is {date[:10]}" if date else ""
        return self._change("view removed", view, note=note)

    def _added(self, view: FeatureView) -> Change:
        family = view.name.rpartition(".v")[0]
        versions = [v for v in self.old.registry.feature_views if v.rpartition(".v")[0] == family]
        beside = f"beside {', '.join(versions)}" if view.version and versions else ""
        return self._change("version added" if beside else "view added", view, note=beside)

    def _view(self, old: FeatureView, new: FeatureView) -> Iterator[Change]:
        for kind, before, after in _settings(old, new):
            if before != after:
                yield self._change(kind, new, before=before, after=after)
        if old.online != new.online:
            # Name the view of the state that is online: its keys are the affected ones.
            kind = "now online" if new.online else "no longer online"
            yield self._change(kind, new if new.online else old)
        yield from self._features(old, new)
        yield from self._logic(old, new)

    def _features(self, old: FeatureView, new: FeatureView) -> Iterator[Change]:
        before, after = _by_name(old.features), _by_name(new.features)
        renamed = dict(self._renamed(old, new, before.keys() - after.keys(), after.keys()))
        for name in (name for name in before if name not in after):
            if name in renamed:
                yield self._of(old, name, "feature renamed", before=name, after=renamed[name])
            else:
                yield self._of(old, name, "feature removed")
        for name, feature in after.items():
            if name not in before and name not in renamed.values():
                yield self._of(new, name, "feature added", after=_type(feature))
            elif name in before and _retyped(before[name], feature):
                types = {"before": _type(before[name]), "after": _type(feature)}
                yield self._of(new, name, "feature retyped", **types)
            if name in before and _default(before[name]) != _default(feature):
                defaults = {"before": _default(before[name]), "after": _default(feature)}
                yield self._of(new, name, "default changed", **defaults)
            if name in before and before[name].pii != feature.pii:
                kind = "now personal data" if feature.pii else "no longer personal data"
                yield self._of(new, name, kind)

    def _renamed(
        self, old: FeatureView, new: FeatureView, gone: Iterable[str], there: Iterable[str]
    ) -> Iterator[tuple[str, str]]:
        """Yield old and new name of features that compute the same as a removed feature."""
        known = _by_name(old.features)
        fresh = (name for name in there if name not in known)
        digests = {self.after.digests.get(_id(new, name)): name for name in fresh}
        for name in sorted(gone):
            digest = self.before.digests.get(_id(old, name))
            # Only with compiled SQL: two columns of one file have the same digest by text.
            if digest and digest in digests and self.old.is_compiled and self.new.is_compiled:
                yield name, digests.pop(digest)

    def _logic(self, old: FeatureView, new: FeatureView) -> Iterator[Change]:
        """Yield one change for all columns whose logic changed in the same models."""
        groups: dict[str, list[str]] = {}
        for name in _columns(new):
            before = self.before.digests.get(_id(old, name))
            after = self.after.digests.get(_id(new, name))
            # Without a digest on one side the logic is unknown, so no change is claimed.
            if before and after and before != after:
                where = self._origins(_id(new, name))
                groups.setdefault(where, []).append(name)
        for where, names in groups.items():
            note = f"changed in {where}" if where else ""
            yield self._change("logic changed", new, features=tuple(names), note=note)

    def _origins(self, column: ColumnId) -> str:
        """Return the names of the models that changed a column's logic."""
        into = self.after.upstream(column, indirect=True)
        near = {column} | {edge.source for edge in into}
        moved = {c for c in near if self.before.digests.get(c) != self.after.digests.get(c)}
        # A changed column downstream of another changed column only follows it.
        followers = {edge.target for edge in into if edge.source in moved}
        return ", ".join(sorted({label_of(one.node) for one in moved - followers}))

    def _of(
        self, view: FeatureView, feature: str, kind: str, before: str = "", after: str = ""
    ) -> Change:
        return self._change(kind, view, before=before, after=after, features=(feature,))

    def _change(
        self,
        kind: str,
        view: FeatureView,
        *,
        before: str = "",
        after: str = "",
        features: tuple[str, ...] = (),
        note: str = "",
    ) -> Change:
        services = self._hit(view, features)
        owners = [view.owner, *(service.owner for service in services)]
        change = Change(
            kind,
            f"{view.name}:{features[0]}" if len(features) == 1 else view.name,
            before,
            after,
            features,
            tuple(service.name for service in services),
            tuple(dict.fromkeys(owner for owner in owners if owner)),
            self.old.online_keys(view),
            note,
        )
        return _with_remedy(change, view)

    def _hit(self, view: FeatureView, features: tuple[str, ...]) -> list[FeatureService]:
        """Return the services that take one of the features, in either state."""
        parts = {column.name for column in view.columns}
        # A key or a timestamp reaches every feature of its view.
        every = not features or any(name in parts for name in features)
        names = view.feature_names if every else features
        found = {
            service.name: service
            for state in (self.new, self.old)
            for name in names
            for service in state.registry.services_using(view.name, name)
        }
        return [found[name] for name in sorted(found)]


def _with_remedy(change: Change, view: FeatureView) -> Change:
    # A removed version needs no new version beside it.
    if not view.version or change.effect is not Effect.BREAKING or change.kind == "view removed":
        return change
    remedy = f"'{view.name}' is a version: keep it as it was, and add a new one beside it"
    return replace(change, note=remedy)


def _settings(old: FeatureView, new: FeatureView) -> Iterator[tuple[str, str, str]]:
    """Yield each kind of change with the old and the new value, equal or not."""
    yield "entities changed", _entities(old.entities), _entities(new.entities)
    yield from _timestamp("event timestamp", old.event_timestamp, new.event_timestamp)
    yield from _timestamp("created timestamp", old.created_timestamp, new.created_timestamp)
    yield "valid_until retyped", *_types(old.valid_until, new.valid_until)
    for kind, text in _TEXTS.items():
        yield kind, text(old), text(new)
    known = {key.name: key for key in old.join_keys}
    for key in new.join_keys:
        yield "key retyped", *_types(known.get(key.name), key, named=True)


def _timestamp(kind: str, old: Column | None, new: Column | None) -> Iterator[tuple[str, str, str]]:
    yield f"{kind} changed", old.name if old else "", new.name if new else ""
    yield f"{kind} retyped", *_types(old, new)


def _types(old: Column | None, new: Column | None, *, named: bool = False) -> tuple[str, str]:
    """Return the types of a column; two empty texts if one is unknown."""
    if not (old and new and old.data_type and new.data_type):
        return "", ""
    before, after = str(old.data_type), str(new.data_type)
    return (f"{new.name} {before}", f"{new.name} {after}") if named else (before, after)


def _entities(entities: Iterable[Entity]) -> str:
    return "; ".join(
        f"{entity.name} ({', '.join(key.name for key in entity.join_keys)})" for entity in entities
    )


def _valid_until(view: FeatureView) -> str:
    """Write the end of a view's rows, with the value that means no end and the mark of deletions.

    >>> from featurestore.registry.definitions import Column
    >>> view = FeatureView("v", "", "", "", (), (), Column("at"), valid_until=Column("until"))
    >>> _valid_until(replace(view, no_end="date '9999-12-31'", is_deleted=Column("gone")))
    "until, no end: date '9999-12-31', deletions: gone"
    """
    parts = {
        "": view.valid_until and view.valid_until.name,
        "no end: ": view.no_end,
        "deletions: ": view.is_deleted and view.is_deleted.name,
    }
    return ", ".join(f"{label}{value}" for label, value in parts.items() if value)


def _duration(duration: timedelta | None) -> str:
    return "none" if duration is None else format_duration(duration)


def _freshness(view: FeatureView) -> str:
    ages = view.freshness
    return f"warn {_duration(ages.warn_after)}, error {_duration(ages.error_after)}"


def _max_deletes(view: FeatureView) -> str:
    return "the project's limit" if view.max_deletes is None else f"{view.max_deletes * 100:g}%"


def _access(view: FeatureView) -> str:
    """Return who may use a view: only a private one is refused to other groups."""
    return f"private to {view.group}" if view.access == "private" else "open"


_TEXTS: dict[str, Callable[[FeatureView], str]] = {
    "ttl changed": lambda view: _duration(view.ttl),
    "available_after changed": lambda view: format_duration(view.available_after),
    "valid_until changed": _valid_until,
    "max_deletes changed": _max_deletes,
    "freshness changed": _freshness,
    "access changed": _access,
}
"""What a setting says, by the kind of its change."""


def _by_name(features: Iterable[Feature]) -> dict[str, Feature]:
    return {feature.name: feature for feature in features}


def _type(feature: Feature) -> str:
    return str(feature.data_type) if feature.data_type else ""


def _default(feature: Feature) -> str:
    return "none" if feature.default is None else json.dumps(feature.default, ensure_ascii=False)


def _retyped(old: Feature, new: Feature) -> bool:
    return bool(old.data_type and new.data_type and old.data_type != new.data_type)


def _columns(view: FeatureView) -> tuple[str, ...]:
    return (*(column.name for column in view.columns), *view.feature_names)


def _id(view: FeatureView, name: str) -> ColumnId:
    return ColumnId(view.unique_id, name.lower())


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    # A date without a zone is in UTC, as everywhere in the project.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
