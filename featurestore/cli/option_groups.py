"""Option groups: frozen dataclasses whose fields are options of a command."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints

__all__ = ["expand_option_groups"]


def expand_option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with one parameter for each field of its dataclass parameters.

    Typer reads options from a function's signature, and knows no dataclasses. The returned function
    takes the fields one by one, and calls the command with the dataclass.

    Args:
        command: A command; its parameters without a dataclass stay as they are.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}

    @wraps(command)
    def flat(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        command(**given)

    parameters = list(_flat_parameters(command, hints))
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {one.name: one.annotation for one in parameters}
    return flat


def _flat_parameters(
    command: Callable[..., None], hints: Mapping[str, Any]
) -> Iterator[inspect.Parameter]:
    for name, parameter in inspect.signature(command).parameters.items():
        kind = hints[name]
        if is_dataclass(kind):
            group: Any = kind
            yield from inspect.signature(group, eval_str=True).parameters.values()
        else:
            yield parameter.replace(annotation=kind)
