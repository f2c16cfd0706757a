"""The ingest routes in the OpenAPI document: they are answered in front of the framework, which can't describe them.

Bodies are described by the schemas that validate them, so the document follows them.
"""

import json
from typing import Any, Literal

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from collector.domain.schemas import ExecutionBody, FeedbackBody
from collector.domain.validation import MAX_ITEMS
from shared.web.problem_docs import Codes, problems

_REFERENCE = "#/components/schemas/{model}"
_NDJSON = "application/x-ndjson"
_EXECUTION = {
    "id": "e-17",
    "target": "support-bot",
    "prompts": [{"name": "answer", "version": "7"}],
    "model": "model-a",
    "input": "My parcel is late",
    "output": "It is due today",
    "usage": {"input_tokens": 812, "output_tokens": 64},
    "cost": 0.0021,
    "latency_ms": 840.0,
    "outcome": "ok",
}
_FEEDBACK = {"execution_id": "e-17", "kind": "thumb", "value": "down", "comment": "It came two days later"}
_NEW_FIELDS = {"output": "It is due today", "latency_ms": 840.0, "outcome": "ok", "target": "support-bot"}


class IngestedItem(BaseModel):
    """An item that was processed. `duplicate`: an earlier request had it already; it counts once.

    `erased`: nothing is stored, because its user was erased.
    """

    id: str
    status: Literal["accepted", "duplicate", "erased"]


class ItemProblem(BaseModel):
    """Why an item was not stored: the members of a problem document."""

    type: str
    title: str
    status: int
    code: str
    detail: str | None = None
    errors: list[dict[str, str]] = []


class BatchItem(BaseModel):
    """An item of an array. `refused`: it is at fault itself; `failed`: it may be sent again.

    `erased`: nothing is stored, because its user was erased.
    """

    index: int
    id: str | None = Field(description="Null for a refused item without a valid id")
    status: Literal["accepted", "duplicate", "erased", "refused", "failed"]
    problem: ItemProblem | None = None


class BatchResult(BaseModel):
    """The result of an array: the number of items by status, and each item in its order."""

    accepted: int
    duplicate: int
    erased: int
    refused: int
    failed: int
    results: list[BatchItem]


_CODES: Codes = {
    400: ["invalid"],
    401: ["unauthenticated"],
    403: ["scope-missing", "foreign-scope"],
    408: ["too-slow"],
    409: ["id-conflict"],
    413: ["too-large", "invalid"],
    415: ["invalid"],
    422: ["invalid", "unknown-parameter", "idempotency-conflict"],
    429: ["quota-exceeded"],
    500: ["internal"],
    503: ["busy"],
}
_RESULTS = """\
{"line": 1, "id": "e-17", "status": "accepted"}
{"lines": 1, "accepted": 1, "duplicate": 0, "erased": 0, "refused": 0, "failed": 0}
"""
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A repeat with the same key and body is a duplicate, for `RATCHET_RECEIPT_DAYS`",
    "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
    "example": "2026-11-21-17",
}
_EXECUTION_ID = {
    "name": "execution_id",
    "in": "path",
    "required": True,
    "description": "The id of the execution; the rest of the path, so it may contain slashes",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[^\\x00-\\x1f\\x7f]+$"},
    "example": "e-17",
}
_BULK = (
    "A body of any length may be newline-delimited JSON (`application/x-ndjson`), an object a line, which is stored "
    "while it arrives. The response has a line for each that is not blank, and a last one with the numbers by status. "
    "If a request ends early, the lines before are stored: repeat it with the same ids or the same `Idempotency-Key`. "
    "Needs a key with the scope `ingest`."
)
_ACCESS = "Needs a key with the scope "


def ingest_paths() -> dict[str, dict[str, Any]]:
    """Return the operations by path and method, with the schemas that they refer to."""
    schemas = _schemas()
    executions = _post(
        "executions",
        "Record Executions",
        "Record an LLM call, or up to 1,000 in an array. They are stored when the response is sent.\n\n"
        f"{_ACCESS}`ingest`.",
        "ExecutionBody",
        _EXECUTION,
        {422: ["all-refused"]},
    )
    feedback = _post(
        "feedback",
        "Record Feedback",
        "Record a feedback about an execution or a trace, or up to 1,000 in an array. It may come before its "
        f"execution.\n\n{_ACCESS}`ingest` or `browser-ingest`.",
        "FeedbackBody",
        _FEEDBACK,
        {403: ["cross-origin"], 422: ["all-refused"]},
    )
    return {
        "/v1/executions": {"post": {**executions, "x-schemas": schemas}},
        "/v1/executions/{execution_id}": {"put": _complete()},
        "/v1/feedback": {"post": feedback},
    }


def _post(
    tag: str, summary: str, description: str, model: str, example: dict[str, Any], more: Codes | None = None
) -> dict[str, Any]:
    reference = {"$ref": _REFERENCE.format(model=model)}
    array = {"type": "array", "items": reference, "minItems": 1, "maxItems": MAX_ITEMS}
    examples = {"object": {"value": example}, "array": {"value": [example]}}
    return {
        "tags": [tag],
        "summary": summary,
        "description": f"{description}\n\n{_BULK}",
        "operationId": f"record_{tag}_v1_{tag}_post",
        "security": [{"key": []}],
        "parameters": [_IDEMPOTENCY_KEY],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"anyOf": [reference, array]}, "examples": examples},
                _NDJSON: {"schema": {"type": "string"}, "example": f"{json.dumps(example)}\n"},
            },
        },
        "responses": {
            "200": _with_lines(_response("All items are stored", "IngestedItem", "BatchResult")),
            "207": _with_lines(_response("Some items of the array, or some lines, are stored", "BatchResult")),
            **_problems(more or {}),
        },
    }


def _complete() -> dict[str, Any]:
    reference = {"$ref": _REFERENCE.format(model="ExecutionBody")}
    return {
        "tags": ["executions"],
        "summary": "Complete an Execution",
        "description": "Record an execution under the id in the path, or add fields to it that it did not have yet; "
        f"what is recorded already can be repeated, not changed.\n\n{_ACCESS}`ingest`.",
        "operationId": "complete_execution_v1_executions__execution_id__put",
        "security": [{"key": []}],
        "parameters": [_EXECUTION_ID],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": reference, "example": _NEW_FIELDS}},
        },
        "responses": {"200": _response("The execution is stored", "IngestedItem"), **_problems({})},
    }


def _response(description: str, *models: str) -> dict[str, Any]:
    schemas = [{"$ref": _REFERENCE.format(model=model)} for model in models]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _with_lines(response: dict[str, Any]) -> dict[str, Any]:
    """Return the response, which has a line for each line of a body of NDJSON."""
    response["content"][_NDJSON] = {"schema": {"type": "string"}, "example": _RESULTS}
    return response


def _problems(more: Codes) -> dict[str, Any]:
    codes = {status: [*found, *more.get(status, ())] for status, found in _CODES.items()}
    return {str(status): response for status, response in problems(codes).items()}


def _schemas() -> dict[str, Any]:
    """Return the schemas of the bodies and responses by their names."""
    _, bodies = models_json_schema(
        [(ExecutionBody, "validation"), (FeedbackBody, "validation")], ref_template=_REFERENCE
    )
    _, answers = models_json_schema(
        [(IngestedItem, "validation"), (BatchResult, "validation")], ref_template=_REFERENCE
    )
    return {**bodies["$defs"], **answers["$defs"]}
