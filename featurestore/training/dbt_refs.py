"""References to dbt models in a generated statement."""

from __future__ import annotations

from sqlglot import exp, parse_one

from featurestore.project.manifest import Manifest
from featurestore.project.nodes import Node
from featurestore.sql.dialects import grammar
from featurestore.sql.expressions import relation_parts
from featurestore.training.entity_frame import EntityFrame

__all__ = ["DbtRefs"]

_PLACEHOLDER = "_featurestore_ref_{}_"


class DbtRefs:
    """Replaces the relations of dbt models by `ref()`s, in two steps.

    A statement is built with a placeholder for each relation, because `{{ ref('x') }}` is not SQL
    and no parser would accept it; `written` puts the `ref()`s into the finished text.

    Args:
        manifest: The project's manifest.
        dialect: The dialect of the relations.
    """

    def __init__(self, manifest: Manifest, dialect: str) -> None:
        self._dialect = dialect
        self._project = manifest.project
        self._models = [
            (relation_parts(node.relation_name, dialect), node)
            for node in manifest.models()
            if node.relation_name
        ]
        self._taken: dict[str, str] = {}

    def of(self, relation: str) -> str:
        """Return the placeholder of a model's relation; any other relation unchanged."""
        node = self._model(relation)
        if node is None:
            return relation
        placeholder = _PLACEHOLDER.format(node.qualified_name.replace(".", "_"))
        self._taken[placeholder] = self._ref(node)
        return placeholder

    def within(self, source: str, *, is_query: bool) -> str:
        """Return a query or a relation with placeholders for the models that it reads."""
        if not is_query:
            return self.of(source)
        query = parse_one(source, dialect=grammar(self._dialect))
        own = {cte.alias for cte in query.find_all(exp.CTE)}
        for table in list(query.find_all(exp.Table)):
            # A CTE hides a model of the same name.
            if table.name in own and not table.db:
                continue
            parts = {part: table.args.get(part) for part in ("this", "db", "catalog")}
            placeholder = self.of(exp.Table(**parts).sql(grammar(self._dialect)))
            if placeholder in self._taken:
                alias = exp.TableAlias(this=exp.to_identifier(table.alias or table.name))
                table.replace(exp.Table(this=exp.to_identifier(placeholder), alias=alias))
        return query.sql(grammar(self._dialect))

    def node(self, frame: EntityFrame) -> Node | None:
        """Return the model of the entity rows; None for a query or another table."""
        return None if frame.is_query else self._model(frame.source)

    def written(self, sql: str) -> str:
        """Return the statement with a `ref()` for each placeholder."""
        for placeholder, ref in self._taken.items():
            sql = sql.replace(placeholder, ref)
        return sql

    def _ref(self, node: Node) -> str:
        arguments = [f"'{node.name}'"]
        if node.package_name not in ("", self._project):
            arguments.insert(0, f"'{node.package_name}'")
        if node.version is not None:
            arguments.append(f"v={node.version!r}")
        return f"{{{{ ref({', '.join(arguments)}) }}}}"

    def _model(self, relation: str) -> Node | None:
        """Find the model of a relation; a short name matches if the parts that it has do."""
        parts = relation_parts(relation, self._dialect)
        for known, node in self._models:
            if known[: len(parts)] == parts:
                return node
        return None
