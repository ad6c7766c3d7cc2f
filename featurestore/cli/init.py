"""`init`: the first steps in an existing dbt project."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from featurestore.cli.options import ProjectDir
from featurestore.cli.output import note, print_diff, print_text, stdout
from featurestore.errors import FeatureStoreError
from featurestore.project.profile import Project, load_profile, load_project
from featurestore.scaffold import (
    Edit,
    Step,
    Tag,
    add_package,
    default_package,
    model_names,
    read_package,
    tag_model,
    types_of_table,
)
from featurestore.values.lossy_types import publishable_cast
from featurestore.values.wide_integers import BIGINT_REMEDY, bigint_hint
from featurestore.warehouse import missing_connection

__all__ = ["init_command"]


@dataclass(frozen=True, slots=True)
class TagArguments:
    """The options that describe the model to tag, as given."""

    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="MODEL", help="The model to tag as a feature view."),
    ] = None
    entities: Annotated[
        list[str] | None,
        typer.Option(
            "--entity",
            "-e",
            metavar="NAME=KEY[,KEY]",
            help="An entity of the model, with its join key columns.",
        ),
    ] = None
    event_timestamp: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="The time from which a row is true and known."),
    ] = None
    ttl: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="The greatest age of a row, such as '30 days'; by default any."
        ),
    ] = None
    features: Annotated[
        list[str] | None,
        typer.Option(
            "--feature",
            "-f",
            metavar="COLUMN",
            help="A feature; by default all columns of the table.",
        ),
    ] = None


def init_command(
    package: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Where dbt gets the package: local:PATH or git:URL@REVISION; by default this"
            " installation.",
        ),
    ] = None,
    *,
    tag: TagArguments,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the changes without making them.")
    ] = False,
    project_dir: ProjectDir = Path(),
) -> None:
    """Set up a dbt project: add the package, and tag a first model.

    At a terminal, it asks for missing values. A second run changes nothing.

    Example: featurestore init -m customers -e customer=customer_id --event-timestamp updated_at
    """
    project = load_project(project_dir)
    source = read_package(package, project_dir) if package else default_package(project_dir)
    added = add_package(project_dir, source)
    wanted = _tag(project, tag)
    types = types_of_table(project, wanted.model) if wanted else {}
    tagged = tag_model(project, wanted, tuple(types)) if wanted else []
    steps = [*([added] if added else []), *tagged]
    _carry_out(steps, project_dir, dry_run=dry_run)
    for name in (wanted.features or types) if wanted and tagged else ():
        if name in types and (hint := bigint_hint(types[name])):
            note(f"Hint: column '{name}' is {hint} {BIGINT_REMEDY}")
        if name in types and (cast := publishable_cast(types[name])):
            note(
                f"Hint: column '{name}' is {types[name]}, which cannot be published. Cast it to"
                f" {cast} in the model."
            )
    if wanted and tagged and (missing := missing_connection(load_profile(project).adapter)):
        note(f"Hint: '{wanted.model}' cannot be published from this target ({missing}).")
    if added and package is None:
        note("That path exists on this machine only. For a team, use --package git:URL@REVISION.")
    if not steps:
        also = f", and '{wanted.model}' is tagged" if wanted else ""
        note(f"Nothing to do: the package is there{also}.")
    elif not dry_run:
        note("Next: dbt deps && dbt build && featurestore validate")


def _carry_out(steps: Sequence[Step], project_dir: Path, *, dry_run: bool) -> None:
    for step in steps:
        if isinstance(step, Edit):
            print_diff(step.diff)
            if not dry_run:
                step.apply(project_dir)
        else:
            # The place and the lines go to one stream, and the place is a comment in YAML: a pipe
            # gets both.
            print_text(f"# Add this by hand {step.where}:")
            stdout.print(step.text, end="", markup=False, soft_wrap=True)
    written = " and ".join(str(step.path) for step in steps if isinstance(step, Edit))
    if written:
        note(f"This would be written: {written}." if dry_run else f"Wrote {written}.")


def _tag(project: Project, given: TagArguments) -> Tag | None:
    """Return what to tag; None if no model is named. Asks for missing values at a terminal."""
    tag = _completed(project, given) if sys.stdin.isatty() else given
    if not tag.model:
        _refuse_options_without_model(tag)
        return None
    if not tag.entities or not tag.event_timestamp:
        raise FeatureStoreError(
            f"'{tag.model}' needs an entity and an event timestamp to be tagged.",
            remedy="Add --entity customer=customer_id and --event-timestamp updated_at.",
        )
    keys = dict(_entity(text) for text in tag.entities)
    return Tag(tag.model, keys, tag.event_timestamp, tag.ttl, tuple(tag.features or ()))


def _completed(project: Project, given: TagArguments) -> TagArguments:
    model, entities = given.model, given.entities
    event_timestamp, ttl = given.event_timestamp, given.ttl
    if model is None:
        model = _asked("A model to tag as a feature view (empty for none)", model_names(project))
    if model and not entities:
        name = _asked("Its entity, such as customer")
        entities = [f"{name}={_asked(f'The join key columns of {name}', default=f'{name}_id')}"]
    if model and event_timestamp is None:
        event_timestamp = _asked("The column with the time from which a row is true and known")
        ttl = ttl or _asked("The greatest age of a row, such as 30 days (empty for any)") or None
    return TagArguments(model, entities, event_timestamp, ttl, given.features)


def _refuse_options_without_model(tag: TagArguments) -> None:
    if any((tag.entities, tag.event_timestamp, tag.ttl, tag.features)):
        raise FeatureStoreError(
            "--entity, --event-timestamp, --ttl and --feature need a model.",
            remedy="Name it with --model.",
        )


def _entity(text: str) -> tuple[str, tuple[str, ...]]:
    name, _, columns = text.partition("=")
    keys = tuple(column.strip() for column in columns.split(",") if column.strip())
    if not name.strip() or not keys:
        raise FeatureStoreError(
            f"--entity must be NAME=KEY[,KEY], got '{text}'.",
            remedy="Write customer=customer_id, or route=origin,dest.",
        )
    return name.strip(), keys


def _asked(question: str, known: Sequence[str] = (), *, default: str = "") -> str:
    shown = f"{question} [{', '.join(known)}]" if known else question
    answer: str = typer.prompt(shown, default=default, show_default=bool(default), err=True)
    return answer.strip()
