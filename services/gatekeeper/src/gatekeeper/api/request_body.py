"""Read requests: the presented API key, and JSON bodies that a pydantic model validates."""

import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ratchet.prompt import PromptError, prompt_name
from shared.problems import Problem, invalid
from shared.strict_json import strict_json
from shared.web.authentication import authorization

MAX_BODY = 512 * 1024
"""Bytes."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class RequestBody(BaseModel):
    """A request body. Types are strict: no text is read as a number, no number as a text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


B = TypeVar("B", bound=RequestBody)


def presented_key(request: Request) -> str:
    """Return the API key as the caller sent it: the functions of the boundary verify it again."""
    return (authorization(request) or "").partition(" ")[2].strip()


def json_body(model: type[B], *, optional: bool = False) -> Callable[[Request], Coroutine[Any, Any, B]]:
    """Return a dependency that reads the body as `model`; with `optional` an empty body has no fields.

    The dependency raises Problem 413, 415, 400 or 422, and RequestValidationError (422) that names the fields.
    """

    async def read(request: Request) -> B:
        values = {} if optional and _is_empty(request) else await _read_object(request)
        try:
            return model.model_validate(values)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_input=False)
            raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from None

    return read


def body_schema(model: type[RequestBody], *, required: bool = True) -> dict[str, Any]:
    """Return the `openapi_extra` of a route whose body is `model`."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": required, "content": content}}


def _is_empty(request: Request) -> bool:
    return request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers


async def _read_object(request: Request) -> dict[str, Any]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        detail = f"the body has the media type {media_type[:60] or 'none'}"
        raise Problem(415, "unsupported-media-type", "Send application/json", detail)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "unsupported-media-type", "Send the body uncompressed", "remove Content-Encoding")
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY:
            raise Problem(413, "too-large", "The body is too large", f"at most {MAX_BODY} bytes")
    value = strict_json(bytes(content))
    if not isinstance(value, dict):
        raise invalid("body", "must be an object")
    return value


def _check_name(value: object) -> str:
    try:
        return prompt_name(value)
    except PromptError as error:
        raise ValueError(error.reason) from None


def _check_label(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("must not hold a control character")
    return value


def _check_digest(value: str) -> str:
    if not _DIGEST.fullmatch(value):
        raise ValueError("must be sha256: and 64 hexadecimal digits")
    return value


PromptName = Annotated[str, BeforeValidator(_check_name)]
"""The name of a prompt, in NFC."""
Label = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_check_label)]
"""A text without control characters."""
Digest = Annotated[str, AfterValidator(_check_digest)]
ShortText = Annotated[str, Field(min_length=1, max_length=200)]
Reason = Annotated[str, Field(min_length=1, max_length=2000)]
OptionalReason = Annotated[str, Field(max_length=2000)]
