"""Compare the feature services of two states of a project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from featurestore.impact.changes import Change
from featurestore.registry.definitions import FeatureService

__all__ = ["service_changes"]


def service_changes(
    before: Mapping[str, FeatureService], after: Mapping[str, FeatureService]
) -> Iterator[Change]:
    """Yield the changes of feature services, given by name."""
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield _service("service removed", before[name])
        elif name not in before:
            yield _service("service added", after[name])
        else:
            yield from _members(before[name], after[name])


def _service(
    kind: str, service: FeatureService, before: str = "", after: str = "", note: str = ""
) -> Change:
    owners = (service.owner,) if service.owner else ()
    return Change(kind, service.name, before, after, (), (service.name,), owners, note=note)


def _members(old: FeatureService, new: FeatureService) -> Iterator[Change]:
    if old.label != new.label:
        yield _service("label changed", new, old.label or "none", new.label or "none")
    before, after = _references(old), _references(new)
    for reference in sorted(before.keys() - after.keys()):
        yield _service("feature left the service", old, before=reference)
    for reference in sorted(after.keys() - before.keys()):
        yield _service("feature joined the service", new, after=reference)
    for reference in sorted(before.keys() & after.keys()):
        if before[reference] != after[reference]:
            yield _service(
                "entity columns changed", new, before[reference], after[reference], note=reference
            )


def _references(service: FeatureService) -> dict[str, str]:
    """Return the features of a service by the name of each, with the columns of its entities."""
    return {
        f"{member.name}:{feature}" + (f" of {member.view}" if member.alias else ""): ", ".join(
            f"{entity}={'+'.join(columns)}" for entity, columns in sorted(member.entities.items())
        )
        for member in service.members
        for feature in member.features
    }
