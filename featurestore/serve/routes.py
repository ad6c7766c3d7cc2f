"""The paths that are asked rarely: definitions, health, documentation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from featurestore.errors import FeatureStoreError
from featurestore.serve.callers import CALLER
from featurestore.serve.health import ReadinessProbe
from featurestore.serve.metrics import METRICS_TYPE, ServerMetrics
from featurestore.serve.openapi import openapi
from featurestore.serve.problems import (
    PROBLEM_TYPE,
    HttpProblem,
    problem_of,
    unexpected_problem,
)
from featurestore.serve.registry_pages import (
    described_registry,
    described_service,
    described_view,
)
from featurestore.serve.reload import ProjectHolder

__all__ = ["other_paths"]

_FILES = Path(__file__).with_name("try_it")
_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_FOR_OPERATORS = HttpProblem(
    403,
    "Forbidden",
    "The token may not read the metrics.",
    remedy="Use a token with `operator: true`.",
)

Handler = Callable[[Request], Awaitable[Response]]


def other_paths(holder: ProjectHolder, probe: ReadinessProbe, metrics: ServerMetrics) -> Starlette:
    """Return the application of every path but the hot ones."""
    pages: dict[str, Callable[[Any, Any, Any], Any]] = {
        "/v1/registry": lambda visible, _, __: described_registry(visible),
        "/v1/views/{view}": lambda visible, _, path: described_view(visible.view(path["view"])),
        # A service may be visible, and the views of its members not.
        "/v1/services/{service}": lambda visible, registry, path: described_service(
            registry, visible.service(path["service"])
        ),
        "/openapi.json": lambda visible, registry, _: openapi(visible, registry),
    }
    routes = [Route(path, _page(holder, make)) for path, make in pages.items()]
    routes += [
        Route("/healthz", _healthy),
        Route("/readyz", _ready(probe)),
        Route("/metrics", _numbers(metrics)),
        Route("/", _file("index.html", "text/html; charset=utf-8")),
        Route("/try.js", _file("try.js", "text/javascript; charset=utf-8")),
        Route("/try.css", _file("try.css", "text/css; charset=utf-8")),
    ]
    handlers: Any = {HTTPException: _refused, Exception: _failed}
    return Starlette(routes=routes, exception_handlers=handlers)


def _page(holder: ProjectHolder, make: Callable[[Any, Any, Any], Any]) -> Handler:
    async def page(request: Request) -> Response:
        try:
            served = holder.current()
            visible = served.permissions(request.scope[CALLER].grant).registry
            return _json(make(visible, served.registry, request.path_params))
        except FeatureStoreError as error:
            # A page fails only for an unknown name, which is in the path.
            return _problem(problem_of(error, status=404))

    return page


async def _healthy(_: Request) -> Response:
    return _json({"status": "ok"})


def _ready(probe: ReadinessProbe) -> Handler:
    async def ready(request: Request) -> Response:
        is_ready, state = await probe.report()
        caller = request.scope.get(CALLER)
        if caller is None or not caller.grant.operator:
            # The state names views, which only the operator may know.
            state = {"status": state["status"]}
        return _json(state, status=200 if is_ready else 503)

    return ready


def _numbers(metrics: ServerMetrics) -> Handler:
    async def numbers(request: Request) -> Response:
        if not request.scope[CALLER].grant.operator:
            # They name every view and service.
            return _problem(_FOR_OPERATORS)
        return Response(metrics.text(), media_type=METRICS_TYPE)

    return numbers


def _file(name: str, media_type: str) -> Handler:
    content = (_FILES / name).read_bytes()
    headers = {"content-security-policy": _CONTENT_POLICY, "x-content-type-options": "nosniff"}

    async def file(_: Request) -> Response:
        return Response(content, media_type=media_type, headers=headers)

    return file


def _json(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def _problem(problem: HttpProblem) -> Response:
    headers = {name.decode(): value.decode() for name, value in problem.headers()}
    return Response(problem.body(), problem.status, headers, media_type=PROBLEM_TYPE)


async def _refused(request: Request, error: HTTPException) -> Response:
    allow = (error.headers or {}).get("Allow", "")
    if allow:
        detail = f"This path is read by {allow}, not by {request.method}."
        return _problem(HttpProblem(405, "Method not allowed", detail, allow=allow))
    detail = f"There is nothing at {request.url.path}."
    return _problem(HttpProblem(404, "Not found", detail, remedy="See /openapi.json."))


async def _failed(_: Request, __: Exception) -> Response:
    return _problem(unexpected_problem())
