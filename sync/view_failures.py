"""Keeps the failure of one view from stopping the others.

A table that is not built, a type without an online format, or a value that no row can hold concerns
one view. A lost lock or a server that does not answer concerns all of them, and ends the run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from featurestore.errors import (
    FeatureStoreError,
    RegistryError,
    SyncError,
    UnsupportedOnlineType,
    WarehouseError,
    WarehouseUnavailable,
)
from sync.report import ViewReport, failed_report

__all__ = ["ViewFailure", "ViewFailures", "failure_of"]

_OF_ONE_VIEW = (RegistryError, UnsupportedOnlineType, WarehouseError)

_Noted: TypeAlias = Callable[["ViewFailure"], None]


@dataclass(frozen=True, slots=True)
class ViewFailure:
    """A view that cannot be published.

    Attributes:
        name: The view's name.
        error: Why it cannot be published.
    """

    name: str
    error: FeatureStoreError


@contextmanager
def failure_of(view: str, note: _Noted) -> Iterator[None]:
    """Pass the failure of a view in a block to a function; errors that concern all views go on.

    Args:
        view: The view's name.
        note: Called with the failure.
    """
    try:
        yield
    except WarehouseUnavailable:
        raise
    except _OF_ONE_VIEW as error:
        # Without the traceback, whose frames keep an unread query open.
        note(ViewFailure(view, error.with_traceback(None)))


class ViewFailures:
    """The failures of one run."""

    def __init__(self) -> None:
        self._errors: dict[str, FeatureStoreError] = {}

    def report(self, failure: ViewFailure) -> ViewReport:
        """Note a failure; return the report of its view."""
        self._errors[failure.name] = failure.error
        return failed_report(failure.name, str(failure.error))

    def refuse_total_before(self, chosen: Collection[object]) -> None:
        """Make sure that a view is left to publish; see `refuse_total`."""
        failures = [item for item in chosen if isinstance(item, ViewFailure)]
        if len(failures) == len(chosen):
            self.refuse_total([self.report(failure) for failure in failures])

    def guard(self, view: str, act: Callable[[], ViewReport]) -> ViewReport:
        """Return the report of an action on a view, also if the action fails."""
        found: list[ViewFailure] = []
        with failure_of(view, found.append):
            return act()
        return self.report(found[0])

    def refuse_total(self, reports: Collection[ViewReport]) -> None:
        """Make sure that a run did not fail for every view.

        Raises:
            FeatureStoreError: It did: the error of the only view, or one that lists all of them.
        """
        if not self._errors or not all(report.failed for report in reports):
            return
        if len(self._errors) == 1:
            raise next(iter(self._errors.values()))
        listing = "\n".join(f"  {view}: {error}" for view, error in self._errors.items())
        raise SyncError(f"None of {len(self._errors)} feature views can be published:\n{listing}")
