"""The steps that tag a dbt model as a feature view, with tests and documented columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from featurestore.errors import FeatureStoreError, UnknownModel, did_you_mean
from featurestore.project.manifest import META_KEY, load_manifest
from featurestore.project.profile import Project, load_profile
from featurestore.scaffold.steps import Edit, Paste, Step, load_yaml, read_text
from featurestore.values.durations import parse_duration
from featurestore.values.types import DataType

__all__ = ["Tag", "model_names", "tag_model", "types_of_table"]

_YML = (".yml", ".yaml")


@dataclass(frozen=True, slots=True)
class Tag:
    """The description of a feature view, as the user gives it.

    Attributes:
        model: The name of the model.
        entities: The join key columns by entity.
        event_timestamp: The column with the time from which a row is true and known.
        ttl: The greatest age of a row, as text.
        features: The columns to document as features; by default all others.
    """

    model: str
    entities: Mapping[str, tuple[str, ...]]
    event_timestamp: str
    ttl: str | None = None
    features: tuple[str, ...] = ()

    @property
    def join_keys(self) -> list[str]:
        """The distinct join key columns of all entities."""
        return list(dict.fromkeys(key for keys in self.entities.values() for key in keys))


def model_names(project: Project) -> list[str]:
    """Return the names of the project's models, from their files."""
    return sorted({path.stem for path in _files(project, (".sql", ".py"))})


def types_of_table(project: Project, model: str) -> Mapping[str, DataType]:
    """Return the columns of a model's table with their types; empty if it cannot be read."""
    from featurestore.warehouse import connect

    try:
        relation = load_manifest(project.manifest_path).model(model).relation_name
        with connect(load_profile(project)) as warehouse:
            return warehouse.columns(relation) if relation else {}
    except FeatureStoreError:
        return {}


def tag_model(project: Project, tag: Tag, columns: Sequence[str] = ()) -> list[Step]:
    """Return the steps that make a model a feature view; empty if it is one.

    Args:
        project: The dbt project.
        tag: The description of the feature view.
        columns: The columns of the model's table, if known.

    Raises:
        FeatureStoreError: The model, a column or the ttl is wrong, or no feature is known.
    """
    path = _model_file(project, tag.model)
    found = _entry(project, tag.model)
    if found is not None and META_KEY in _meta(found.fields):
        return []
    _refuse_ephemeral(project, tag.model)
    _check(tag, columns)
    if found is not None:
        return list(_pastes(found, tag, columns))
    return [_new_file(project, path, tag, columns)]


def _files(project: Project, suffixes: Sequence[str]) -> Iterator[Path]:
    raw = load_yaml(project.folder / "dbt_project.yml")
    for folder in raw.get("model-paths") or ["models"]:
        for path in sorted((project.folder / str(folder)).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path


def _model_file(project: Project, model: str) -> Path:
    for path in _files(project, (".sql", ".py")):
        if path.stem == model:
            return path
    raise UnknownModel(model, model_names(project), where=f"the models of {project.name}")


@dataclass(frozen=True, slots=True)
class _Entry:
    """The yml entry of a model.

    Attributes:
        where: Its place as `file:line`.
        fields: Its content.
        on_one_line: The keys with a value in braces or brackets, which no line can be added below;
            the empty key is the entry itself.
    """

    where: str
    fields: Mapping[str, Any]
    on_one_line: frozenset[str]


def _entry(project: Project, model: str) -> _Entry | None:
    for path in _files(project, _YML):
        for entry in load_yaml(path).get("models") or []:
            if isinstance(entry, dict) and entry.get("name") == model:
                name = path.relative_to(project.folder).as_posix()
                return _Entry(f"{name}:{_line(path, model)}", entry, _on_one_line(path, model))
    return None


def _on_one_line(path: Path, model: str) -> frozenset[str]:
    import yaml

    root = yaml.compose(read_text(path), Loader=yaml.SafeLoader)
    entries = dict(_children(root)).get("models")
    for entry in entries.value if isinstance(entries, yaml.SequenceNode) else []:
        values = dict(_children(entry))
        if "name" in values and values["name"].value == model:
            below = {f"config: {key}": value for key, value in _children(values.get("config"))}
            found = {"": entry, **values, **below}
            whole = _is_flow(entry)
            return frozenset(key for key, value in found.items() if whole or _is_flow(value))
    return frozenset()


def _children(node: Any) -> Iterator[tuple[str, Any]]:
    """Yield the keys and values of a mapping of YAML; nothing for another node."""
    import yaml

    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        yield str(key.value), value


def _is_flow(node: Any) -> bool:
    return bool(getattr(node, "flow_style", False))


def _line(path: Path, model: str) -> int:
    named = re.compile(rf"\s*-?\s*\{{?\s*name:\s*['\"]?{re.escape(model)}['\"]?\s*(#.*|[,}}].*)?$")
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, start=1) if named.match(line)), 1)


