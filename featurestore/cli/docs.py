"""`docs`: the catalog, as docs blocks for dbt and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.options import Now, ProjectDir, Target, open_store
from featurestore.cli.output import note, print_diff
from featurestore.cli.progress import reading_models
from featurestore.errors import FeatureStoreError

if TYPE_CHECKING:
    from featurestore.store.feature_store import FeatureStore

__all__ = ["docs_command"]


def docs_command(
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; exit with 1 if the docs blocks are stale."),
    ] = False,
    connect: Annotated[
        bool, typer.Option(help="Read statistics of the features from the warehouse.")
    ] = True,
    overview: Annotated[
        bool, typer.Option(help="Write the start page of dbt docs (`__overview__`).")
    ] = True,
    markdown: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.md",
            help="The file of docs blocks; by default the last one written, else"
            " featurestore_catalog.md in models/.",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="The page; by default catalog.html in target/."),
    ] = None,
    now: Now = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
) -> None:
    """Write the catalog: blocks for dbt docs, and a searchable page.

    Example: featurestore docs --check
    """
    from featurestore.catalog.docs_blocks import MARK, catalog_markdown
    from featurestore.catalog.output_files import (
        blocks_path,
        refuse_second_overview,
        stale_lines,
        write_file,
    )

    store = open_store(project_dir, target, now=now)
    text = catalog_markdown(store.registry, overview=overview)
    path = markdown or blocks_path(project_dir)
    if overview:
        refuse_second_overview(project_dir, path)
    changed = stale_lines(path, text)
    if check:
        _check(path, changed)
        return
    page = _page(store, connect=connect)
    if changed:
        write_file(path, text, mark=MARK)
    note(f"Wrote {path}; `dbt docs generate` shows it." if changed else f"{path} is up to date.")
    target_page = html or store.project.target_path / "catalog.html"
    write_file(target_page, page)
    note(f"Wrote {target_page}.")


def _check(path: Path, changed: str) -> None:
    if changed:
        print_diff(changed)
        raise FeatureStoreError(
            f"{path} is stale: the project's features have changed since it was written.",
            remedy="Run `featurestore docs` and commit the file.",
        )
    note(f"{path} is up to date.")


def _page(store: FeatureStore, *, connect: bool) -> str:
    from featurestore.catalog.page import catalog_page
    from featurestore.catalog.read_statistics import measure_views
    from featurestore.catalog.statistics import Measured

    registry, measured = store.registry, Measured()
    if connect:
        with store.warehouse() as warehouse:
            registry, measured = measure_views(registry, warehouse)
        for view, failure in measured.failures.items():
            note(f"No statistics of {view}: {failure}")
    with reading_models() as progress:
        graph = store.lineage(progress)
    return catalog_page(registry, graph, measured, store.now())
