"""Read the connection that dbt uses: dbt_project.yml names a profile, profiles.yml describes it.

The feature store has no settings of its own for this. `env_var` works in both files as in dbt.
Source: https://docs.getdbt.com/docs/core/connect-data-platform/profiles.yml
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featurestore.errors import ProfileError, did_you_mean
from featurestore.values.dbt_profile import Profile

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

__all__ = [
    "Project",
    "chosen_target",
    "load_profile",
    "load_project",
    "other_profiles",
    "render_text",
]


@dataclass(frozen=True, slots=True)
class Project:
    """The settings of dbt_project.yml that the feature store needs.

    Attributes:
        folder: The folder of the dbt project.
        name: The project's name.
        profile: The name of the profile for its connection.
        target_path: The folder that dbt writes its artifacts to.
    """

    folder: Path
    name: str
    profile: str
    target_path: Path

    @property
    def file(self) -> Path:
        """The path of dbt_project.yml."""
        return self.folder / "dbt_project.yml"

    @property
    def manifest_path(self) -> Path:
        """The path of dbt's manifest."""
        return self.target_path / "manifest.json"


def load_project(folder: Path) -> Project:
    """Return the settings in dbt_project.yml.

    Args:
        folder: The folder of the file.

    Raises:
        ProfileError: The file is missing, is not YAML, or does not name the project.
    """
    path = folder / "dbt_project.yml"
    raw = _read_yaml(path, remedy="Run in a dbt project, or name one with --project-dir.")
    name = str(raw.get("name") or "")
    if not name:
        raise ProfileError(f"{path} has no 'name'.", remedy="Add the project's name.")
    render = _Renderer(path)
    target_path = os.environ.get("DBT_TARGET_PATH") or render(raw.get("target-path") or "target")
    return Project(
        folder=folder,
        name=render(name),
        profile=os.environ.get("DBT_PROFILE") or render(raw.get("profile") or "default"),
        target_path=folder / target_path,
    )


def other_profiles(project: Project, profile: Profile) -> Iterator[Profile]:
    """Yield the other targets of the project's profile, without those that do not render."""
    path = _profiles_file(project)
    outputs = _pick(_read_yaml(path, remedy=""), project.profile, "profile", path).get("outputs")
    for target in outputs or ():
        if target != profile.target:
            with suppress(ProfileError):
                yield load_profile(project, target)


def chosen_target(project: Project, target: str | None = None) -> str:
    """Return the name of the target, and read profiles.yml only if nothing else names it.

    A service that reads online features knows its target, and may lack the profile's secrets.

    Args:
        project: The dbt project.
        target: The target; by default `DBT_TARGET`, else the profile's own default.

    Raises:
        ProfileError: The file or the profile is missing, or does not render.
    """
    named = target or os.environ.get("DBT_TARGET")
    return named or _default_target(_project_profile(project), _Renderer(_profiles_file(project)))


def render_text(text: str, path: Path) -> str:
    """Return a text of a file with its Jinja rendered, as dbt renders profiles.yml.

    Raises:
        ProfileError: The text does not render, or names a variable that is not set.
    """
    return _Renderer(path)(text)


def load_profile(project: Project, target: str | None = None) -> Profile:
    """Return one target of the project's profile, from the profiles.yml that dbt would use.

    Args:
        project: The dbt project.
        target: The target; by default `DBT_TARGET`, else the profile's own default.

    Raises:
        ProfileError: The file, the profile or the target is missing, or does not render.
    """
    path, profile = _profiles_file(project), _project_profile(project)
    render = _Renderer(path)
    wanted = target or os.environ.get("DBT_TARGET") or _default_target(profile, render)
    outputs = profile.get("outputs")
    output = _pick(outputs if isinstance(outputs, dict) else {}, wanted, "target", path)
    settings = _render_all(output, render)
    adapter = str(settings.pop("type", ""))
    if not adapter:
        raise ProfileError(
            f"Target '{wanted}' in {path} has no 'type'.", remedy="Name the adapter."
        )
    return Profile(project.profile, wanted, adapter, settings, project.folder)


def _project_profile(project: Project) -> Mapping[str, Any]:
    path = _profiles_file(project)
    profiles = _read_yaml(path, remedy="Correct it, then try `dbt debug`.")
    return _pick(profiles, project.profile, "profile", path)


def _default_target(profile: Mapping[str, Any], render: _Renderer) -> str:
    return render(profile.get("target") or "default")


def _profiles_file(project: Project) -> Path:
    named = os.environ.get("DBT_PROFILES_DIR")
    home = Path.home() / ".dbt"
    folders = [Path(named)] if named else [project.folder, home]
    for folder in folders:
        if (folder / "profiles.yml").is_file():
            return folder / "profiles.yml"
    looked = " and ".join(str(folder) for folder in folders)
    raise ProfileError(
        f"No profiles.yml in {looked}.",
        remedy="Set DBT_PROFILES_DIR to its folder, as for dbt.",
    )


def _pick(choices: Mapping[str, Any], name: str, noun: str, path: Path) -> Mapping[str, Any]:
    if not isinstance(choices.get(name), dict):
        known = [key for key in choices if key != "config"]
        hint = did_you_mean(name, known) or f"Known: {', '.join(sorted(known)) or 'none'}."
        raise ProfileError(f"{path} has no {noun} '{name}'.", remedy=hint)
    picked: Mapping[str, Any] = choices[name]
    return picked


def _read_yaml(path: Path, *, remedy: str) -> dict[str, Any]:
    import yaml

    # libyaml is ten times as fast; PyYAML may come without it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        loaded = yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506, a safe one
    except FileNotFoundError:
        raise ProfileError(f"{path} does not exist.", remedy=remedy) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ProfileError(f"Cannot read {path}: {reason}.", remedy=remedy) from error
    if not isinstance(loaded, dict):
        raise ProfileError(f"{path} is not a mapping.", remedy=remedy)
    return loaded


class _Renderer:
    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _environment(self) -> SandboxedEnvironment:
        from jinja2 import StrictUndefined
        from jinja2.sandbox import SandboxedEnvironment

        environment = SandboxedEnvironment(undefined=StrictUndefined)
        environment.globals["env_var"] = self._env_var
        # The filters do nothing: `_render_all` converts the rendered text.
        for name in ("as_text", "as_number", "as_bool", "as_native"):
            environment.filters[name] = str
        return environment

    def __call__(self, text: object) -> str:
        return str(self.value(text))

    def value(self, value: object) -> object:
        if not isinstance(value, str) or "{{" not in value:
            return value
        from jinja2 import TemplateError

        try:
            return self._environment.from_string(value).render()
        except TemplateError as error:
            raise ProfileError(f"Cannot render {value!r} in {self._path}: {error}.") from error

    def _env_var(self, name: str, default: str | None = None) -> str:
        value = os.environ.get(name, default)
        if value is None:
            raise ProfileError(
                f"{self._path} needs the environment variable '{name}', which is not set.",
                remedy=f"Set {name}.",
            )
        return value


def _render_all(value: Any, render: _Renderer) -> Any:
    if isinstance(value, dict):
        return {key: _render_all(item, render) for key, item in value.items()}
    if isinstance(value, list):
        return [_render_all(item, render) for item in value]
    rendered = render.value(value)
    if rendered is not value and isinstance(rendered, str):
        import yaml

        # `"{{ env_var('PORT') | as_number }}"` must become a number, as in dbt; YAML's rules do it.
        converts = re.search(r"\|\s*as_(number|bool|native)", str(value))
        return yaml.safe_load(rendered) if converts else rendered
    return rendered