def _meta(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    config = entry.get("config") or {}
    return {**(entry.get("meta") or {}), **(config.get("meta") or {})}


def _refuse_ephemeral(project: Project, model: str) -> None:
    """Refuse a model without a table; dbt may not have parsed it yet, so a miss is fine."""
    try:
        node = load_manifest(project.manifest_path).model(model)
    except FeatureStoreError:
        return
    if node.config.materialized == "ephemeral":
        raise FeatureStoreError(
            f"The model '{model}' ({node.original_file_path}) is ephemeral, so it has no table to"
            " read features from.",
            remedy="Materialize it as table, incremental or view, run `dbt build`, and try again.",
        )


def _check(tag: Tag, columns: Sequence[str]) -> None:
    if tag.ttl is not None:
        try:
            parse_duration(tag.ttl)
        except ValueError as error:
            raise FeatureStoreError(f"--ttl is not valid: {error}.") from None
    if not _features(tag, columns):
        raise FeatureStoreError(
            f"The features of '{tag.model}' are unknown.",
            remedy="Name them with --feature, or run `dbt build` first to take all columns.",
        )
    for name in (*tag.join_keys, tag.event_timestamp, *tag.features):
        if columns and name not in columns:
            raise FeatureStoreError(
                f"The model '{tag.model}' has no column '{name}'.",
                remedy=did_you_mean(name, columns) or f"Its columns: {', '.join(columns)}.",
            )


def _features(tag: Tag, columns: Sequence[str]) -> list[str]:
    known = {*tag.join_keys, tag.event_timestamp}
    return [name for name in (tag.features or columns) if name not in known]


def _documented(tag: Tag, columns: Sequence[str]) -> list[str]:
    return [*tag.join_keys, tag.event_timestamp, *_features(tag, columns)]


def _new_file(project: Project, model: Path, tag: Tag, columns: Sequence[str]) -> Step:
    path = model.with_name(f"{tag.model}__features.yml")
    lines = [f"  - name: {tag.model}"]
    for key, block in _blocks(tag, _documented(tag, columns)):
        lines += [f"    {key}:", *_indented(block, 6)]
    text = "\n".join(["models:", *lines]) + "\n"
    if path.exists():
        return Paste(f"in {path.relative_to(project.folder).as_posix()}, under `models:`", text)
    return Edit(path.relative_to(project.folder), "", text)


def _blocks(tag: Tag, documented: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return the parts of a model's yml entry by key, each as lines without indent."""
    return [
        ("config", ["meta:", *_indented(_tagged(tag), 2)]),
        ("data_tests", _tests(tag)),
        ("columns", [f"- name: {name}" for name in documented]),
    ]


def _tagged(tag: Tag) -> list[str]:
    entities = {name: list(keys) for name, keys in tag.entities.items()}
    short = {name: keys[0] if len(keys) == 1 else keys for name, keys in entities.items()}
    lines = [f"entities: {_flow(short)}", f"event_timestamp: {_flow(tag.event_timestamp)}"]
    if tag.ttl is not None:
        lines.append(f"ttl: {_flow(tag.ttl)}")
    return [f"{META_KEY}:", *_indented(lines, 2)]


def _tests(tag: Tag) -> list[str]:
    event = {"event_timestamp": tag.event_timestamp}
    keys = tag.join_keys[0] if len(tag.join_keys) == 1 else tag.join_keys
    return [
        "- featurestore.unique_entity_timestamp:",
        f"    arguments: {_flow({'join_keys': keys, **event})}",
        "- featurestore.no_future_events:",
        f"    arguments: {_flow(event)}",
    ]


def _pastes(entry: _Entry, tag: Tag, columns: Sequence[str]) -> Iterator[Paste]:
    described = {column.get("name") for column in entry.fields.get("columns") or []}
    missing = [name for name in _documented(tag, columns) if name not in described]
    model = f"at {entry.where}, `- name: {tag.model}`"
    for key, block in _blocks(tag, missing):
        if not block:
            continue
        parent, lines = _parent(key, block, entry.fields)
        first = ", which needs lines of its own first" if parent in entry.on_one_line else ""
        if parent:
            yield Paste(f"{model}, under its `{parent}:`{first}", _text(lines, 6))
        else:
            yield Paste(f"{model}{first}", _text([f"{key}:", *_indented(block, 2)], 4))


def _parent(key: str, block: list[str], entry: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the key of an entry to paste a block below, and the lines; no key if it has none.

    dbt refuses an entry with both forms of a key: `meta` and `config: meta`, or `tests` and
    `data_tests`.
    """
    present = entry.get(key)
    if key == "config" and "meta" in entry:
        return "meta", [line.removeprefix("  ") for line in block[1:]]
    if key == "config" and isinstance(present, dict) and "meta" in present:
        return "config: meta", block[1:]
    if key == "data_tests" and "tests" in entry:
        return "tests", block
    return (key if present else ""), block


def _text(lines: Sequence[str], indent: int) -> str:
    return "\n".join(_indented(lines, indent)) + "\n"


def _indented(lines: Sequence[str], by: int) -> list[str]:
    return [f"{' ' * by}{line}" for line in lines]


def _flow(value: Any) -> str:
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000)
    return text.removesuffix("\n").removesuffix("\n...")
