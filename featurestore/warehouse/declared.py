"""The declared types of a project in place of a connection: enough to write a statement.

A dialect may have no connection, or its driver may not be installed. The types that a statement
needs are then those that dbt's files declare, in `data_type` or a contract.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from featurestore.errors import RelationNotBuilt, WarehouseError
from featurestore.values.type_spellings import UnknownType, parse_type
from featurestore.values.types import DataType, Kind
from featurestore.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["DeclaredWarehouse"]

_NOTHING_RUNS = WarehouseError(
    "Nothing runs without a connection to the warehouse: only the statement can be written."
)


class DeclaredWarehouse(Warehouse):
    """The tables of a project as dbt's files declare them; see `Warehouse` for the methods.

    Args:
        dialect: The project's dialect.
        grammar: The dialect whose grammar sqlglot reads.
        relations: The declared type of each column, by the name of its relation; None where dbt's
            files declare none.
    """

    def __init__(
        self, dialect: str, grammar: str, relations: Mapping[str, Mapping[str, str | None]]
    ) -> None:
        self._dialect = dialect
        self._grammar = grammar
        self._relations = relations
        self._uploaded: dict[str, dict[str, DataType]] = {}

    @property
    def dialect(self) -> str:
        """The project's dialect."""
        return self._dialect

    @property
    def version(self) -> str:
        """The dialect's name: no engine is there."""
        return self._dialect

    def columns(self, source: str, *, is_query: bool = False) -> Mapping[str, DataType]:
        """Return the declared columns of a relation, or those that a query makes of them.

        Raises:
            RelationNotBuilt: The relation is not a model or source of the project.
            WarehouseError: A type is not declared.
        """
        if is_query:
            return self._query(source)
        if source in self._uploaded:
            return self._uploaded[source]
        if not self._relations.get(source):
            raise RelationNotBuilt(
                f"The columns of {source} are not declared in dbt's files.",
                remedy="Name a model whose columns have a `data_type`, as `ref:<model>`.",
            )
        self.require([source])
        return {name: self._typed(text) for name, text in self._relations[source].items() if text}

    def require(self, sources: Iterable[str]) -> None:
        """Raise if a column of some relations has no declared type.

        Raises:
            WarehouseError: Some have none; the error names all of them.
        """
        missing = [
            f"{source}: {', '.join(names)}"
            for source in dict.fromkeys(sources)
            if (
                names := [
                    name for name, text in self._relations.get(source, {}).items() if not text
                ]
            )
        ]
        if missing:
            raise WarehouseError(
                f"Without a connection, every column needs a declared type; {'; '.join(missing)}"
                f" {'has' if len(missing) == 1 else 'have'} none.",
                remedy="Declare `data_type` for each in the model's yml.",
            )

    def _typed(self, text: str) -> DataType:
        try:
            return parse_type(text, self._grammar)
        except UnknownType:
            return DataType(Kind.OTHER, text=text)

    def _query(self, sql: str) -> dict[str, DataType]:
        found = dict(self._selected(sql))
        unknown = [name for name, data_type in found.items() if data_type is None]
        if unknown or not found:
            raise WarehouseError(
                "Without a connection, the types of the entity rows' columns are unknown:"
                f" {', '.join(unknown) or 'the query cannot be read'}.",
                remedy="Cast each column in the query, or use `ref:<model>`.",
            )
        return {name: data_type for name, data_type in found.items() if data_type is not None}

    def _selected(self, sql: str) -> Iterator[tuple[str, DataType | None]]:
        """Yield the columns of a query with their types, as far as the declared ones tell."""
        from sqlglot.optimizer.annotate_types import annotate_types
        from sqlglot.optimizer.qualify import qualify

        schema = self._schema()
        try:
            tree = parse_one(sql, dialect=self._grammar)
            tree = qualify(
                tree, dialect=self._grammar, schema=schema, validate_qualify_columns=False
            )
            tree = annotate_types(tree, schema=schema, dialect=self._grammar)
        except SqlglotError:
            return
        for column in tree.selects if isinstance(tree, exp.Query) else ():
            kind = column.type
            known = kind is not None and not kind.is_type(exp.DType.UNKNOWN, exp.DType.NULL)
            yield (
                column.alias_or_name,
                self._typed(kind.sql(self._grammar)) if kind and known else None,
            )

    def _schema(self) -> Any:
        from sqlglot.schema import MappingSchema

        schema = MappingSchema(dialect=self._grammar)
        for relation, types in self._relations.items():
            table = exp.to_table(relation, dialect=self._grammar)
            columns = {name: text for name, text in types.items() if text}
            # A query may leave out what the target has as its default.
            for parts in (("catalog", "db"), ("db",), ()):
                name = exp.Table(
                    this=table.this.copy(), **{part: table.args.get(part) for part in parts}
                )
                schema.add_table(name, columns, match_depth=False)
        return schema

    def upload(self, name: str, table: pa.Table) -> str:
        """Note the columns of Arrow data."""
        from featurestore.warehouse.arrow import data_type

        self._uploaded[name] = {field.name: data_type(field.type) for field in table.schema}
        return name

    def content_hash(self, columns: Mapping[str, DataType]) -> str:  # noqa: ARG002
        """Raise: nothing runs."""
        _refuse()

    def stage(self, name: str, sql: str) -> str:  # noqa: ARG002
        """Raise: nothing runs."""
        _refuse()

    def stream(self, sql: str) -> pa.RecordBatchReader:  # noqa: ARG002
        """Raise: nothing runs."""
        _refuse()

    def execute(self, sql: str) -> None:  # noqa: ARG002
        """Raise: nothing runs."""
        _refuse()

    def write_table(self, name: str, sql: str) -> int:  # noqa: ARG002
        """Raise: nothing runs."""
        _refuse()

    def write_parquet(self, path: Any, sql: str) -> int:  # noqa: ARG002
        """Raise: nothing runs."""
        _refuse()

    def close(self) -> None:
        """Do nothing."""


def _refuse() -> NoReturn:
    raise _NOTHING_RUNS
