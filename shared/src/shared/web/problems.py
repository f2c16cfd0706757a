"""Errors over HTTP: RFC 9457 problem details."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from shared.messaging.errors import DRIVER_ERRORS, FailureClass, Retryable, classify, sqlstate_of
from shared.runtime.log import logger


class Problem(Exception):
    """An answer that says no. `code` is from a closed set, for programs; `errors` names fields, for people."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str | None = None,
        errors: Sequence[dict[str, str]] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = list(errors)
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """The members of the problem document."""
        document: dict[str, Any] = {
            "type": f"urn:ratchet:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
        }
        if self.detail:
            document["detail"] = self.detail
        if self.errors:
            document["errors"] = self.errors
        return document

    def encoded(self) -> bytes:
        """The document as JSON bytes: ASCII only, so that no echo of a name can break it."""
        return json.dumps(self.body()).encode()


def invalid(field: str, reason: str, status: int = 422) -> Problem:
    """A field of the body is wrong."""
    shown = printable(field)
    return Problem(
        status, "invalid", "The request is not valid", f"{shown}: {reason}", [{"field": shown, "reason": reason}]
    )


def printable(name: str, limit: int = 120) -> str:
    """A field's name as it may be shown: no control characters, no surrogates, not longer than `limit`."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name[:limit])
    return shown if len(name) <= limit else shown + "…"


def problem_response(problem: Problem) -> Response:
    """The HTTP answer."""
    return Response(problem.encoded(), problem.status, problem.headers, "application/problem+json")


async def on_hang_up(_: Request, __: Exception) -> Response:
    """The answer to nobody: the client hung up before its request was complete, which is no error of ours."""
    return Response(status_code=400)


def reason_of(fault: Mapping[str, Any]) -> str:
    """What is wrong with a field, from one of pydantic's errors, which may come with or without its context (pure)."""
    context = fault.get("ctx", {})
    match fault["type"]:
        case "too_short" | "string_too_short" if "min_length" in context:
            return f"must have a length of at least {context['min_length']}"
        case "too_long" | "string_too_long" if "max_length" in context:
            return f"must have a length of at most {context['max_length']}"
        case "string_pattern_mismatch" if r"[^\x00" in context.get("pattern", ""):
            return "must not hold a control character"
        case "extra_forbidden":
            return "is not a known field"
        case "missing":
            return "is missing"
    return str(fault["msg"]).removeprefix("Value error, ")


def install_problems(app: FastAPI) -> None:
    """Makes every error of `app` a problem document; what nobody foresaw is a 500 without details."""

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
        problem = _of_database(request, error)
        if problem is None:
            raise error
        return problem_response(problem)

    async def on_bug(_: Request, __: Exception) -> Response:
        return problem_response(Problem(500, "internal", "Something went wrong here; it was logged"))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(ClientDisconnect, on_hang_up)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    for kind in (*DRIVER_ERRORS, ConnectionError, TimeoutError, PoolTimeout, Retryable):
        app.add_exception_handler(kind, on_database)
    app.add_exception_handler(Exception, on_bug)


def _of_database(request: Request, error: Exception) -> Problem | None:
    """What a failed statement means for who asked; None for what is our fault.

    SQLSTATE class 22 is a value that PostgreSQL can't hold: a NUL in a path, a number or a time beyond its own.
    """
    if classify(error) is FailureClass.RETRYABLE:
        logger(__name__).warning("answered 503", error=type(error).__name__, sqlstate=sqlstate_of(error))
        return Problem(503, "busy", "The database can't be asked now", "try again", headers={"Retry-After": "1"})
    if not sqlstate_of(error).startswith("22"):
        return None
    given = {**request.path_params, **request.query_params}
    odd = [name for name, value in given.items() if "\0" in str(value)] or list(request.query_params) or ["body"]
    errors = [{"field": printable(name), "reason": "is beyond what can be asked for"} for name in odd[:20]]
    detail = "; ".join(f"{fault['field']}: {fault['reason']}" for fault in errors)
    return Problem(422, "invalid", "The request is not valid", detail, errors)
