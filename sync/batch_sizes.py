"""How many rows, keys or commands one step of the work takes."""

from __future__ import annotations

__all__ = [
    "BATCH_ROWS",
    "CLUSTER_BYTES",
    "CLUSTER_ROWS",
    "COMMANDS_AHEAD",
    "COMMANDS_PER_NODE",
    "FENCES_PER_PIPELINE",
    "KEYS_PER_LOOKUP",
    "ROWS_PER_COMMAND",
    "ROWS_PER_READ",
    "ROWS_PER_TASK",
    "SCAN_COUNT",
]

BATCH_ROWS = 8_192
"""Rows encoded at once: enough to hide numpy's cost per call, few enough for the CPU's cache."""

ROWS_PER_COMMAND = 256
"""Rows in one script or one MSET.

Lua's `unpack` takes a few thousand values at most, and a row takes up to three: its key, its value
and the previous timestamps. A command also blocks the server, so it should stay short.
"""

COMMANDS_AHEAD = 64
"""Commands sent to a single server before the first answer is read, so that encoding, sending and
the server's work overlap. More would only fill the socket's buffers, and risk that both sides wait
for each other to read."""

CLUSTER_ROWS = 65_536
"""Rows collected for a cluster before they are sent. A command holds rows of one slot only, so with
16,384 slots this gives about four rows per command, and a command for one row costs as much as one
for many."""

CLUSTER_BYTES = 32 * 2**20
"""Bytes of collected rows that are sent at once even if there are fewer than `CLUSTER_ROWS`; this
bounds the memory for wide rows."""

COMMANDS_PER_NODE = 512
"""Commands sent to one node of a cluster before its answers are read; all nodes work meanwhile."""

KEYS_PER_LOOKUP = 10_000
"""Keys found in Redis that are compared with the warehouse in one query."""

SCAN_COUNT = 2_000
"""Keys that SCAN visits in one call: few enough not to block the server for long."""

FENCES_PER_PIPELINE = 2_000
"""Fences set in one round trip per node; a fence is a key of some bytes."""

ROWS_PER_READ = 500
"""Rows that `verify` reads back in one request, as an application would."""

ROWS_PER_TASK = 1_000_000
"""Rows that one task of Spark writes at most, as long as that makes no fewer tasks than Spark's
own shuffles have: a lost executor costs no more than its tasks."""
