"""What a training set must not overwrite: its own inputs, and what featurestore did not write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from sqlglot import exp, parse_one

from featurestore.errors import FeatureStoreError, PlanError, RelationNotBuilt
from featurestore.lineage.name_rules import NameRules
from featurestore.project.manifest import Manifest
from featurestore.sql.dialects import grammar
from featurestore.sql.expressions import relation_parts
from featurestore.training.card import Card
from featurestore.training.entity_frame import EntityFrame
from featurestore.training.query_tables import tables_of
from featurestore.warehouse.protocol import Warehouse

__all__ = [
    "refuse_other_file",
    "refuse_other_table",
    "refuse_to_replace",
    "refuse_to_replace_file",
]

_OWN_TABLES = "_featurestore_"
"""The beginning of the name of every table that the sync keeps."""


def refuse_to_replace(
    table: str, frame: EntityFrame, manifest: Manifest | None, dialect: str
) -> None:
    """Refuse a table that the entity rows come from, or that belongs to dbt or to the sync.

    Args:
        table: The table to write.
        frame: The entity rows.
        manifest: dbt's manifest; None without a project.
        dialect: The dialect of the table's name.

    Raises:
        PlanError: Writing the table would replace one of these.
    """
    parts = relation_parts(table, dialect)
    if parts and parts[0].startswith(_OWN_TABLES):
        raise _replaces(f"The table '{table}'", "a table of the sync")
    for relation, meaning in _held(frame, manifest, dialect):
        # A short name matches if the parts that it has are the same.
        both = zip(relation_parts(relation, dialect), parts, strict=False)
        if all(mine == theirs for mine, theirs in both):
            raise _replaces(f"The table '{table}'", meaning)


def refuse_to_replace_file(path: Path, frame: EntityFrame, dialect: str) -> None:
    """Refuse a file that the query of the entity rows reads.

    Raises:
        PlanError: Writing the file would replace it.
    """
    target = str(path.resolve())
    if frame.is_query and any(
        # A name may be a pattern such as `rows/*.parquet`.
        target == read or fnmatchcase(target, read)
        for read in _files(frame.source, dialect)
    ):
        raise _replaces(f"The file {path}", "read by the query of the entity rows")


def refuse_other_table(table: str, card: Path | None, warehouse: Warehouse) -> None:
    """Refuse a table that exists without a card of its own.

    Args:
        table: The table to write.
        card: The place of its card; None without a project.
        warehouse: The warehouse that holds the table.

    Raises:
        PlanError: featurestore did not write the table.
    """
    try:
        columns = warehouse.columns(table)
    except RelationNotBuilt:
        return
    if card is None or not _is_card_of(card, columns):
        raise _not_ours(f"The table '{table}'")


def refuse_other_file(path: Path, card: Path) -> None:
    """Refuse a Parquet file that exists without a card of its own, or a file in the card's place.

    Args:
        path: The file to write.
        card: The place of its card.

    Raises:
        PlanError: featurestore did not write the file.
    """
    if path.exists():
        if not _is_card_of(card, _columns_of(path)):
            raise _not_ours(f"The file {path}")
    elif card.exists() and _card(card) is None:
        raise _not_ours(f"The file {card}")


def _held(frame: EntityFrame, manifest: Manifest | None, dialect: str) -> Iterator[tuple[str, str]]:
    if frame.is_query:
        for table in tables_of(_parsed(frame.source, dialect), NameRules(dialect)):
            named = exp.Table(this=table.this, db=table.args.get("db"))
            named.set("catalog", table.args.get("catalog"))
            yield named.sql(grammar(dialect)), "read by the query of the entity rows"
    elif frame.table is None:
        yield frame.source, "the entity rows"
    if manifest is not None:
        yield from ((relation, f"dbt's {node}") for relation, node in manifest.relations())


def _files(query: str, dialect: str) -> Iterator[str]:
    """Yield what may name a file in the FROM items of a query, as absolute paths."""
    for table in _parsed(query, dialect).find_all(exp.Table):
        texts = [found.name for found in table.this.find_all(exp.Literal) if found.is_string]
        # DuckDB reads a file whose name is written in the place of a table's.
        yield from (str(Path(text).resolve()) for text in (*texts, table.name) if text)


def _parsed(query: str, dialect: str) -> exp.Expr:
    return parse_one(query, dialect=grammar(dialect))


def _is_card_of(path: Path, columns: Iterable[str]) -> bool:
    """Return whether a card lists these columns: a card of an older table of the name may not."""
    card = _card(path)
    names = [] if card is None else [column.name.lower() for column in card.columns]
    return card is not None and names == [name.lower() for name in columns]


def _card(path: Path) -> Card | None:
    try:
        return Card.read(path)
    except FeatureStoreError:
        return None


def _columns_of(path: Path) -> list[str]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return list(parquet.read_schema(path).names)
    except (OSError, pa.ArrowException):
        return []


def _replaces(what: str, meaning: str) -> PlanError:
    return PlanError(
        f"{what} is {meaning}, which a training set would replace.",
        remedy="Give the training set another name.",
    )


def _not_ours(what: str) -> PlanError:
    return PlanError(
        f"{what} exists, and featurestore did not write it: no card lists its columns.",
        remedy="Choose another name, or pass overwrite=True (--overwrite on the command line).",
    )
