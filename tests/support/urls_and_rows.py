"""What the tests of the online store's URLs write into them, and ask for behind them."""

from __future__ import annotations

SECRET = "s3cr3t-of-the-test"
"""A password that no message may show."""

ASKED = (["plane_status:delay"], [{"tailnum": "N7"}])
"""A feature and an entity row of `PLANES` in `tests.sync_project`."""
