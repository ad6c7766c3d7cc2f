"""The fixtures that several files share, and one setting for all: no colour, whatever the CI says."""

from __future__ import annotations

from hypothesis import settings

from tests.example_fixture import example_project

__all__ = ["example_project"]

# Time limits measure the machine; the number of cases is what matters.
settings.register_profile("default", deadline=None, print_blob=True)
settings.load_profile("default")
