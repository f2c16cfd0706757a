"""The entry of `POST /v1/traces` in the OpenAPI document: the route is answered in front of the framework."""

from typing import Any

from collector.api.otlp import PATH
from collector.api.otlp_codec import JSON, PROTOBUF

_BODY: dict[str, Any] = {
    PROTOBUF: {"schema": {"type": "string", "format": "binary"}},
    JSON: {"schema": {"type": "object"}},
}
_ATTRIBUTES = [
    {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
    {"key": "gen_ai.request.model", "value": {"stringValue": "model-a"}},
]
_SPAN = {
    "traceId": "5b8efff798038103d269b633813fc60c",
    "spanId": "eee19b7ec3c1b174",
    "name": "chat model-a",
    "startTimeUnixNano": "1795000000000000000",
    "endTimeUnixNano": "1795000000840000000",
    "attributes": _ATTRIBUTES,
}
_REQUEST: dict[str, Any] = {"resourceSpans": [{"scopeSpans": [{"spans": [_SPAN]}]}]}
_REFUSALS = {
    "400": "The body is not an export request",
    "401": "The API key is missing or not valid",
    "403": "The API key has not the scope ingest",
    "408": "The body did not arrive in time",
    "413": "The body is too large, also after inflating, or has too many spans",
    "415": "The media type or the coding is not supported",
    "429": "The key sent too many requests: send it again after Retry-After seconds",
    "503": "The collector can't accept it now: send it again after Retry-After seconds",
}
_OPERATION: dict[str, Any] = {
    "tags": ["executions"],
    "summary": "Export Traces",
    "description": "Record the LLM calls among the spans of an OTLP ExportTraceServiceRequest as executions.",
    "operationId": "export_traces_v1_traces_post",
    "requestBody": {"required": True, "content": {**_BODY, JSON: {**_BODY[JSON], "example": _REQUEST}}},
    "security": [{"key": []}],
    "x-refusals": False,
    "responses": {
        "200": {"description": "An ExportTraceServiceResponse; partial_success names rejected spans", "content": _BODY},
        **{
            status: {"description": f"{text} (google.rpc.Status)", "content": _BODY}
            for status, text in _REFUSALS.items()
        },
    },
}


def traces_paths() -> dict[str, dict[str, Any]]:
    """Return the operation by path and method. Refusals are as OTLP says, not problem documents."""
    return {PATH: {"post": _OPERATION}}
