"""Error handlers of every HTTP app: each error becomes a problem document (RFC 9457)."""

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from shared.errors import Retryable
from shared.problems import Problem, printable, reason_of
from shared.runtime.failure_classification import DRIVER_ERRORS, FailureClass, classify, sqlstate_of
from shared.runtime.log import logger


def problem_response(problem: Problem) -> Response:
    """Return a problem as an HTTP response."""
    return Response(problem.encoded(), problem.status, problem.headers, "application/problem+json")


async def on_client_disconnect(_: Request, __: Exception) -> Response:
    """Return an unused response: the client closed the connection before its request was complete."""
    return Response(status_code=400)


def install_problems(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document; an unexpected one with a 500 without details."""

    async def on_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return problem_response(error)

    async def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers = dict(error.headers or {})
        return problem_response(Problem(error.status_code, "http", str(error.detail), headers=headers))

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = [
            {"field": printable(".".join(str(part) for part in fault["loc"][1:]) or "body"), "reason": reason_of(fault)}
            for fault in error.errors()[:20]
        ]
        detail = "; ".join(f"{fault['field']}: {fault['reason']}" for fault in errors)
        return problem_response(Problem(422, "invalid", "The request is not valid", detail, errors))

    async def on_database(request: Request, error: Exception) -> Response:
        problem = _database_problem(request, error)
        if problem is None:
            raise error
        return problem_response(problem)

    async def on_bug(_: Request, __: Exception) -> Response:
        return problem_response(Problem(500, "internal", "Internal error; it was logged"))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(ClientDisconnect, on_client_disconnect)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    for kind in (*DRIVER_ERRORS, ConnectionError, TimeoutError, PoolTimeout, Retryable):
        app.add_exception_handler(kind, on_database)
    app.add_exception_handler(Exception, on_bug)


def _database_problem(request: Request, error: Exception) -> Problem | None:
    """Return the problem of a failed statement; None if it is an internal error.

    SQLSTATE class 22 is a value that PostgreSQL cannot store: a NUL in a path, or a number or time out of range.
    """
    if classify(error) is FailureClass.RETRYABLE:
        logger(__name__).warning(
            "database unavailable; answered 503", error=type(error).__name__, sqlstate=sqlstate_of(error)
        )
        return Problem(
            503,
            "busy",
            "The database is not available now",
            "repeat the request after the seconds in Retry-After",
            headers={"Retry-After": "1"},
        )
    if not sqlstate_of(error).startswith("22"):
        return None
    given = {**request.path_params, **request.query_params}
    wrong = [name for name, value in given.items() if "\0" in str(value)] or list(request.query_params) or ["body"]
    errors = [{"field": printable(name), "reason": "is out of range"} for name in wrong[:20]]
    detail = "; ".join(f"{fault['field']}: {fault['reason']}" for fault in errors)
    return Problem(422, "invalid", "The request is not valid", detail, errors)
