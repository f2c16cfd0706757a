"""Responses of OTLP/HTTP, in the encoding of the request. Pure."""

from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from pydantic_core import to_json

from collector.api.otlp_codec import JSON, Encoding
from collector.api.responses import HttpResponse
from collector.domain.otlp.partial_success import PartialSuccess
from shared.problems import Problem

_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 408: 4, 413: 3, 415: 3, 429: 8, 500: 13, 503: 14}
"""HTTP status → code of `google.rpc.Code`."""
_UNKNOWN = 2
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_TOO_LARGE_MESSAGE = 4_000


def export_response(result: PartialSuccess, encoding: Encoding) -> HttpResponse:
    """Return the response 200, whose `partial_success` is left out if all spans were accepted."""
    message = result.message.strip()[:_TOO_LARGE_MESSAGE]
    if encoding == JSON:
        partial = {"rejectedSpans": str(result.rejected_spans), "errorMessage": message}
        return _response(200, to_json({"partialSuccess": partial} if message else {}), encoding)
    response = ExportTraceServiceResponse()
    if message:
        response.partial_success.rejected_spans = result.rejected_spans
        response.partial_success.error_message = message
    return _response(200, response.SerializeToString(), encoding)


def status_response(problem: Problem, encoding: Encoding) -> HttpResponse:
    """Return a refusal as `google.rpc.Status`. What is wrong with a request's content is a 400, as OTLP requires."""
    status = 400 if problem.status in (409, 422) else problem.status
    code = _CODES.get(status, _UNKNOWN)
    message = f"{problem.title}: {problem.detail}" if problem.detail else problem.title
    body = _json_status if encoding == JSON else _protobuf_status
    content = body(code, message, problem.errors if status == 400 else [])
    return _response(status, content, encoding).with_headers(problem.headers)


def _json_status(code: int, message: str, errors: list[dict[str, str]]) -> bytes:
    violations = [{"field": error["field"], "description": error["reason"]} for error in errors]
    details = [{"@type": _BAD_REQUEST, "fieldViolations": violations}] if violations else []
    return to_json({"code": code, "message": message, **({"details": details} if details else {})})


def _protobuf_status(code: int, message: str, errors: list[dict[str, str]]) -> bytes:
    status = Status(code=code, message=message)
    if errors:
        request = BadRequest()
        for error in errors:
            request.field_violations.add(field=error["field"], description=error["reason"])
        status.details.add().Pack(request)
    encoded: bytes = status.SerializeToString()
    return encoded


def _response(status: int, body: bytes, encoding: Encoding) -> HttpResponse:
    return HttpResponse(status, body, encoding.encode())
