"""Compare the feature services of two states of a project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from featurestore.impact.changes import Change
from featurestore.registry.definitions import FeatureService, OnDemandFeature

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
    yield from _request(old, new)
    yield from _on_demand(old, new)
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


def _request(old: FeatureService, new: FeatureService) -> Iterator[Change]:
    before = {field.name: field for field in old.request}
    after = {field.name: field for field in new.request}
    for name in sorted(before.keys() - after.keys()):
        yield _service("request field removed", old, before=name)
    for name in sorted(after.keys() - before.keys()):
        # Callers that do not give the field are refused.
        yield _service("request field added", new, after=f"{name} {after[name].data_type}")
    for name in sorted(before.keys() & after.keys()):
        types = str(before[name].data_type), str(after[name].data_type)
        if before[name].data_type != after[name].data_type:
            yield _service("request field retyped", new, *types, note=name)
        yield from _mark(new, name, was=before[name].pii, now=after[name].pii)


def _on_demand(old: FeatureService, new: FeatureService) -> Iterator[Change]:
    before = {feature.name: feature for feature in old.on_demand}
    after = {feature.name: feature for feature in new.on_demand}
    for name in sorted(before.keys() - after.keys()):
        yield _service("on-demand feature removed", old, before=name)
    for name in sorted(after.keys() - before.keys()):
        yield _service("on-demand feature added", new, after=f"{name}: {after[name].text}")
    for name in sorted(before.keys() & after.keys()):
        texts = _computation(before[name]), _computation(after[name])
        if texts[0] != texts[1]:
            yield _service("expression changed", new, *texts, note=name)
        yield from _mark(new, name, was=before[name].pii, now=after[name].pii)


def _computation(feature: OnDemandFeature) -> str:
    # The names decide too: one name may mean another feature of the service than before.
    return f"{feature.text} of {', '.join(feature.inputs) or 'no input'}"


def _mark(service: FeatureService, name: str, *, was: bool, now: bool) -> Iterator[Change]:
    if was != now:
        kind = "now personal data" if now else "no longer personal data"
        yield replace(_service(kind, service), subject=f"{service.name}:{name}")


def _references(service: FeatureService) -> dict[str, str]:
    """Return the features of a service by the name of each, with the columns of its entities."""
    return {
        f"{member.name}:{feature}" + (f" of {member.view}" if member.alias else ""): ", ".join(
            f"{entity}={'+'.join(columns)}" for entity, columns in sorted(member.entities.items())
        )
        for member in service.members
        for feature in member.features
    }
