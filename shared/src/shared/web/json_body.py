"""JSON request bodies: read within a limit, parsed strictly, and validated by a pydantic model."""

import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from shared.problems import Problem, invalid
from shared.strict_json import strict_json
from shared.web.problem_docs import problems

MAX_BODY = 512 * 1024
"""Bytes of a body, unless a route has another limit."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class RequestBody(BaseModel):
    """A request body. Types are strict: no text is read as a number, no number as a text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


B = TypeVar("B", bound=RequestBody)


def json_body(
    model: type[B], *, optional: bool = False, limit: int = MAX_BODY
) -> Callable[[Request], Coroutine[Any, Any, B]]:
    """Return a dependency that reads the body as `model`; with `optional` an empty body has no fields.

    The dependency raises Problem 413 past `limit` bytes, 415, 400 or 422, and RequestValidationError (422) that names
    the fields.
    """

    async def read(request: Request) -> B:
        values = {} if optional and _is_empty(request) else await _read_object(request, limit)
        try:
            return model.model_validate(values)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_input=False)
            raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from None

    return read


def body_operation(
    model: type[RequestBody], example: dict[str, Any], *, required: bool = True, secured: bool = True
) -> dict[str, Any]:
    """Return the `openapi_extra` of a route whose body is `model`. `secured`: it needs a key or a session."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = schema.pop("$defs", {})
    content = {"application/json": {"schema": schema, "example": example}}
    operation: dict[str, Any] = {
        "x-schemas": schemas,
        "requestBody": {"required": required, "content": content},
        "responses": {
            str(status): response
            for status, response in problems({413: ["too-large"], 415: ["unsupported-media-type"]}).items()
        },
    }
    return operation | ({"security": [{"key": []}, {"session": []}]} if secured else {})


def _is_empty(request: Request) -> bool:
    return request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers


async def _read_object(request: Request, limit: int) -> dict[str, Any]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        detail = f"the body has the media type {media_type[:60] or 'none'}"
        raise Problem(415, "unsupported-media-type", "Send application/json", detail)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "unsupported-media-type", "Send the body uncompressed", "remove Content-Encoding")
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > limit:
            raise Problem(413, "too-large", "The body is too large", f"at most {limit} bytes")
    value = strict_json(bytes(content))
    if not isinstance(value, dict):
        raise invalid("body", "must be an object")
    return value


def _check_label(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("must not hold a control character")
    return value


def _check_digest(value: str) -> str:
    if not _DIGEST.fullmatch(value):
        raise ValueError("must be sha256: and 64 hexadecimal digits")
    return value


Label = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_check_label)]
"""A text without control characters."""
Digest = Annotated[str, AfterValidator(_check_digest)]
