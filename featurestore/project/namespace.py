"""The name that replaces the project's in all keys in Redis: the project's `namespace`.

    vars:
      featurestore:
        namespace: {prod: shop, dev: shop_dev}    # by target, or one text for all targets

`FEATURESTORE_NAMESPACE` overrides it. dbt renders no Jinja there, so it is rendered here.
"""

from __future__ import annotations

import os
from typing import Any

from featurestore.errors import ProfileError, did_you_mean
from featurestore.project.own_vars import own_var
from featurestore.project.profile import Project, chosen_target, render_text

__all__ = ["chosen_namespace", "refuse_bad_namespaces"]

_KEY = "namespace"
_VARIABLE = "FEATURESTORE_NAMESPACE"
_EXAMPLE = f"`vars: {{featurestore: {{{_KEY}: {{prod: shop, dev: shop_dev}}}}}}`"


def chosen_namespace(project: Project, target: str | None) -> str:
    """Return the namespace of a target; empty if the project's own name counts.

    Args:
        project: The dbt project.
        target: The target; by default dbt's own choice. Only a mapping needs it.

    Raises:
        ProfileError: The namespace is empty or not a text, or the target has none.
    """
    override = os.environ.get(_VARIABLE)
    if override is not None:
        return _checked(override, f"The environment variable {_VARIABLE}", "Unset it, or name one.")
    refuse_bad_namespaces(project)
    given = _given(project)
    if given is None:
        return ""
    text = _of_target(project, given, target) if isinstance(given, dict) else given
    rendered = render_text(text, project.file)
    return _checked(rendered, f"{_KEY} {text!r} in {project.file}", "Render it to a name.")


def refuse_bad_namespaces(project: Project) -> None:
    """Check the namespaces of all targets, before they are rendered.

    Raises:
        ProfileError: A namespace is empty or not a text.
    """
    given = _given(project)
    by_target = given if isinstance(given, dict) else {"": given}
    for target, text in by_target.items():
        if given is not None:
            place = f" of target '{target}'" if target else ""
            _checked(text, f"{_KEY}{place} in {project.file}", f"Write {_EXAMPLE}.")
    if given == {}:
        raise ProfileError(f"{_KEY} in {project.file} is empty.", remedy=f"Write {_EXAMPLE}.")


def _given(project: Project) -> Any:
    return own_var(project.folder, _KEY)


def _of_target(project: Project, given: dict[Any, str], target: str | None) -> str:
    wanted = chosen_target(project, target)
    names = {str(name): text for name, text in given.items()}
    if wanted not in names:
        near = did_you_mean(wanted, names)
        raise ProfileError(
            f"{_KEY} in {project.file} has no target '{wanted}', only {', '.join(sorted(names))}.",
            remedy=near or f"Add a namespace for it, or set {_VARIABLE}.",
        )
    return names[wanted]


def _checked(text: object, place: str, remedy: str) -> str:
    if not isinstance(text, str):
        raise ProfileError(f"{place} is {text!r}, not a text.", remedy=remedy)
    if not text.strip():
        raise ProfileError(f"{place} is empty.", remedy=remedy)
    return text.strip()
