"""HTTP responses to ingested items, and to requests that failed."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic_core import to_json

from collector.api.request import Send
from collector.domain.body_parser import MAX_LISTED_ERRORS
from collector.domain.ingestion import ItemResult, overloaded
from collector.ingest.group_commit import QueueFull
from shared.problems import Problem
from shared.runtime.failure_classification import FailureClass, classify
from shared.runtime.log import logger

JSON = b"application/json"
PROBLEM = b"application/problem+json"

NO_HEADERS: Mapping[str, str] = MappingProxyType({})

STATUSES = ("accepted", "duplicate", "erased", "refused", "failed")


class HttpResponse(NamedTuple):
    """An HTTP response."""

    status: int
    body: bytes
    media: bytes = JSON
    headers: Mapping[str, str] = NO_HEADERS

    def with_headers(self, more: Mapping[str, str]) -> "HttpResponse":
        """Return the response with more headers; its own take precedence."""
        if not more:
            return self
        return HttpResponse(self.status, self.body, self.media, {**more, **self.headers} if self.headers else more)

    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers in the form of ASGI."""
        headers = [(b"content-type", self.media), (b"content-length", b"%d" % len(self.body))]
        return headers + [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]

    def header_lines(self) -> bytes:
        """Return the headers in the form of HTTP/1.1: a line for each, with its end."""
        lines = b"content-type: %b\r\ncontent-length: %d\r\n" % (self.media, len(self.body))
        if not self.headers:
            return lines
        return lines + "".join([f"{name.lower()}: {value}\r\n" for name, value in self.headers.items()]).encode()


def problem_response(problem: Problem) -> HttpResponse:
    """Return the response to a refused request."""
    return HttpResponse(problem.status, problem.encoded(), PROBLEM, problem.headers)


def ingest_response(result: ItemResult | list[ItemResult]) -> HttpResponse:
    """Return the response to one object or to an array."""
    return batch_response(result) if isinstance(result, list) else single_response(result)


def single_response(result: ItemResult, headers: Mapping[str, str] = NO_HEADERS) -> HttpResponse:
    """Return the response to one object, with more headers."""
    if isinstance(result.outcome, Problem):
        return problem_response(result.outcome).with_headers(headers)
    return HttpResponse(200, to_json({"id": result.id, "status": result.outcome}), JSON, headers)


def batch_response(results: Sequence[ItemResult]) -> HttpResponse:
    """Return the response to an array: 200; 207 where some items were refused or failed; a problem where all were.

    A `refused` item is at fault itself; a `failed` one may be sent again. The problem is 422 where all items were
    refused, else 503.
    """
    views = [{"index": index, **result_view(result)} for index, result in enumerate(results)]
    counts = {status: sum(view["status"] == status for view in views) for status in STATUSES}
    document = {**counts, "results": views}
    done = counts["accepted"] + counts["duplicate"] + counts["erased"]
    if done:
        return HttpResponse(200 if done == len(results) else 207, to_json(document))
    if counts["failed"]:
        problem = overloaded()
        return HttpResponse(503, to_json({**problem.body(), **document}), PROBLEM, problem.headers)
    errors = [error for index, result in enumerate(results) for error in _errors(index, result)]
    problem = Problem(422, "all-refused", "All items of the array were refused", None, errors[:MAX_LISTED_ERRORS])
    return HttpResponse(422, to_json({**problem.body(), **document}), PROBLEM)


def result_view(result: ItemResult) -> dict[str, Any]:
    """Return the result of one of several items as JSON."""
    if isinstance(result.outcome, Problem):
        status = "failed" if result.outcome.status >= 500 else "refused"
        return {"id": result.id, "status": status, "problem": result.outcome.body()}
    return {"id": result.id, "status": result.outcome}


def _errors(index: int, result: ItemResult) -> list[dict[str, str]]:
    assert isinstance(result.outcome, Problem)
    return [{**error, "field": f"[{index}].{error['field']}"} for error in result.outcome.errors]


def response_of_error(error: Exception) -> HttpResponse:
    """Return the response to a request that failed."""
    return problem_response(problem_of_error(error))


def problem_of_error(error: Exception) -> Problem:
    """Return the Problem of a request that failed; an unexpected error is logged."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, QueueFull) or classify(error) is FailureClass.RETRYABLE:
        return overloaded()
    logger(__name__).error("ingestion failed", error=type(error).__name__)  # its message may contain a user's text
    return Problem(500, "internal", "Something went wrong here; it was logged")


async def send_response(send: Send, response: HttpResponse) -> None:
    """Send a response over ASGI."""
    await send({"type": "http.response.start", "status": response.status, "headers": response.raw_headers()})
    await send({"type": "http.response.body", "body": response.body})
