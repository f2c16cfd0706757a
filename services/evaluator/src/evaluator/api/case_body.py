"""Reads the cases of a request: newline-delimited JSON, or `{"cases": […]}`."""

import json
from typing import Any

from fastapi import Request

from evaluator.domain.case_addition import SentCase
from ratchet_evaluation.domain.case_fields import CaseError
from shared.problems import Problem, invalid
from shared.strict_json import strict_json
from shared.web.problem_docs import problems

MAX_BODY = 3_000_000
"""Bytes."""
MAX_LINES = 1_000
NDJSON = ("application/x-ndjson", "application/ndjson")


async def read_cases(request: Request) -> list[SentCase]:
    """Return the cases of the body with their line numbers; a line that is not JSON becomes a problem of that line.

    Raises Problem 413, 415, 400 or 422.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (*NDJSON, "application/json"):
        detail = f"the body has the media type {media_type[:60] or 'none'}"
        raise Problem(415, "unsupported-media-type", "Send application/x-ndjson or application/json", detail)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "unsupported-media-type", "Send the body uncompressed", "remove Content-Encoding")
    content = await _read(request)
    found = _listed(content) if media_type == "application/json" else _lines(content)
    if not found:
        raise invalid("cases", "must have a case")
    if len(found) > MAX_LINES:
        raise invalid("cases", f"must have at most {MAX_LINES:,} cases: send the others in further requests")
    return found


def cases_operation() -> dict[str, Any]:
    """Return the `openapi_extra` of the route."""
    case = {
        "id": "returns-1",
        "input": "How long may I return a pair of shoes?",
        "evaluators": [{"name": "contains", "values": ["30 days"]}],
        "tags": ["returns"],
    }
    fields = {"type": "object", "description": "A case, as docs/evaluation.md describes it"}
    listed = {"type": "array", "items": fields, "minItems": 1, "maxItems": MAX_LINES}
    body = {"type": "object", "required": ["cases"], "properties": {"cases": listed}, "additionalProperties": False}
    responses = problems({413: ["too-large"], 415: ["unsupported-media-type"]})
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": body, "example": {"cases": [case]}},
                NDJSON[0]: {
                    "schema": {"type": "string", "description": "A case a line"},
                    "example": f"{json.dumps(case)}\n",
                },
            },
        },
        "responses": {str(status): response for status, response in responses.items()},
        "security": [{"key": []}, {"session": []}],
    }


async def _read(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY:
            raise Problem(413, "too-large", "The body is too large", f"at most {MAX_BODY} bytes")
    return bytes(content)


def _listed(content: bytes) -> list[SentCase]:
    value = strict_json(content)
    if not isinstance(value, dict) or not isinstance(value.get("cases"), list):
        raise invalid("cases", "must be a list of cases")
    for name in value:
        if name != "cases":
            raise invalid(name, "is not a known field")
    return [SentCase(number, case) for number, case in enumerate(value["cases"], 1)]


def _lines(content: bytes) -> list[SentCase]:
    lines = enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1)
    return [SentCase(number, _value(line)) for number, line in lines if line.strip()]


def _value(line: bytes) -> object:
    try:
        return strict_json(line)
    except Problem as problem:
        (error,) = problem.errors
        return CaseError("" if error["field"] == "body" else error["field"], error["reason"])
