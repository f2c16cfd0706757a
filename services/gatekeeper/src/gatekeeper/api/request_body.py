"""Parts of the gatekeeper's request bodies, and the presented API key."""

from typing import Annotated, Any

from fastapi import Request
from pydantic import BeforeValidator, Field

from gatekeeper.api.boundary_problems import refusals
from ratchet.prompt import PromptError, prompt_name
from shared.web.authentication import authorization
from shared.web.json_body import Digest, Label, RequestBody, body_operation, json_body

__all__ = [
    "Digest",
    "Label",
    "OptionalReason",
    "PromptName",
    "Reason",
    "RequestBody",
    "ShortText",
    "describe_body",
    "json_body",
    "presented_key",
]


def presented_key(request: Request) -> str:
    """Return the API key as the caller sent it: the functions of the boundary verify it again."""
    return (authorization(request) or "").partition(" ")[2].strip()


def describe_body(
    model: type[RequestBody], example: dict[str, Any], *codes: str, required: bool = True, secured: bool = True
) -> dict[str, Any]:
    """Return the `openapi_extra` of a route whose body is `model`; `codes` are refusals of the boundary.

    `secured`: whether the route needs a key or a session.
    """
    operation = body_operation(model, example, required=required, secured=secured)
    refused = refusals(*codes)
    return {**refused, **operation, "responses": {**refused["responses"], **operation["responses"]}}


def _check_name(value: object) -> str:
    try:
        return prompt_name(value)
    except PromptError as error:
        raise ValueError(error.reason) from None


PromptName = Annotated[str, BeforeValidator(_check_name)]
"""The name of a prompt, in NFC."""
ShortText = Annotated[str, Field(min_length=1, max_length=200)]
Reason = Annotated[str, Field(min_length=1, max_length=2000)]
OptionalReason = Annotated[str, Field(max_length=2000)]
