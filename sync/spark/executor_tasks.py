"""What Spark's executors run: functions over the Arrow batches of one partition.

A task may be repeated, on another executor and at the same time, so each of its writes is one that
may be repeated. An error of ours comes back as a row: an exception would make Spark repeat the task
and bury the message in a trace.

The online store's URL and the lock's token travel inside the functions, which no plan shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from featurestore.errors import FeatureStoreError
from featurestore.online.keys import row_prefix
from featurestore.online.redis.commands import RedisCommands
from featurestore.online.redis.connection import connect_redis
from featurestore.online.redis.internals import named_servers
from featurestore.online.redis.slots import slot_of
from featurestore.online.schema import Schema
from featurestore.values.version import VERSION
from featurestore.warehouse.arrow import canonical_type, recast
from sync.encoding.byte_columns import ByteColumn, rows_of
from sync.encoding.row_encoder import RowEncoder
from sync.orphans import WHOLE_KEY, key_columns_of, key_groups
from sync.redis.damaged_rows import discard_damaged, replace_damaged
from sync.redis.key_scan import keys_of_server
from sync.redis.publisher import Publisher, publishing
from sync.redis.row_ages import RowAges
from sync.safety.lent_lock import LentLock
from sync.spark.passed_errors import error_of, passed
from sync.warehouse.sync_source import batches

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "ANSWER",
    "ENCODED",
    "HAS_ENDED",
    "INSPECTED",
    "LAPSED",
    "READABLE",
    "SLOT",
    "UNTIMELY",
    "KeyInspection",
    "KeyScan",
    "RowWriting",
    "encoding",
    "inspecting",
    "key_table",
    "probing",
    "scanning",
    "writing",
]

SLOT = "_featurestore_slot"
HAS_ENDED = "_featurestore_has_ended"
READABLE = "_featurestore_readable"
LAPSED = "_featurestore_lapsed_row"
UNTIMELY = "_featurestore_untimely"
ENCODED = f"{SLOT} INT, key BINARY, value BINARY, previous BINARY, error BINARY"
"""The columns of encoded rows."""
ANSWER = "applied BIGINT, refused BIGINT, error BINARY"
"""The columns of a writing task's only row."""
INSPECTED = f"{WHOLE_KEY} BINARY, {LAPSED} BOOLEAN, {UNTIMELY} BOOLEAN"
"""The columns of inspected keys."""

_Batches = Iterable["pa.RecordBatch"]
_Task = Callable[[_Batches], Iterator["pa.RecordBatch"]]


def probing(url: str | None) -> _Task:
    """Return the task that checks an executor: it has this package, and reaches the store."""

    def probe(rows: _Batches) -> Iterator[pa.RecordBatch]:
        for _ in rows:
            pass
        error = b""
        try:
            with connect_redis(url):
                pass
        except FeatureStoreError as failure:
            error = passed(failure)
        yield _batch(version=[VERSION], error=[error])

    return probe


def encoding(encoder: RowEncoder, *, keys_only: bool, previous: bool) -> _Task:
    """Return the task that encodes rows of the warehouse.

    Args:
        encoder: The view's encoder.
        keys_only: Whether the rows are deleted.
        previous: Whether the rows have the timestamps of those published before.
    """

    def encode(rows: _Batches) -> Iterator[pa.RecordBatch]:
        try:
            for batch in batches(_canonical(rows)):
                keys, values = (encoder.keys(batch), None) if keys_only else encoder.rows(batch)
                yield _encoded(keys, values, encoder.previous(batch) if previous else None)
        except FeatureStoreError as error:
            yield _batch(
                **{SLOT: [0]}, key=[None], value=[None], previous=[None],
                error=[passed(error)],
            )  # fmt: skip

    return encode


@dataclass(frozen=True)
class RowWriting:
    """How a task writes encoded rows.

    Attributes:
        script: The script; see `sync.redis.scripts`.
        expiry: The expiry shift of the rows.
        url: The online store.
        lock: The lock that guards every write.
    """

    script: str
    expiry: bytes
    url: str | None = field(repr=False)
    lock: LentLock = field(repr=False)


def writing(how: RowWriting) -> _Task:
    """Return the task that writes encoded rows; its answer is one row."""

    def write(rows: _Batches) -> Iterator[pa.RecordBatch]:
        found = iter(rows)
        first = next((batch for batch in found if batch.num_rows), None)
        if first is None:
            return
        applied, refused, error = 0, 0, None
        try:
            with connect_redis(how.url) as client, publishing(client, how.lock) as publisher:
                for batch in chain([first], found):
                    _refuse_error(batch)
                    how.lock.check(client)
                    _write(how, client, publisher, batch)
                publisher.finish()
                applied, refused = publisher.applied, publisher.refused
        except FeatureStoreError as failure:
            error = passed(failure)
        for _ in found:
            pass
        yield _batch(applied=[applied], refused=[refused], error=[error])

    return write


def _write(
    how: RowWriting, client: RedisCommands, publisher: Publisher, batch: pa.RecordBatch
) -> None:
    keys, values, previous = (_large(batch.column(name)) for name in ("key", "value", "previous"))
    match how.script:
        case "overwrite":
            publisher.overwrite(keys, values, how.expiry)
        case "newest":
            publisher.write_newest(keys, values, previous, how.expiry)
        case "delete":
            publisher.delete(keys, previous)
        case "replace":
            replace_damaged(client, publisher, keys, values, how.expiry)
        case "discard":
            discard_damaged(client, publisher, keys)
        case _:
            publisher.unlink(rows_of(keys))


