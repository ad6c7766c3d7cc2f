"""Values shared by the tests of the online store's URLs: a password, and a read."""

from __future__ import annotations

SECRET = "s3cr3t-of-the-test"
"""A password that must not appear in any message."""

ASKED = (["plane_status:delay"], [{"tailnum": "N7"}])
"""A feature and an entity row of `PLANES` in `tests.sync_project`."""
