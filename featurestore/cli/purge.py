"""`purge`: remove one view, or the whole project, from the online store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.cells import count_cell
from featurestore.cli.options import AsFormat, Format, ProjectDir, RedisUrl, Target, open_store
from featurestore.cli.output import note, print_json, print_table
from featurestore.cli.progress import working

if TYPE_CHECKING:
    from sync.purge import PurgeReport

__all__ = ["purge_command"]


def purge_command(
    view: Annotated[
        str | None,
        typer.Option(
            "--view", "-v", metavar="VIEW", help="The view; by default the whole project."
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove the rows; without it, only count them.")
    ] = False,
    redis_url: RedisUrl = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Remove one view, or the whole project, from the online store.

    Other projects are not touched, nor are the features in the warehouse. The ledger forgets the
    published rows, so the next sync publishes the view in full.

    Example: featurestore purge --view plane_features --yes
    """
    store = open_store(project_dir, target, redis_url=redis_url)
    with working("Removing" if yes else "Counting"):
        report = store.purge(view, dry_run=not yes)
    if format_ is Format.JSON:
        print_json(report.to_dict())
    else:
        _print_purge(report)


def _print_purge(report: PurgeReport) -> None:
    rows = [(view.view, count_cell(view.rows)) for view in report.views]
    print_table(("view", "rows"), rows, right=("rows",))
    if report.dry_run:
        note(f"Nothing was removed from project '{report.project}'. Add --yes to remove this.")
    else:
        note("Removed. The next sync publishes in full every view that is still declared.")
