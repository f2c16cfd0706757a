"""Problem responses in OpenAPI documents: which reason codes an operation may answer with, by status."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

PROBLEM_MEDIA = "application/problem+json"
CODES = "x-problem-codes"
"""Key under which `problems` leaves the codes, until `shared.web.openapi` builds the responses."""

Codes = Mapping[int, Iterable[str]]

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "Why a request was refused or failed (RFC 9457)",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "description": "`urn:ratchet:problem:` and the code"},
        "title": {"type": "string"},
        "status": {"type": "integer", "description": "The HTTP status"},
        "code": {"type": "string", "description": "The reason, for programs: one of a closed set"},
        "detail": {"type": "string", "description": "What is wrong with this request, for people"},
        "errors": {
            "type": "array",
            "description": "The fields at fault, at most 20",
            "items": {
                "type": "object",
                "required": ["field", "reason"],
                "properties": {"field": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
    },
}
_REFERENCE = {"$ref": "#/components/schemas/Problem"}


def problems(codes: Codes) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that answers with these problems, in addition to those of every route."""
    return {status: {"description": _phrase(status), CODES: list(found)} for status, found in codes.items()}


def problem_response(status: int, codes: Iterable[str]) -> dict[str, Any]:
    """Return the response object of the problems with these codes."""
    found = sorted(set(codes))
    narrowed = {"type": "object", "properties": {"code": {"enum": found}, "status": {"const": status}}}
    example = {"type": f"urn:ratchet:problem:{found[0]}", "title": _phrase(status), "status": status, "code": found[0]}
    content = {PROBLEM_MEDIA: {"schema": {"allOf": [_REFERENCE, narrowed]}, "example": example}}
    return {"description": f"{_phrase(status)}: {', '.join(found)}", "content": content}


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
