"""`init`: the first steps in a dbt project that is there already."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from featurestore.cli.options import ProjectDir
from featurestore.cli.output import note, print_diff, stdout
from featurestore.errors import FeatureStoreError
from featurestore.project.profile import Project, load_project
from featurestore.scaffold import (
    Edit,
    Step,
    Tag,
    add_package,
    columns_of_table,
    default_package,
    model_names,
    read_package,
    tag_model,
)

__all__ = ["COMMANDS"]


def init(
    package: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Where dbt gets the package: local:PATH or git:URL@REVISION; else the copy of"
            " this installation.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="A model to make a feature view.")
    ] = None,
    entities: Annotated[
        list[str] | None,
        typer.Option(
            "--entity",
            "-e",
            metavar="NAME=KEY[,KEY]",
            help="Its entity, with the join key columns.",
        ),
    ] = None,
    event_timestamp: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="The column since when a row is true and known."),
    ] = None,
    ttl: Annotated[
        str | None, typer.Option(help="How old a row may be: '30 days'; else any age.")
    ] = None,
    features: Annotated[
        list[str] | None,
        typer.Option(
            "--feature", "-f", metavar="COLUMN", help="A feature; else each column of its table."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    project_dir: ProjectDir = Path(),
) -> None:
    """Set up a dbt project: add the package, and tag a first model.

    At a terminal it asks for what is not given. A second run finds nothing to do.

    Example: featurestore init -m customers -e customer=customer_id --event-timestamp updated_at
    """
    project = load_project(project_dir)
    source = read_package(package, project_dir) if package else default_package(project_dir)
    added = add_package(project_dir, source)
    tag = _tag(project, model, entities, event_timestamp, ttl, features)
    columns = columns_of_table(project, tag.model) if tag else ()
    steps = [*([added] if added else []), *(tag_model(project, tag, columns) if tag else [])]
    _carry_out(steps, project_dir, dry_run=dry_run)
    if added and package is None:
        note("That path is this machine's. For a team, give --package git:URL@REVISION.")
    if not steps:
        tagged = f", and '{tag.model}' is tagged" if tag else ""
        note(f"Nothing to do: the package is there{tagged}.")
    elif not dry_run:
        note("Next: dbt deps && dbt build && featurestore validate")


def _carry_out(steps: Sequence[Step], project_dir: Path, *, dry_run: bool) -> None:
    for step in steps:
        if isinstance(step, Edit):
            print_diff(step.diff)
            if not dry_run:
                step.apply(project_dir)
        else:
            note(f"Add this by hand {step.where}:")
            stdout.print(step.text, end="", markup=False, soft_wrap=True)
    written = " and ".join(str(step.path) for step in steps if isinstance(step, Edit))
    if written:
        note(f"This would be written: {written}." if dry_run else f"Wrote {written}.")


def _tag(
    project: Project,
    model: str | None,
    entities: list[str] | None,
    event_timestamp: str | None,
    ttl: str | None,
    features: list[str] | None,
) -> Tag | None:
    asks = sys.stdin.isatty()
    if model is None and asks:
        model = _asked("A model to make a feature view (empty for none)", model_names(project))
    if not model:
        _refuse_leftovers(entities, event_timestamp, ttl, features)
        return None
    if not entities and asks:
        name = _asked("Its entity, such as customer")
        entities = [f"{name}={_asked(f'The join key columns of {name}', default=f'{name}_id')}"]
    if event_timestamp is None and asks:
        event_timestamp = _asked("The column since when a row is true and known")
        ttl = ttl or _asked("How old a row may be, such as 30 days (empty for any age)") or None
    if not entities or not event_timestamp:
        raise FeatureStoreError(
            f"To tag '{model}', its entity and its event timestamp are needed.",
            remedy="Give --entity customer=customer_id and --event-timestamp updated_at.",
        )
    keys = dict(_entity(text) for text in entities)
    return Tag(model, keys, event_timestamp, ttl, tuple(features or ()))


def _refuse_leftovers(*given: object) -> None:
    if any(given):
        raise FeatureStoreError(
            "--entity, --event-timestamp, --ttl and --feature describe a model, and none is named.",
            remedy="Name it with --model.",
        )


def _entity(text: str) -> tuple[str, tuple[str, ...]]:
    name, _, columns = text.partition("=")
    keys = tuple(column.strip() for column in columns.split(",") if column.strip())
    if not name.strip() or not keys:
        raise FeatureStoreError(
            f"'{text}' is no entity with its keys.",
            remedy="Write customer=customer_id, or route=origin,dest.",
        )
    return name.strip(), keys


def _asked(question: str, known: Sequence[str] = (), *, default: str = "") -> str:
    shown = f"{question} [{', '.join(known)}]" if known else question
    answer: str = typer.prompt(shown, default=default, show_default=bool(default), err=True)
    return answer.strip()


COMMANDS = (init,)
