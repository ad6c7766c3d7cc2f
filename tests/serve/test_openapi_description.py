"""The server does what its OpenAPI description says, for generated requests too."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from schemathesis.checks import load_all_checks

from tests.support.examples import examples
from tests.support.running_server import running_server

load_all_checks()

CHECKS = [
    schemathesis.checks.CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "allow_header_conformance",
    )
]
"""Not `positive_data_acceptance`: which keys a request needs depends on its features."""
# The same requests in every run: a generated one must not fail once in fifty runs.
GENERATED = examples(
    60,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.fixture
def reachable(shop):
    """Serve the project on a port."""
    with running_server(shop, tcp=True) as running:
        yield running


@pytest.mark.parametrize("mode", [*schemathesis.GenerationMode])
def test_generated_requests_are_answered_as_described(reachable, mode):
    """Good requests and bad ones get a status, a type and a form that the description has."""
    described = reachable.http.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(described)
    operations = [found.ok() for found in schema.get_all_operations()]

    assert 8 == len(operations)
    for operation in operations:

        @GENERATED
        @given(case=operation.as_strategy(generation_mode=mode))
        def answers_as_described(case):
            answer = case.call(base_url=reachable.url)
            case.validate_response(answer, checks=CHECKS)

        if mode is schemathesis.GenerationMode.POSITIVE or operation.body:
            answers_as_described()
