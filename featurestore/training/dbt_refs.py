"""References to dbt models in a generated statement."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp, parse_one

from featurestore.errors import EntityFrameError, RelationNotBuilt, WarehouseError
from featurestore.lineage.name_rules import NameRules
from featurestore.project.manifest import Manifest
from featurestore.project.nodes import Node
from featurestore.sql.dialects import grammar
from featurestore.training.entity_frame import EntityFrame
from featurestore.training.query_tables import tables_of
from featurestore.warehouse.protocol import Warehouse

__all__ = ["DbtRefs", "without_jinja"]

# The underscore behind the number keeps 1 from being found in 12.
_PLACEHOLDER = re.compile(r"_featurestore_ref_(\d+)_")
_JINJA = re.compile(r"\{[{%#]")
_Known = tuple[tuple[str, ...], Node]
_NOWHERE: tuple[tuple[str, None], ...] = (("db", None), ("catalog", None))


def without_jinja(text: str) -> str:
    """Escape the beginnings of Jinja's tags, so that dbt renders the text as it is.

    >>> without_jinja("'{{ 1 + 1 }}'")
    "'{{ '{{' }} 1 + 1 }}'"
    """
    return _JINJA.sub(lambda found: f"{{{{ '{found[0]}' }}}}", text)


class DbtRefs:
    """Replaces the relations of dbt models by `ref()`s, in two steps.

    A statement is built with a placeholder for each relation, because `{{ ref('x') }}` is not SQL
    and no parser would accept it; `written` puts the `ref()`s into the finished text.

    Args:
        manifest: The project's manifest.
        dialect: The dialect of the relations.
        warehouse: Knows which table a name without a schema means.
    """

    def __init__(self, manifest: Manifest, dialect: str, warehouse: Warehouse) -> None:
        self._dialect = dialect
        self._warehouse = warehouse
        self._names = NameRules(dialect)
        self._project = manifest.project
        self._models = [
            (self._names.relation(node.relation_name), node)
            for node in manifest.models()
            if node.relation_name and self._names.relation(node.relation_name)
        ]
        self._taken: list[str] = []

    def of(self, relation: str) -> str:
        """Return the placeholder of a model's relation; any other relation unchanged."""
        return self._placeholder(self._names.relation(relation)) or relation

    def within(self, source: str, *, is_query: bool) -> str:
        """Return a query or a relation with placeholders for the models that it reads.

        Raises:
            EntityFrameError: A table's name fits two models.
        """
        if not is_query:
            return self.of(source)
        query = parse_one(source, dialect=grammar(self._dialect))
        for table in tables_of(query, self._names):
            path = self._names.table(table)
            placeholder = self._placeholder(path)
            if placeholder:
                if not table.alias:
                    self._name(table, path, query)
                # In place: joins, samples and aliases are other parts of the same node.
                for part, name in (("this", exp.to_identifier(placeholder)), *_NOWHERE):
                    table.set(part, name)
        return query.sql(grammar(self._dialect))

    def node(self, frame: EntityFrame) -> Node | None:
        """Return the model of the entity rows; None for a query or another table."""
        return None if frame.is_query else self._model(self._names.relation(frame.source))

    def written(self, sql: str) -> str:
        """Return the statement with a `ref()` for each placeholder; braces of its own stay."""
        return _PLACEHOLDER.sub(lambda found: self._taken[int(found[1])], without_jinja(sql))

    def _placeholder(self, path: tuple[str, ...]) -> str:
        node = self._model(path)
        if node is None:
            return ""
        ref = self._ref(node)
        if ref not in self._taken:
            self._taken.append(ref)
        return f"_featurestore_ref_{self._taken.index(ref)}_"

    def _name(self, table: exp.Table, path: tuple[str, ...], query: exp.Expr) -> None:
        """Keep a table's own name as its alias, for the columns that it qualifies."""
        table.set("alias", exp.TableAlias(this=table.this.copy()))
        for column in list(query.find_all(exp.Column)):
            named = tuple(self._names.normalize(part) for part in column.parts[:-1])
            # An alias has no schema.
            if len(named) > 1 and named == path[-len(named) :]:
                for part, _ in _NOWHERE:
                    column.set(part, None)

    def _ref(self, node: Node) -> str:
        arguments = [f"'{node.name}'"]
        if node.package_name not in ("", self._project):
            arguments.insert(0, f"'{node.package_name}'")
        if node.version is not None:
            arguments.append(f"v={node.version!r}")
        return f"{{{{ ref({', '.join(arguments)}) }}}}"

    def _model(self, path: tuple[str, ...]) -> Node | None:
        """Find the model of a relation, whose name may lack its database or schema."""
        found = [(known, node) for known, node in self._models if known[-len(path) :] == path]
        if len(path) == 1 and any(len(known) > 1 for known, _ in found):
            found = self._first_on_the_path(found)
        if len(found) > 1:
            raise EntityFrameError(
                f"The name '{'.'.join(path)}' fits two models: {' and '.join(_listed(found))}.",
                remedy="Write the table's database and schema before its name.",
            )
        return found[0][1] if found else None

    def _first_on_the_path(self, found: list[_Known]) -> list[_Known]:
        """Return the models that a name without a schema may mean: none if a table is nearer."""
        query = exp.select(exp.CurrentSchema()).sql(grammar(self._dialect))
        try:
            schema = str(self._warehouse.stream(query).read_all().column(0)[0])
        except WarehouseError:
            # BigQuery has no such function, and its default dataset is the one that dbt builds in.
            return found
        home = exp.to_identifier(schema, quoted=True)
        here = [model for model in found if model[0][-2:-1] == (self._names.normalize(home),)]
        if here:
            return here
        # As NameRules writes it: quoted only if its capitals count.
        name = found[0][0][-1]
        own = exp.to_identifier(name.strip('"'), quoted=name.startswith('"') or None)
        table = exp.Table(this=own, db=home)
        try:
            self._warehouse.columns(table.sql(grammar(self._dialect)))
        except RelationNotBuilt:
            return found
        return []


def _listed(found: list[_Known]) -> Iterator[str]:
    for known, node in found[:2]:
        yield f"{node.unique_id} ({'.'.join(known)})"
