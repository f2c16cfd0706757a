"""Errors over HTTP: RFC 9457 problem details, and the strict reading of JSON that leads to good ones."""

import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic_core import from_json
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from shared.messaging.errors import FailureClass, classify

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
    try:
        return _checked(_SLOW.decode(text), "", 0) if (found := _plain(body, text)) is _ODD else found
    except RecursionError:
        raise invalid("body", f"nested deeper than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as error:
        raise invalid("body", f"not JSON: {error.msg} at character {error.pos}", 400) from None


_ODD = object()


def _plain(body: bytes, text: str) -> Any:
    """What nearly all bodies hold, read quickly; `_ODD` where it takes a closer look.

    Only an escape can hold a NUL or a surrogate. A name that stands twice shows in the colons: each name has one, so
    there are more in the text than the value, which holds the last of both, needs.
    """
    if b"\\" in body and b"\\u" in body:
        return _ODD
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError:
        return _ODD
    return value if _colons(value, 0) == text.count(":") else _ODD


_NEVER = -(10**12)  # no count of colons, whatever is added to it


def _colons(value: Any, depth: int) -> int:
    """The colons in the JSON text of `value`; less than none where it is past what strict JSON holds."""
    kind, total = type(value), 0 if depth < MAX_DEPTH else _NEVER
    if kind is dict:
        total += len(value) + "".join(value).count(":")
        value = value.values()
    elif kind is not list:
        return _colons_of(value)
    for item in value:
        kind = type(item)
        if kind is str:
            total += item.count(":")
        elif kind is dict or kind is list:
            total += _colons(item, depth + 1)
        elif kind is not bool:
            total += _colons_of(item)
    return total


def _colons_of(value: str | float | None) -> int:
    if isinstance(value, str):
        return value.count(":")
    if isinstance(value, float):
        return 0 if math.isfinite(value) else _NEVER
    return 0 if value is None or -_INT64 <= value < _INT64 else _NEVER


class _Odd(Exception):
    """Something that is no I-JSON; what it is, and where, the second and slower reading says."""


class _Pairs(list[tuple[str, Any]]):
    """An object as it was written."""


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _Odd("the number is too large")
    return value


def _int(digits: str) -> int:
    if len(digits) > 20 or not -_INT64 <= (value := int(digits)) < _INT64:
        raise _Odd("the integer is beyond 64 bits")
    return value


def _constant(name: str) -> float:
    raise _Odd(f"{name} is not a JSON number")


def _kept(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """`read`, which hands out its error instead of raising it."""

    def reader(text: str) -> Any:
        try:
            return read(text)
        except _Odd as odd:
            return odd

    return reader


_SLOW = json.JSONDecoder(
    object_pairs_hook=_Pairs, parse_float=_kept(_float), parse_int=_kept(_int), parse_constant=_kept(_constant)
)
_SURROGATE = re.compile("[\ud800-\udfff]")


def _checked(value: Any, path: str, depth: int) -> Any:
    """The value, read by `_SLOW`, as `_FAST` would have read it. Raises Problem with the path to what is odd."""
    if depth > MAX_DEPTH:
        raise invalid(path or "body", f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, _Odd):
        raise invalid(path or "body", str(value))
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, _Pairs):
        return _members(value, path, depth)
    elif isinstance(value, list):
        return [_checked(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
    return value


def _members(pairs: _Pairs, path: str, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, item in pairs:
        inner = f"{path}.{name}" if path else name
        _check_text(name, inner)
        if name in found:
            raise invalid(inner, "stands twice in one object")
        found[name] = _checked(item, inner, depth + 1)
    return found


def _check_text(text: str, path: str) -> None:
    if "\0" in text:
        raise invalid(path or "body", "holds a NUL character")
    if _SURROGATE.search(text):
        raise invalid(path or "body", "holds a lone surrogate")


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

    async def on_database(request: Request, error: Exception) -> Response:
        problem = _of_database(request, error)
        if problem is None:
            raise error
        return problem_response(problem)

    async def on_bug(_: Request, __: Exception) -> Response:
        return problem_response(Problem(500, "internal", "Something went wrong here; it was logged"))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(DBAPIError, on_database)
    app.add_exception_handler(ConnectionError, on_database)
    app.add_exception_handler(Exception, on_bug)


def _of_database(request: Request, error: Exception) -> Problem | None:
    """What a failed statement means for who asked; None for what is our fault.

    SQLSTATE class 22 is a value that PostgreSQL can't hold: a NUL in a path, a number or a time beyond its own.
    """
    if classify(error) is FailureClass.RETRYABLE:
        return Problem(503, "busy", "The database can't be asked now", "try again", headers={"Retry-After": "1"})
    if not str(getattr(getattr(error, "orig", None), "sqlstate", None)).startswith("22"):
        return None
    given = {**request.path_params, **request.query_params}
    odd = [name for name, value in given.items() if "\0" in str(value)] or list(request.query_params) or ["body"]
    errors = [{"field": printable(name), "reason": "is beyond what can be asked for"} for name in odd[:20]]
    detail = "; ".join(f"{fault['field']}: {fault['reason']}" for fault in errors)
    return Problem(422, "invalid", "The request is not valid", detail, errors)
