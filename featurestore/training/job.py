"""Training sets: a request becomes a job, and a job becomes SQL, a frame, a file or a table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from featurestore.errors import MissingExtra, PlanError
from featurestore.project.manifest import load_manifest
from featurestore.project.profile import Project
from featurestore.registry.registry import Registry
from featurestore.registry.warehouse_types import with_types
from featurestore.sql.cost import SMALL, Sizes, cheapest_shape
from featurestore.sql.dialects import render
from featurestore.sql.expressions import column, relation_parts
from featurestore.sql.plan import TrainingPlan, ViewJoin, make_plan
from featurestore.sql.point_in_time import point_in_time, strategy_of
from featurestore.training.card import Card, measure_training_set, with_timestamps
from featurestore.training.explain import JoinReport
from featurestore.training.request import Request
from featurestore.warehouse.abilities import estimate_of
from featurestore.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["Connect", "TrainingJob"]

Result = TypeVar("Result")
_BUILT = "_featurestore_training_set"
_OWN = "_featurestore_"


class Connect(Protocol):
    """Opens the warehouse for one operation; it is closed again at the end of the block."""

    def __call__(self, *, write: bool = False) -> AbstractContextManager[Warehouse]:
        """Open the warehouse."""


class TrainingJob:
    """A training set that has been checked and planned, and is built when a result is asked for.

    The warehouse is open only while a method runs, so that a job kept in a notebook blocks nobody.

    Args:
        registry: The project's definitions.
        connect: Opens the warehouse.
        request: What to build.
        project: The dbt project, for the cards of training sets.

    Raises:
        FeatureStoreError: The request does not fit the entity frame or the warehouse.
    """

    def __init__(
        self,
        registry: Registry,
        connect: Connect,
        request: Request,
        project: Project | None = None,
    ) -> None:
        self._registry = registry
        self._connect = connect
        self._request = request
        self._project = project
        with connect() as warehouse:
            self.plan = self._make_plan(warehouse)
        self._sql = point_in_time(self.plan, request.strategy)

    def _make_plan(self, warehouse: Warehouse) -> TrainingPlan:
        request = self._request
        names = {member.view for member in request.members}
        views = {name: with_types(self._registry.view(name), warehouse) for name in sorted(names)}
        plan = make_plan(
            self._registry.dialect,
            request.entity_frame.described().spine(warehouse, request.event_timestamp),
            request.members,
            views,
            full_feature_names=request.full_feature_names,
            feature_timestamps=request.feature_timestamps,
            as_known=request.as_known,
        )
        return plan if request.strategy else self._suited(plan, warehouse)

    def _suited(self, plan: TrainingPlan, warehouse: Warehouse) -> TrainingPlan:
        """Choose each view's shape of join by the sizes of both sides."""
        asked = self._request.entity_frame.estimate(warehouse)
        if asked is None:
            return plan
        joins = tuple(_shaped(join, asked.rows, warehouse) for join in plan.joins)
        return replace(plan, spine=replace(plan.spine, stored=asked.stored), joins=joins)

    @property
    def withheld(self) -> tuple[str, ...]:
        """The personal data that a `view:*` of the request left out."""
        return self._request.withheld

    def to_sql(self) -> str:
        """Return the statement, formatted; a data frame stands in it as `entity_df`."""
        return self._sql

    def explain(self) -> list[JoinReport]:
        """Count what each view contributes: matched rows, expired ones, missing ones.

        Returns:
            One report per view, in the order asked for. Nothing of the training set is kept.
        """
        from featurestore.sql.coverage import coverage

        sql = coverage(self.plan, self._request.strategy)
        counts = self._run(lambda warehouse: warehouse.stream(sql).read_all()).to_pylist()[0]
        return [self._report(number, counts) for number in range(len(self.plan.joins))]

    def _report(self, number: int, counts: dict[str, int]) -> JoinReport:
        join, rows = self.plan.joins[number], counts["entity_rows"]
        found, expired = counts[f"found_{number}"], counts[f"expired_{number}"]
        null_keys = counts[f"null_keys_{number}"]
        return JoinReport(
            view=join.name,
            strategy=strategy_of(self.plan, join, self._request.strategy).name,
            history_rows=counts[f"history_{number}"],
            entity_rows=rows,
            matched=found - expired,
            expired=expired,
            missing=rows - found - null_keys,
            null_keys=null_keys,
            ttl=join.view.ttl,
        )

    def to_arrow(self) -> pa.Table:
        """Build the training set as an Arrow table, in the order of the data frame given."""
        return self._run(lambda warehouse: warehouse.stream(self._sql).read_all())

    def to_df(self) -> pd.DataFrame:
        """Build the training set as a pandas frame.

        Integers and booleans have pandas' nullable types, so that a missing value does not turn
        an integer into a float.

        Raises:
            MissingExtra: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtra("pandas", "pandas", purpose="to_df()") from None
        table = self.to_arrow()
        frame: pd.DataFrame = table.to_pandas(types_mapper=_nullable_types(pd).get)
        return frame

    def to_polars(self) -> pl.DataFrame:
        """Build the training set as a polars frame.

        Raises:
            MissingExtra: polars is not installed.
        """
        try:
            import polars as pl
        except ImportError:
            raise MissingExtra("polars", "polars", purpose="to_polars()") from None
        return pl.DataFrame(self.to_arrow())

    def to_parquet(self, path: str | Path) -> int:
        """Write the training set to a Parquet file, and its card beside it.

        The file appears whole or not at all.

        Args:
            path: The file; the card of `x.parquet` is `x.card.json`.

        Returns:
            The number of rows.
        """
        target = Path(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PlanError(f"Cannot write {target}: {error.strerror}.") from error

        def write(warehouse: Warehouse, rows: str) -> int:
            return warehouse.write_parquet(target, rows)

        card = self._measured(str(target.resolve()), write)
        card.write(target.with_suffix(".card.json"))
        return card.rows

    def to_table(self, name: str) -> int:
        """Create or replace a table in the warehouse, and write its card.

        Args:
            name: The table; its card is `featurestore/<name>.card.json` beside dbt's artifacts.

        Returns:
            The number of rows.

        Raises:
            PlanError: The table is the entity rows, or one that dbt or the sync keeps.
        """
        self._refuse_to_replace(name)

        def write(warehouse: Warehouse, rows: str) -> int:
            return warehouse.write_table(name, rows)

        card = self._measured(name, write, to_warehouse=True)
        if self._project is not None:
            folder = self._project.target_path / "featurestore"
            folder.mkdir(parents=True, exist_ok=True)
            plain = name.replace('"', "").replace("`", "")
            card.write(folder / f"{plain}.card.json")
        return card.rows

    def _refuse_to_replace(self, name: str) -> None:
        """Keep a training set from taking the place of what it is made of, or of others' tables."""
        remedy = "Give the training set another name."
        parts = relation_parts(name, self.plan.dialect)
        if parts and parts[0].startswith(_OWN):
            raise PlanError(f"The table '{name}' is one that the sync keeps.", remedy=remedy)
        frame, held = self._request.entity_frame, []
        if frame.table is None and not frame.is_query:
            held.append((frame.source, "the entity rows"))
        if self._project is not None:
            manifest = load_manifest(self._project.manifest_path)
            held += [(relation, f"dbt's {node}") for relation, node in manifest.relations()]
        for relation, what in held:
            # Of a short name, the parts that are given must agree.
            both = zip(relation_parts(relation, self.plan.dialect), parts, strict=False)
            if all(mine == theirs for mine, theirs in both):
                raise PlanError(
                    f"The table '{name}' is {what}, which a training set would replace.",
                    remedy=remedy,
                )

    def to_dbt_model(self, path: str | Path, *, overwrite: bool = False) -> str:
        """Write the training set as a dbt model with `ref()`s, and its yml beside it.

        Args:
            path: The `.sql` file, below the project's folder of models.
            overwrite: Whether to replace a file that was not written by this method.

        Returns:
            What changed, as a unified diff; empty if the files said the same already.

        Raises:
            EntityFrameError: The entity rows are a data frame.
            PlanError: The file is somebody else's.
        """
        from featurestore.training.dbt_model import dbt_model, write_model

        if self._project is None:
            raise PlanError("This training set belongs to no dbt project.")
        manifest = load_manifest(self._project.manifest_path)
        frame, target = self._request.entity_frame, self._project.folder / path
        model = dbt_model(self.plan, frame, manifest, target.stem, self._request.strategy)
        return write_model(model, target, overwrite=overwrite)

    def card(self) -> Card:
        """Build the training set, keep nothing but its card."""
        return self._measured("")

    def _measured(
        self,
        output: str,
        write: Callable[[Warehouse, str], int] | None = None,
        *,
        to_warehouse: bool = False,
    ) -> Card:
        """Build the rows once, write them, and measure them."""
        plan = with_timestamps(self.plan)
        statement = point_in_time(plan, self._request.strategy)
        manifest = self._project.manifest_path if self._project else None

        def use(warehouse: Warehouse) -> Card:
            built = warehouse.stage(_BUILT, statement)
            names = [render(column(name), plan.dialect) for name in self._output_names()]
            if write is not None:
                write(warehouse, f"SELECT {', '.join(names)} FROM {built}")
            return measure_training_set(
                plan,
                self._request,
                warehouse,
                built,
                sql=self._sql,
                output=output,
                manifest=manifest,
            )

        return self._run(use, write=to_warehouse)

    def _output_names(self) -> list[str]:
        spine = self.plan.spine
        names = [name for name in spine.columns if name != spine.order_by]
        for join in self.plan.joins:
            names += [output.name for output in join.outputs]
            names += [join.timestamp_output] if join.timestamp_output else []
        return names

    def _run(self, use: Callable[[Warehouse], Result], *, write: bool = False) -> Result:
        with self._connect(write=write) as warehouse:
            self._request.entity_frame.place(warehouse)
            return use(warehouse)


def _shaped(join: ViewJoin, asked: int, warehouse: Warehouse) -> ViewJoin:
    view = join.view
    history = estimate_of(
        warehouse, view.relation, join.keys, over=view.event_timestamp.name, above=SMALL
    )
    if history is None:
        return join
    sizes = Sizes(asked, history.rows, history.distinct, history.span, view.ttl)
    return replace(join, strategy=cheapest_shape(sizes))


def _nullable_types(pandas: Any) -> dict[pa.DataType, Any]:
    import pyarrow as pa

    names = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
    types = {getattr(pa, name.lower())(): getattr(pandas, f"{name}Dtype")() for name in names}
    return {**types, pa.bool_(): pandas.BooleanDtype()}
