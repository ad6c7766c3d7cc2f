"""The work on rows that Spark's executors do; see `RowWork`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from featurestore.online.redis.internals import is_cluster, named_servers
from featurestore.warehouse.spark_ledger import SparkLedgerDatabase
from sync.batch_sizes import CLUSTER_ROWS, ROWS_PER_TASK
from sync.brake import Departures
from sync.departures import readable_layouts
from sync.lapses import Lapses
from sync.orphans import WHOLE_KEY, key_groups
from sync.publish import changes_of, expiry_of, row_encoder
from sync.redis.key_scan import moved_keys, slot_owners
from sync.redis.stored_rows import row_keys
from sync.removal import unlink_rows
from sync.report import ProgressEvent
from sync.safety.lent_lock import LentLock, LockGone
from sync.spark.executor_tasks import (
    ANSWER,
    ENCODED,
    HAS_ENDED,
    INSPECTED,
    LAPSED,
    READABLE,
    SLOT,
    UNTIMELY,
    KeyInspection,
    KeyScan,
    RowWriting,
    encoding,
    inspecting,
    key_table,
    scanning,
    writing,
)
from sync.spark.passed_errors import error_of
from sync.survey import Survey
from sync.sync_run import SyncRun
from sync.warehouse.expired_rows import has_expired
from sync.warehouse.publication import Publication

__all__ = ["SparkWork"]

_FOUND = "_featurestore_found"
_MISSING = "_featurestore_missing"
_INSPECTED = "_featurestore_inspected"
_GONE = "_featurestore_gone"


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows to apply: their query and their number, and the number of all changes of the view."""

    query: str
    rows: int
    total: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """The numbers of rows that Redis applied and refused."""

    applied: int
    refused: int


