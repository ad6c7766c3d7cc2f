"""Finds rows in Redis that expired, and so are left to the server, which drops them a day later."""

from __future__ import annotations

from collections.abc import Sequence

from sync.orphans import absent_keys
from sync.redis.row_ages import RowAges
from sync.safety.diagnosis import PublicationState
from sync.survey import Survey
from sync.warehouse.publication import Publication

__all__ = ["Lapses"]


class Lapses:
    """The rows of one view that left the published rows for their time alone.

    Args:
        survey: Both sides.
        publication: The view.
        state: The state of its last publication.

    Attributes:
        ages: What decides whether a row has expired.
    """

    def __init__(self, survey: Survey, publication: Publication, state: PublicationState) -> None:
        self.ages = RowAges.of(publication, is_same=state is not PublicationState.CHANGED)
        self._survey = survey
        self._publication = publication
        self._known = ""

    def left_out(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return the keys but those of expired rows whose entities the warehouse still has."""
        lapsed = self.ages.lapsed(self._survey.client, keys)
        if not lapsed:
            return list(keys)
        absent = absent_keys(self._survey, self._publication, self.known_rows(), lapsed)
        kept = {*lapsed} - {*absent}
        return [key for key in keys if key not in kept]

    def known_rows(self) -> str:
        """Return the table of the newest rows, however long ago they expired."""
        # Lazily: the query reads the whole history.
        self._known = self._known or self._survey.known_rows(self._publication)
        return self._known