def _refuse_error(batch: pa.RecordBatch) -> None:
    errors = batch.column("error")
    if errors.null_count < len(errors):
        raise error_of(bytes(errors.drop_null()[0].as_py()))


@dataclass(frozen=True)
class KeyScan:
    """The rows of one view in Redis.

    Attributes:
        project: The project, as its keys name it.
        view: The feature view.
        schema: Its schema.
        url: The online store.
    """

    project: str
    view: str
    schema: Schema
    url: str | None = field(repr=False)

    @property
    def prefix(self) -> str:
        """What all keys begin with."""
        return row_prefix(self.project, self.view)


def scanning(scan: KeyScan) -> _Task:
    """Return the task that lists the keys of the servers that its rows name."""

    def list_keys(rows: _Batches) -> Iterator[pa.RecordBatch]:
        names = [str(name) for batch in rows for name in batch.column("server").to_pylist()]
        if not names:
            return
        with connect_redis(scan.url) as client:
            servers = named_servers(client)
            for name in names:
                # A server that has left since fails the task: its keys may be missed otherwise.
                found = keys_of_server(servers[name], scan.prefix)
                for group in key_groups(found):
                    yield from key_table(scan, group).to_batches()

    return list_keys


def key_table(scan: KeyScan, keys: list[bytes]) -> pa.Table:
    """Return keys as a table: the whole key, whether it can be parsed, and the join keys."""
    import pyarrow as pa

    found, unreadable = key_columns_of(scan.schema, scan.prefix, keys)
    readable = found.append_column(READABLE, pa.array([True] * found.num_rows, pa.bool_()))
    rest = pa.table(
        {
            field.name: pa.nulls(len(unreadable), field.type)
            for field in readable.schema
            if field.name not in (WHOLE_KEY, READABLE)
        }
        | {
            WHOLE_KEY: pa.array(unreadable, pa.binary()),
            READABLE: pa.array([False] * len(unreadable), pa.bool_()),
        }
    ).select(readable.column_names)
    return pa.concat_tables([readable, rest])


@dataclass(frozen=True)
class KeyInspection:
    """How a task judges rows in Redis that the warehouse does not have.

    Attributes:
        ages: What decides whether a row has expired.
        readable: The fingerprints of the layouts whose rows readers find.
        url: The online store.
    """

    ages: RowAges
    readable: frozenset[bytes]
    url: str | None = field(repr=False)


def inspecting(how: KeyInspection) -> _Task:
    """Return the task that looks at rows in Redis: have they lapsed, and do they count?

    Its rows are keys, and whether each one's entity has ended in the warehouse.
    """

    def inspect(rows: _Batches) -> Iterator[pa.RecordBatch]:
        with connect_redis(how.url) as client:
            for batch in batches(rows):
                keys: list[Any] = batch.column(WHOLE_KEY).to_pylist()
                lapsed = set(how.ages.lapsed(client, keys))
                ended = batch.column(HAS_ENDED).to_pylist()
                asked = [key for key, over in zip(keys, ended, strict=True) if not over]
                untimely = set(how.ages.untimely(client, asked, how.readable))
                yield _batch(
                    **{
                        WHOLE_KEY: keys,
                        LAPSED: [key in lapsed for key in keys],
                        UNTIMELY: [key in untimely for key in keys],
                    }
                )

    return inspect


def _canonical(rows: _Batches) -> Iterator[pa.RecordBatch]:
    """Yield batches with the types in which rows leave a warehouse."""
    import pyarrow as pa

    for batch in rows:
        kinds = [field.with_type(canonical_type(field.type)) for field in batch.schema]
        reader = pa.RecordBatchReader.from_batches(batch.schema, [batch])
        yield from recast(reader, pa.schema(kinds), nullcontext)


def _encoded(
    keys: ByteColumn, values: ByteColumn | None, previous: ByteColumn | None
) -> pa.RecordBatch:
    import pyarrow as pa

    count = len(keys)
    slots = [slot_of(key) for key in rows_of(keys)]
    nothing = pa.nulls(count, pa.binary())
    columns: list[Any] = [
        pa.array(slots, pa.int32()),
        keys.cast(pa.binary()),
        nothing if values is None else values.cast(pa.binary()),
        nothing if previous is None else previous.cast(pa.binary()),
        nothing,
    ]
    return pa.RecordBatch.from_arrays(columns, [SLOT, "key", "value", "previous", "error"])


def _large(column: Any) -> ByteColumn:
    import pyarrow as pa

    found: ByteColumn = column.cast(pa.large_binary())
    return found


def _batch(**columns: Any) -> pa.RecordBatch:
    """Return a batch of columns of numbers, bytes, texts or truth values, without pandas."""
    import pyarrow as pa

    kinds = {SLOT: pa.int32(), "version": pa.string(), LAPSED: pa.bool_(), UNTIMELY: pa.bool_()}
    kinds |= dict.fromkeys(("applied", "refused"), pa.int64())
    arrays = [pa.array(values, kinds.get(name, pa.binary())) for name, values in columns.items()]
    return pa.RecordBatch.from_arrays(arrays, list(columns))
