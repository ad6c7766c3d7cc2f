"""The list of what is proven on which engine is what ran; it runs last."""

from __future__ import annotations

import os

import pytest

from tests.engines import proofs

pytestmark = pytest.mark.engines


def test_the_list_of_proofs_is_what_ran(request):
    """Nothing is claimed that no test executed; `UPDATE_PROVEN=1` writes the list."""
    if not proofs.is_whole(request.session):
        pytest.skip("only a part of the engines' tests ran")
    found = proofs.proven(request.session)
    if os.environ.get("UPDATE_PROVEN"):
        proofs.write(found)

    assert found == proofs.written()
