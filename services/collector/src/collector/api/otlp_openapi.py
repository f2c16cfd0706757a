"""The entry of `POST /v1/traces` in the OpenAPI document: the route is answered in front of the framework."""

from typing import Any

from fastapi import FastAPI

from collector.api.otlp import PATH
from collector.api.otlp_codec import JSON, PROTOBUF

_BODY = {PROTOBUF: {"schema": {"type": "string", "format": "binary"}}, JSON: {"schema": {"type": "object"}}}
_REFUSALS = {
    "400": "The body is no export request",
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
    "requestBody": {"required": True, "content": _BODY},
    "responses": {
        "200": {"description": "An ExportTraceServiceResponse; partial_success names rejected spans", "content": _BODY},
        **{
            status: {"description": f"{text} (google.rpc.Status)", "content": _BODY}
            for status, text in _REFUSALS.items()
        },
    },
}


def describe_traces(app: FastAPI) -> None:
    """Add the entry to the OpenAPI document of `app`."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        document["paths"].setdefault(PATH, {})["post"] = _OPERATION
        return document

    app.openapi = openapi  # type: ignore[method-assign]
