"""The claim to a ledger in an engine that has no locks of a session: a row that a job takes over.

The row names the run that may write. A later run takes it over at once, without waiting: the lock
in Redis already lets one job in at a time, and a killed job cannot hand anything back. Each
transaction of a run first updates its row and then checks that the row is still its own. The update
makes the engine let two transactions of one project pass after each other, or abort one of them. So
a job that was suspended while another took over finds out inside its next transaction, which is
rolled back, and the two never mix their records.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass, field

from sqlglot import exp

from featurestore.errors import SyncLocked
from featurestore.warehouse.abilities import Claim

__all__ = ["COLUMNS", "TakenClaim"]

COLUMNS = "project VARCHAR, run VARCHAR, holder VARCHAR, seen_at TIMESTAMPTZ"
"""The columns of the table of claims, one row for each project."""


@dataclass(frozen=True, slots=True)
class TakenClaim:
    """A claim of this run.

    Attributes:
        claim: The ledger.
        dialect: The dialect of its statements.
        run: A random id of the run.
    """

    claim: Claim
    dialect: str
    run: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def taking(self) -> str:
        """The statement that takes the claim, also from another run."""
        project, run = self._text(self.claim.project), self._text(self.run)
        holder = self._text(f"process {os.getpid()} on {socket.gethostname()}")
        return (
            f"MERGE INTO {self.claim.table} AS claims USING (SELECT {project} AS project) AS own"
            " ON claims.project = own.project\n"
            f"WHEN MATCHED THEN UPDATE SET run = {run}, holder = {holder},"
            " seen_at = CURRENT_TIMESTAMP()\n"
            "WHEN NOT MATCHED THEN INSERT (project, run, holder, seen_at)"
            f" VALUES ({project}, {run}, {holder}, CURRENT_TIMESTAMP())"
        )

    @property
    def keeping(self) -> str:
        """The statement that meets the same one of another run; it must begin a transaction."""
        return (
            f"UPDATE {self.claim.table} SET seen_at = CURRENT_TIMESTAMP() WHERE"
            f" project = {self._text(self.claim.project)} AND run = {self._text(self.run)}"
        )

    @property
    def is_own(self) -> str:
        """The subquery that is TRUE while the claim is this run's; of two rows, neither counts."""
        run = self._text(self.run)
        return (
            f"(SELECT coalesce(min(run) = {run} AND max(run) = {run}, FALSE)"
            f" FROM {self.claim.table} WHERE project = {self._text(self.claim.project)})"
        )

    @property
    def holders(self) -> str:
        """The query for who has the claim now."""
        return (
            f"SELECT max(holder) AS holder FROM {self.claim.table}"
            f" WHERE project = {self._text(self.claim.project)} AND run <> {self._text(self.run)}"
        )

    def lost(self, holder: object) -> SyncLocked:
        """Return the error about a claim that another run has taken over."""
        return SyncLocked(
            f"Another sync has taken over the {self.claim.ledger}:"
            f" {holder or 'an unknown process'}. This one was suspended, or lost its connection to"
            " Redis, for longer than the lock lasts.",
            remedy="Nothing is to be repaired: let one job at a time publish a project.",
        )

    def _text(self, value: str) -> str:
        return exp.Literal.string(value).sql(self.dialect)
