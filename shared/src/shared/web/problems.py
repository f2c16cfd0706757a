"""Errors over HTTP: RFC 9457 problem details, and the strict reading of JSON that leads to good ones."""

import json
import math
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

MAX_DEPTH = 32
_INT64 = 2**63


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


def strict_json(body: bytes) -> Any:
    """Reads JSON as RFC 8259 and I-JSON (RFC 7493) mean it, and nothing that PostgreSQL or Kafka can't carry.

    Refuses NaN and infinities (also by overflow), duplicate names, NUL, lone surrogates, integers beyond 64
    bits and nesting past 32 levels. Raises `Problem` 400 or 422 that names the field.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise invalid("body", f"not UTF-8 at byte {error.start}", 400) from None
    reader = _Reader()
    try:
        value = json.loads(
            text,
            object_pairs_hook=reader.object,
            parse_constant=reader.constant,
            parse_int=reader.integer,
            parse_float=reader.float,
        )
        # Raw NUL and surrogates never get past the parser, and few brackets can't nest deep: most bodies need no walk.
        if reader.suspicious or "\\u" in text or text.count("[") + text.count("{") > MAX_DEPTH:
            _check(value, "", 0)
    except RecursionError:
        raise invalid("body", f"nested deeper than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as error:
        raise invalid("body", f"not JSON: {error.msg} at character {error.pos}", 400) from None
    return value


class _Reader:
    """Hooks of the parser. They keep what is wrong (as a marker that `_check` finds), so that its path can be told."""

    def __init__(self) -> None:
        self.suspicious = False

    def object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            self.suspicious = True
            names = [name for name, _ in pairs]
            twice = next(name for index, name in enumerate(names) if name in names[:index])
            found[twice] = _Wrong("stands twice in one object")
        return found

    def constant(self, name: str) -> Any:
        self.suspicious = True
        return _Wrong(f"{name} is not a JSON number")

    def integer(self, digits: str) -> Any:
        if len(digits) <= 18 or (len(digits) <= 20 and -_INT64 <= int(digits) < _INT64):
            return int(digits)
        self.suspicious = True
        return _Wrong("the integer is beyond 64 bits")

    def float(self, digits: str) -> Any:
        value = float(digits)
        if math.isfinite(value):
            return value
        self.suspicious = True
        return _Wrong("the number is too large")


class _Wrong:
    """Stands where a value can't be accepted."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def _check(value: Any, path: str, depth: int) -> None:
    """Walks a parsed value and raises for what it should not hold."""
    if isinstance(value, _Wrong):
        raise invalid(path or "body", value.reason)
    if depth > MAX_DEPTH:
        raise invalid(path or "body", f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, dict):
        for name, item in value.items():
            inner = f"{path}.{name}" if path else name
            _check_text(name, inner)
            _check(item, inner, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]", depth + 1)


def _check_text(text: str, path: str) -> None:
    if "\0" in text:
        raise invalid(path or "body", "holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise invalid(path or "body", "holds a lone surrogate") from None


def problem_response(problem: Problem) -> Response:
    """The HTTP answer."""
    return Response(problem.encoded(), problem.status, problem.headers, "application/problem+json")


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
            {"field": printable(".".join(str(part) for part in fault["loc"][1:]) or "body"), "reason": fault["msg"]}
            for fault in error.errors()[:20]
        ]
        detail = "; ".join(f"{fault['field']}: {fault['reason']}" for fault in errors)
        return problem_response(Problem(422, "invalid", "The request is not valid", detail, errors))

    async def on_bug(_: Request, __: Exception) -> Response:
        return problem_response(Problem(500, "internal", "Something went wrong here; it was logged"))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(Exception, on_bug)
