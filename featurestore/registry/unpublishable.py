"""The features that cannot be published, and why: the online format keeps no such type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from featurestore.errors import Problem, UnsupportedOnlineType
from featurestore.registry.definitions import FeatureView
from featurestore.values.lossy_types import lossless_cast, publishable_cast
from featurestore.values.types import DataType

__all__ = ["declared_types", "refuse_unpublishable", "unpublishable_problems"]

_OR = "leave it out with `feature: false`, or declare the view `online: false`."


def declared_types(view: FeatureView) -> dict[str, DataType]:
    """Return the known types of a view's features, by name."""
    return {feature.name: feature.data_type for feature in view.features if feature.data_type}


def unpublishable_problems(view: FeatureView, types: Mapping[str, DataType]) -> Iterator[Problem]:
    """Yield a problem for each feature that a sync would refuse for its type.

    Args:
        view: The feature view; one that is not `online` has none.
        types: The types of its columns, by name. A type that loses its meaning in every output is
            another problem, and left out.
    """
    for name in view.feature_names if view.online else ():
        kind = types.get(name)
        cast = kind and _cast(kind)
        if kind and cast:
            yield Problem(
                view.path,
                view.name,
                f"column '{name}' is {_described(kind)}, for which the online format has no type.",
                f"{_advice(name, kind, cast)}, {_OR}",
            )


def refuse_unpublishable(view: FeatureView, received: Mapping[str, str]) -> None:
    """Raise if a column has a type that cannot be published.

    The warehouse's own type decides: a driver may return another one, which looks harmless.

    Args:
        view: The feature view, with all types known.
        received: The columns whose type, as it came from the driver, cannot be published.

    Raises:
        UnsupportedOnlineType: Some columns have; the error names all, and the casts to write.
    """
    types = declared_types(view) if view.online else {}
    casts = {name: cast for name in types if (cast := _cast(types[name]))}
    named = [f"{name} ({_described(types[name])})" for name in casts]
    named += [f"{name} ({kind})" for name, kind in received.items() if name not in casts]
    if named:
        advice = [_advice(name, types[name], cast) for name, cast in casts.items()]
        if {*received} - {*casts}:
            advice.append("Cast it in the model (a join key to text or an integer)")
        raise UnsupportedOnlineType(
            f"Feature view '{view.name}' ({view.path}) cannot be published: the online format has"
            f" no type for {', '.join(named)}.",
            remedy=f"{'; '.join(advice)}; {_OR}",
        )


def _cast(kind: DataType) -> str:
    """Return the cast for a type without an online form; empty for one that has another fault."""
    return "" if lossless_cast(kind) else publishable_cast(kind) or ""


def _described(kind: DataType) -> str:
    return f"{kind} without digits" if kind.variant == "numeric" else str(kind)


def _advice(name: str, kind: DataType, cast: str) -> str:
    if kind.variant == "numeric":
        return f"Write `cast({name} as {cast})` in the model, with the digits that it needs"
    return f"Cast it to {cast} in the model"