@dataclass(frozen=True, slots=True)
class SparkWork:
    """Spark does the work.

    Attributes:
        spark: The session, with the ledger's tables.
        url: The online store.
    """

    spark: SparkLedgerDatabase
    url: str | None = field(repr=False)

    def has_unknown(self, survey: Survey, publication: Publication, table: str) -> bool:
        """Return whether Redis has rows of a view that a table does not have."""
        self._find_missing(survey, publication, table, ended="")
        return self._number(f"SELECT count(*) AS n FROM {_MISSING}") > 0

    def departures_of_full(
        self, survey: Survey, publication: Publication, newest: str, lapses: Lapses
    ) -> Departures:
        """Count the rows that a full sync would delete; see `RowWork`."""
        if next(row_keys(survey.client, survey.project, publication.name), None) is None:
            return Departures(0, 0, 0)
        ended = survey.ended_entities(publication) if publication.view.valid_until else ""
        self._find_missing(survey, publication, newest, ended=ended)
        expired = has_expired(publication.view, publication.now, self.spark.dialect)
        current = f"(SELECT * FROM {newest} WHERE NOT {expired})"
        kept = f"LEFT SEMI JOIN {current} AS known ON {_same(survey, publication)}"
        staying = self._number(f"SELECT count(*) AS n FROM {_FOUND} AS found {kept}")
        readable = readable_layouts(survey, publication)
        gone = self._find_gone(survey, publication, lapses, readable)
        untimely = self._number(f"SELECT count(*) AS n FROM {_INSPECTED} WHERE {UNTIMELY}")
        deleted = self._number(f"SELECT count(*) AS n FROM {gone}")
        return Departures(deleted, untimely, staying)

    def publish_everything(self, run: SyncRun, publication: Publication, rows: int) -> int:
        """Write every row; see `RowWork`."""
        part = _Part(f"SELECT * FROM {run.ledger.published(publication.name)}", rows, rows)
        return self._publish(run, publication, part, "overwrite").applied

    def publish_changes(
        self, run: SyncRun, publication: Publication, changes: str, counts: dict[str, int]
    ) -> tuple[int, int, int]:
        """Write and delete the rows that changed; see `RowWork`."""
        total = sum(counts.values())
        deletions, upserts = (
            _Part(query, counts.get(kind, 0), total)
            for query, kind in zip(changes_of(changes), ("delete", "upsert"), strict=True)
        )
        # Deletions first, as an ordinary sync does.
        deleted = self._change(run, publication, deletions, ("delete", "discard"))
        written = self._change(run, publication, upserts, ("newest", "replace"))
        return written.applied, deleted.applied, deleted.refused + written.refused

    def _change(
        self, run: SyncRun, publication: Publication, part: _Part, scripts: tuple[str, str]
    ) -> _Answer:
        """Apply changes; those that Redis refused because of damage are applied by the second."""
        if not part.rows:
            return _Answer(0, 0)
        first = self._publish(run, publication, part, scripts[0])
        if not first.refused:
            return first
        damaged = self._publish(run, publication, part, scripts[1])
        return _Answer(first.applied + damaged.applied, first.refused - damaged.applied)

    def _publish(self, run: SyncRun, publication: Publication, part: _Part, script: str) -> _Answer:
        task = encoding(
            row_encoder(run, publication),
            keys_only=script in ("delete", "discard"),
            previous=script in ("newest", "delete"),
        )
        encoded = self.spark.mapped(self.spark.frame(part.query), task, ENCODED)
        answer = self._write(run, encoded, script, expiry_of(run, publication), part.rows)
        run.progress(ProgressEvent(publication.name, part.rows, part.total))
        return answer

    def _write(self, run: SyncRun, encoded: Any, script: str, expiry: bytes, rows: int) -> _Answer:
        run.lease.check()
        how = RowWriting(script, expiry, self.url, LentLock.of(run.lease))
        # Each slot is in one partition, so that a command has many of its rows.
        parts = encoded.repartition(self._tasks(rows), SLOT)
        answers = self.spark.mapped(parts, writing(how), ANSWER)
        found: list[Any] = self.spark.collect(answers, "write the rows online").to_pylist()
        errors = [error_of(row["error"]) for row in found if row["error"]]
        if any(isinstance(error, LockGone) for error in errors):
            raise run.lease.lost()
        if errors:
            raise errors[0]
        run.lease.check()
        return _Answer(sum(row["applied"] for row in found), sum(row["refused"] for row in found))

    def _tasks(self, rows: int) -> int:
        """Return how many tasks write rows: few for few rows, and none with too many to repeat."""
        usual = int(self.spark.session.conf.get("spark.sql.shuffle.partitions"))
        return min(rows // CLUSTER_ROWS + 1, max(usual, rows // ROWS_PER_TASK))

    def delete_orphans(self, run: SyncRun, publication: Publication, lapses: Lapses) -> int:
        """Delete the rows that are not among the published ones; see `RowWork`."""
        self._find_missing(run, publication, run.ledger.published(publication.name), ended="")
        gone = self._find_gone(run, publication, lapses, frozenset())
        return self._unlink(run, self.spark.frame(f"SELECT {WHOLE_KEY} FROM {gone}"))

    def unlink_rows(self, run: SyncRun, view: str) -> int:
        """Delete every row of a view; this process does it, because it needs no table."""
        return unlink_rows(run, view)

    def _unlink(self, run: SyncRun, keys: Any) -> int:
        from pyspark.sql import functions as f

        rows = keys.count()
        if not rows:
            return 0
        empty = f.lit(None).cast("binary")
        nothing = [empty.alias(name) for name in ("value", "previous", "error")]
        # Commands need rows of one slot in a cluster alone, and there the sender sorts them.
        slot = f.pmod(f.hash(WHOLE_KEY), f.lit(1024)).alias(SLOT)
        encoded = keys.select(slot, f.col(WHOLE_KEY).alias("key"), *nothing)
        return self._write(run, encoded, "unlink", b"", rows).applied

    def _find_missing(
        self, survey: Survey, publication: Publication, table: str, *, ended: str
    ) -> None:
        """Stage the keys of a view in Redis, and those that a table does not have.

        Args:
            survey: Both sides.
            publication: The view.
            table: The table, with the view's join keys.
            ended: The table of the entities that have ended; empty without any.
        """
        self._find_keys(survey, publication)
        same = _same(survey, publication)
        missing = f"SELECT found.* FROM {_FOUND} AS found LEFT ANTI JOIN {table} AS known ON {same}"
        query = f"SELECT *, false AS {HAS_ENDED} FROM ({missing}) AS found"
        if ended:
            query = (
                f"SELECT found.*, coalesce(done.{HAS_ENDED}, false) AS {HAS_ENDED}"
                f" FROM ({missing}) AS found LEFT JOIN (SELECT *, true AS {HAS_ENDED} FROM {ended})"
                f" AS done ON {_same(survey, publication, 'done')}"
            )
        self.spark.stage(_MISSING, query)

    def _find_keys(self, survey: Survey, publication: Publication) -> None:
        """Stage the keys of a view in Redis; each server's are listed by a task of its own."""
        import pyarrow as pa

        scan = KeyScan(survey.project, publication.name, publication.schema, self.url)
        columns = _spark_columns(key_table(scan, []).schema)
        before = slot_owners(survey.client) if is_cluster(survey.client) else None
        names = list(named_servers(survey.client))
        session = self.spark.session
        servers = session.createDataFrame([(name,) for name in names], "server STRING")
        frame = self.spark.mapped(servers.repartition(len(names)), scanning(scan), columns)
        self.spark.stage_frame(_FOUND, frame.dropDuplicates([WHOLE_KEY]))
        if before is None:
            return
        moved = list(key_groups(moved_keys(survey.client, scan.prefix, before)))
        if moved:
            late = pa.concat_tables([key_table(scan, group) for group in moved])
            self.spark.upload(f"{_FOUND}_late", late)
            self.spark.stage(_FOUND, f"SELECT * FROM {_FOUND} UNION SELECT * FROM {_FOUND}_late")

    def _find_gone(
        self,
        survey: Survey,
        publication: Publication,
        lapses: Lapses,
        readable: frozenset[bytes],
    ) -> str:
        """Stage what the missing rows in Redis are; return the table of those to delete.

        Rows that expired and whose entities the warehouse still has are left to the server.
        """
        how = KeyInspection(lapses.ages, readable, self.url)
        keys = self.spark.frame(f"SELECT {WHOLE_KEY}, {HAS_ENDED} FROM {_MISSING}")
        self.spark.stage_frame(_INSPECTED, self.spark.mapped(keys, inspecting(how), INSPECTED))
        gone = f"SELECT {WHOLE_KEY} FROM {_INSPECTED}"
        if self._number(f"SELECT count(*) AS n FROM {_INSPECTED} WHERE {LAPSED}"):
            known, same = lapses.known_rows(), _same(survey, publication)
            gone += (
                f" EXCEPT SELECT found.{WHOLE_KEY} FROM {_MISSING} AS found"
                f" JOIN {_INSPECTED} AS seen"
                f" ON seen.{WHOLE_KEY} = found.{WHOLE_KEY} AND seen.{LAPSED}"
                f" LEFT SEMI JOIN {known} AS known ON {same}"
            )
        return self.spark.stage(_GONE, gone)

    def _number(self, query: str) -> int:
        found = self.spark.stream(query).read_all().column("n")[0].as_py()
        return int(found)


def _same(survey: Survey, publication: Publication, known: str = "known") -> str:
    """Write the condition that a found key is of the entity of a row."""
    same = survey.ledger.queries(publication).same_uploaded(known, "found")
    return f"found.{READABLE} AND {same}"


def _spark_columns(schema: Any) -> str:
    from pyspark.sql.pandas.types import from_arrow_schema

    fields = from_arrow_schema(schema, prefer_timestamp_ntz=True)
    return ", ".join(f"`{field.name}` {field.dataType.simpleString()}" for field in fields)
