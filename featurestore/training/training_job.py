"""A training set that is checked and planned, and that each output builds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from featurestore.errors import EntityFrameError, PlanError
from featurestore.project.manifest import load_manifest
from featurestore.project.profile import Project
from featurestore.registry.registry import Registry
from featurestore.registry.warehouse_types import with_types
from featurestore.sql.dialects import render
from featurestore.sql.expressions import column
from featurestore.sql.plan import TrainingPlan
from featurestore.sql.planning import make_plan
from featurestore.sql.point_in_time import entity_rows, point_in_time
from featurestore.training.card import Card
from featurestore.training.explain import JoinReport, join_reports
from featurestore.training.fixed_rows import with_fixed_rows
from featurestore.training.measurement import measure_training_set, with_timestamps
from featurestore.training.on_demand_features import with_on_demand
from featurestore.training.outputs import (
    card_path,
    make_folder,
    output_names,
    parquet_card_path,
    to_pandas,
    to_polars,
)
from featurestore.training.overwriting import (
    refuse_other_file,
    refuse_other_table,
    refuse_to_replace,
    refuse_to_replace_file,
)
from featurestore.training.parsed_keys import with_parsed_keys
from featurestore.training.request import Request
from featurestore.training.strategy_choice import with_cheapest_shapes
from featurestore.training.unique_grain import with_unique_grains, without_unique_grains
from featurestore.values.frame_decimals import Decimals
from featurestore.warehouse.planned_reads import planned_read_of, refuse_reading
from featurestore.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["Connect", "TrainingJob"]

Result = TypeVar("Result")
_BUILT = "_featurestore_training_set"


class Connect(Protocol):
    """Opens the warehouse for one operation; the end of the block closes it."""

    def __call__(self, *, write: bool = False) -> AbstractContextManager[Warehouse]:
        """Open the warehouse."""


class TrainingJob:
    """A training set that has been checked and planned; each output builds its rows.

    The warehouse is open only while a method runs, so that a job in a notebook blocks no writer.

    Args:
        registry: The project's definitions.
        connect: Opens the warehouse.
        request: The training set to build.
        project: The dbt project, for cards and dbt models.
        max_bytes: The bytes that a statement may read; None for any number.

    Raises:
        FeatureStoreError: The request does not fit the entity frame or the warehouse.
    """

    def __init__(
        self,
        registry: Registry,
        connect: Connect,
        request: Request,
        project: Project | None = None,
        *,
        max_bytes: int | None = None,
    ) -> None:
        self._registry = registry
        self._connect = connect
        self._request = request
        self._frame = request.entity_frame
        self._project = project
        self._max_bytes = max_bytes
        with connect() as warehouse:
            self.plan = self._make_plan(warehouse)
        self._sql = point_in_time(self.plan, request.strategy)

    def _make_plan(self, warehouse: Warehouse) -> TrainingPlan:
        request = self._request
        names = {member.view for member in request.members}
        views = {name: with_types(self._registry.view(name), warehouse) for name in sorted(names)}
        self._frame = with_parsed_keys(request.entity_frame, request.members, views)
        plan = make_plan(
            self._registry.dialect,
            self._frame.described().spine(warehouse, request.event_timestamp),
            request.members,
            views,
            full_feature_names=request.full_feature_names,
            feature_timestamps=request.feature_timestamps,
            as_known=request.as_known,
        )
        plan = with_on_demand(with_unique_grains(plan, warehouse), request.service)
        if request.strategy:
            return plan
        return with_cheapest_shapes(plan, request.entity_frame, warehouse)

    def _checked_now(self, warehouse: Warehouse) -> TrainingPlan:
        """Return the plan for a session: a constraint of the plan may have been dropped since."""
        if not any(join.unique for join in self.plan.joins):
            return self.plan
        return with_unique_grains(self.plan, warehouse)

    def _run_now(self, warehouse: Warehouse) -> TrainingPlan:
        """Return the plan for a statement that this session runs at once."""
        if self._frame.table is None:
            # To fix the rows reads them.
            rows = entity_rows(self.plan.spine, self.plan.dialect)
            refuse_reading(warehouse, rows, self._max_bytes)
        return with_fixed_rows(self._checked_now(warehouse), self._frame, warehouse)

    def _limited(self, warehouse: Warehouse, plan: TrainingPlan) -> str:
        """Return the statement of a plan, unless it would read too much."""
        statement = point_in_time(plan, self._request.strategy)
        refuse_reading(warehouse, statement, self._max_bytes)
        return statement

    def _statement(self, warehouse: Warehouse) -> str:
        plan = self._checked_now(warehouse)
        return self._sql if plan == self.plan else point_in_time(plan, self._request.strategy)

    @property
    def withheld(self) -> tuple[str, ...]:
        """The personal data that a `view:*` of the request left out."""
        return self._request.withheld

    def to_sql(self) -> str:
        """Return the statement, formatted; it reads a data frame under the name `entity_df`."""
        return self._sql

    def explain(self) -> list[JoinReport]:
        """Count the rows that each view contributes, and say which of its history are read.

        Counting reads the keys and the instants.

        Returns:
            One report per view, in the order of the request. The rows themselves are not kept.
        """
        from featurestore.sql.coverage import coverage

        strategy = self._request.strategy

        def count(warehouse: Warehouse) -> list[JoinReport]:
            plan = self._run_now(warehouse)
            planned = planned_read_of(warehouse, self._limited(warehouse, plan))
            counts = warehouse.stream(coverage(plan, strategy)).read_all().to_pylist()[0]
            return join_reports(plan, strategy, counts, planned)

        return self._run(count)

    def to_arrow(self) -> pa.Table:
        """Build the training set as an Arrow table; the rows of a data frame keep their order."""

        def build(warehouse: Warehouse) -> pa.Table:
            statement = self._limited(warehouse, self._run_now(warehouse))
            return warehouse.stream(statement).read_all()

        return self._frame.restored(self._run(build))

    def to_df(self, *, decimals: Decimals = "arrow") -> pd.DataFrame:
        """Build the training set as a pandas frame.

        Integers and booleans get pandas' nullable types, so that a missing value does not turn an
        integer into a float.

        Args:
            decimals: "arrow" for exact decimals in pandas' Arrow type, "float" for the nearest
                floats. DuckDB's HUGEINT, which a sum of integers is, counts as a decimal.

        Raises:
            MissingExtra: pandas is not installed.
            FeatureStoreError: `decimals` is neither.
        """
        return to_pandas(self.to_arrow(), decimals)

    def to_polars(self) -> pl.DataFrame:
        """Build the training set as a polars frame.

        Raises:
            MissingExtra: polars is not installed.
        """
        return to_polars(self.to_arrow())

    def to_parquet(self, path: str | Path, *, overwrite: bool = False) -> int:
        """Write the training set to a Parquet file atomically, and its card beside it.

        Args:
            path: The .parquet file; the card of `x.parquet` is `x.card.json`.
            overwrite: Whether to replace a file that has no card, so that another program wrote it.

        Returns:
            The number of rows.

        Raises:
            PlanError: The file's name does not end in .parquet, the query of the entity rows reads
                the file, or the file has no card.
        """
        target = Path(path)
        card_file = parquet_card_path(target)
        refuse_to_replace_file(target, self._request.entity_frame, self.plan.dialect)
        if not overwrite:
            refuse_other_file(target, card_file)
        make_folder(target)
        card = self._measured(
            str(target.resolve()), lambda warehouse, rows: warehouse.write_parquet(target, rows)
        )
        card.write(card_file)
        return card.rows

    def to_table(self, name: str, *, overwrite: bool = False) -> int:
        """Create or replace a table in the warehouse, and write its card.

        Args:
            name: The table; its card is `featurestore/<name>.card.json` beside dbt's artifacts.
            overwrite: Whether to replace a table that has no card, so that another program wrote
                it.

        Returns:
            The number of rows.

        Raises:
            PlanError: The entity rows come from the table, it belongs to dbt or to the sync, or it
                has no card.
        """
        project = self._project
        manifest = load_manifest(project.manifest_path) if project else None
        refuse_to_replace(name, self._request.entity_frame, manifest, self.plan.dialect)
        card_file = self.card_file(name)
        if not overwrite:
            with self._connect() as warehouse:
                refuse_other_table(name, card_file, warehouse)
        card = self._measured(
            name,
            lambda warehouse, rows: warehouse.write_table(name, rows),
            to_warehouse=True,
        )
        if card_file is not None:
            make_folder(card_file)
            card.write(card_file)
        return card.rows

    def card_file(self, table: str) -> Path | None:
        """Return the file of a table's card; None without a dbt project."""
        project = self._project
        return card_path(table, project.target_path, self.plan.dialect) if project else None

    def to_dbt_model(self, path: str | Path, *, overwrite: bool = False) -> str:
        """Write the training set as a dbt model with `ref()`s, and its yml beside it.

        Args:
            path: The `.sql` file, in the project's model folder.
            overwrite: Whether to replace a file that this method did not write.

        Returns:
            The change as a unified diff; an empty text if the files did not change.

        Raises:
            EntityFrameError: The entity rows are a data frame.
            PlanError: The file was written by hand.
        """
        from featurestore.training.dbt_model import dbt_model, write_model

        if self._project is None:
            raise PlanError("A dbt model needs a dbt project, and this training set has none.")
        manifest = load_manifest(self._project.manifest_path)
        frame, target = self._request.entity_frame, self._project.folder / path
        strategy = self._request.strategy
        with self._connect() as warehouse:
            model = dbt_model(
                without_unique_grains(self.plan),
                frame,
                manifest,
                target.stem,
                strategy,
                warehouse=warehouse,
            )
        return write_model(model, target, overwrite=overwrite)

    def card(self) -> Card:
        """Build the training set and return its card; the rows are not kept."""
        return self._measured("")

    def _measured(
        self,
        output: str,
        write: Callable[[Warehouse, str], int] | None = None,
        *,
        to_warehouse: bool = False,
    ) -> Card:
        """Build the rows once, write them and measure them."""
        self._refuse_durations()

        def use(warehouse: Warehouse) -> Card:
            plan = with_timestamps(self._run_now(warehouse))
            statement = self._limited(warehouse, plan)
            # Staged: the file and its card must come from the same rows, even if dbt builds now.
            built = warehouse.stage(_BUILT, statement)
            if write is not None:
                names = [render(column(name), plan.dialect) for name in output_names(self.plan)]
                write(warehouse, f"SELECT {', '.join(names)} FROM {built}")
            return measure_training_set(
                plan,
                self._request,
                warehouse,
                built,
                sql=self._statement(warehouse),
                output=output,
                manifest=self._project.manifest_path if self._project else None,
            )

        return self._run(use, write=to_warehouse)

    def _refuse_durations(self) -> None:
        """Refuse a duration where the warehouse writes the rows: it would be a bare integer."""
        for name in self._frame.durations:
            raise EntityFrameError(
                f"The entity frame's column '{name}' is a duration, which only a data frame keeps.",
                remedy="Convert it to a number, such as its seconds, or leave it out.",
            )

    def _run(self, use: Callable[[Warehouse], Result], *, write: bool = False) -> Result:
        with self._connect(write=write) as warehouse:
            self._frame.place(warehouse)
            return use(warehouse)
