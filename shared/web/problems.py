"""Renders every error of an HTTP request as one problem document."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

from shared.problems import PROBLEM_CONTENT_TYPE, Category, Problem, ProblemError, invalid_request, problem_of
from shared.telemetry.logs import logger
from shared.telemetry.trace import current_trace_id

log = logger(__name__)

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_NO_SUCH_CALL = (404, 405)
_BY_STATUS = {
    401: Category.UNAUTHORIZED,
    403: Category.UNAUTHORIZED,
    404: Category.NOT_FOUND,
    405: Category.DATA_VALIDATION,
    409: Category.CONFLICT,
    413: Category.DATA_VALIDATION,
    429: Category.RATE_LIMITED,
}


def problem_response(problem: Problem, request: Request, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as ``application/problem+json``, with its path."""
    shown = problem.model_copy(update={"instance": request.url.path})
    return Response(
        shown.model_dump_json(exclude_none=True),
        status_code=problem.status,
        media_type=PROBLEM_CONTENT_TYPE,
        headers=dict(headers or {}),
    )


def add_problem_handlers(application: FastAPI) -> None:
    """Nothing that goes wrong leaves the application in another shape, and never with a traceback."""
    application.add_exception_handler(ProblemError, _on_problem)
    application.add_exception_handler(RequestValidationError, _on_invalid_request)
    application.add_exception_handler(HTTPException, _on_http_exception)
    application.add_exception_handler(Exception, _on_unexpected)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return problem_response(problem_of(error, current_trace_id()), request, error.headers)


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return await _on_problem(request, invalid_request(error.errors()))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed_methods(request))
    category = _BY_STATUS.get(error.status_code)
    if category is None:
        category = Category.INTERNAL if error.status_code >= 500 else Category.DATA_VALIDATION
    problem = ProblemError(
        category,
        title=str(error.detail),
        detail=f"{request.method} {request.url.path}: {error.detail}",
        status=error.status_code,
        recovery=["See /docs for the calls that exist."] if error.status_code in _NO_SUCH_CALL else None,
        headers=headers,
    )
    return await _on_problem(request, problem)


def _allowed_methods(request: Request) -> list[str]:
    """Every method of this path (RFC 9110 section 15.5.6); the framework names those of one of its routes alone."""
    asked = {"type": "http", "path": request.scope["path"], "root_path": request.scope.get("root_path", "")}
    routes = request.app.router.routes
    return [
        method
        for method in _METHODS
        if any(route.matches({**asked, "method": method, "headers": []})[0] is Match.FULL for route in routes)
    ]


async def _on_unexpected(request: Request, error: Exception) -> Response:
    log.error("request broke", path=request.url.path, exc_info=error)
    return problem_response(problem_of(error, current_trace_id()), request)
