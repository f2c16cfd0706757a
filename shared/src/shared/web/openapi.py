"""The OpenAPI document of a service: what FastAPI generates, and what all operations have in common.

It describes keys and sessions, the problems that any operation may answer with, and the header fields of responses.
A route adds its own problems by `responses=problems(…)`; see `shared.web.problem_docs`.
"""

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from shared.web.authentication import ACTING_COOKIE, Required
from shared.web.problem_docs import CODES, PROBLEM_MEDIA, PROBLEM_SCHEMA, problem_response
from shared.web.rate_limiter import is_exempt

Document = dict[str, Any]
Operation = dict[str, Any]
Paths = Mapping[str, Mapping[str, Operation]]
"""Path → method → operation. `x-schemas` of an operation has the schemas that it refers to; `x-refusals` is false if
its refusals are no problem documents."""

_SECURITY_SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer rk_…`"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": ACTING_COOKIE,
        "description": "The session of a person who signed in to the console in this browser",
    },
}
_HEADERS: dict[str, Any] = {
    "RateLimit": {
        "description": 'The rest of each quota (draft-ietf-httpapi-ratelimit-headers): `"key";r=49;t=10`, with the '
        "requests that may follow at once and the seconds until the quota is full",
        "schema": {"type": "string"},
        "example": '"key";r=49;t=10',
    },
    "RateLimit-Policy": {
        "description": "The quotas: requests (`q`) in a number of seconds (`w`)",
        "schema": {"type": "string"},
        "example": '"key";q=50;w=10',
    },
    "Retry-After": {
        "description": "Seconds after which the request may be sent again",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "example": "1",
    },
    "X-Correlation-Id": {"description": "The id of the request in logs and events", "schema": {"type": "string"}},
}
_ANY = {400: ["invalid"], 408: ["too-slow"], 500: ["internal"], 503: ["busy", "too-many-connections"]}
"""Problems of every operation."""
_RETRIED = (429, 503)


def install_openapi(app: FastAPI, more: Paths) -> None:
    """Let `app.openapi` return the complete document, which is made at its first use.

    `more`: operations that are answered in front of the framework.
    """
    cached: list[Document] = []

    def openapi() -> Document:
        if not cached:
            cached.append(_complete(app, more))
        return cached[0]

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(app: FastAPI, more: Paths) -> Document:
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for path, operations in more.items():
        for method, operation in operations.items():
            document["paths"].setdefault(path, {})[method] = dict(operation)
    shared = components.setdefault("responses", {})
    for path, method, operation, required in _operations(document, app):
        schemas |= operation.pop("x-schemas", {})
        _complete_operation(path, method, operation, required)
        operation["responses"] = _share_problems(operation["responses"], shared)
    for generated in ("HTTPValidationError", "ValidationError"):
        schemas.pop(generated, None)
    schemas["Problem"] = PROBLEM_SCHEMA
    components["securitySchemes"] = _SECURITY_SCHEMES
    components["headers"] = _HEADERS
    return document


def _operations(document: Document, app: FastAPI) -> Iterator[tuple[str, str, Operation, Required | None]]:
    """Yield path, method and operation, and what its dependency requires of a key."""
    required = {
        (route.path_format, method.lower()): next(_requirements(route.dependant), None)
        for route in iter_route_contexts(app.routes)
        if isinstance(route.original_route, APIRoute)
        for method in route.methods or ()
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield path, method, operation, required.get((path, method))


def _complete_operation(path: str, method: str, operation: Operation, required: Required | None) -> None:
    if required is not None:
        operation["security"] = [{"key": []}, {"session": []}]
        operation["description"] = f"{operation.get('description', '')}\n\n{_access(required)}".strip()
    responses: dict[str, Any] = operation["responses"]
    if operation.pop("x-refusals", True):
        for status, codes in _codes(path, method, operation, required).items():
            responses[str(status)] = problem_response(status, codes)
    for answered, response in responses.items():
        _complete_response(int(answered), response, limited=not is_exempt(method.upper(), path))
    operation["responses"] = dict(sorted(responses.items()))


def _codes(path: str, method: str, operation: Operation, required: Required | None) -> dict[int, list[str]]:
    """Return the codes of an operation's problems by status: its own, and those of all operations of its kind."""
    responses: dict[str, Any] = operation["responses"]
    found: dict[int, list[str]] = {status: list(codes) for status, codes in _ANY.items()}

    def add(status: int, *codes: str) -> None:
        found.setdefault(status, []).extend(codes)

    for status, response in list(responses.items()):
        if CODES in response:
            add(int(status), *responses.pop(status)[CODES])
    add(422, "invalid", "unknown-parameter")
    if "requestBody" in operation:
        add(400, "http")  # the framework's, for JSON that it can't parse
    if "security" in operation:
        add(401, "unauthenticated")
    if required is not None and (required.scopes or required.person):
        add(403, *(["scope-missing"] if required.scopes else []), *(["person-required"] if required.person else []))
    if "security" in operation and method not in ("get", "head"):
        add(403, "cross-origin")
    if "{" in path:
        add(404, "http")
    if not is_exempt(method.upper(), path):
        add(429, "quota-exceeded")
    return found


def _complete_response(status: int, response: dict[str, Any], *, limited: bool) -> None:
    names = ["X-Correlation-Id"]
    names += ["RateLimit", "RateLimit-Policy"] if limited else []
    names += ["Retry-After"] if status in _RETRIED else []
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    response["headers"] = {**headers, **response.get("headers", {})}
    for media in response.get("content", {}).values():
        schema = media.get("schema", {})
        if "$ref" in schema:  # of a model in `responses`, which FastAPI merges with that of the annotation
            media["schema"] = {"$ref": schema["$ref"]}


def _share_problems(responses: Mapping[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """Return the responses with references instead of problems, which `shared` gets: many operations have the same."""
    found: dict[str, Any] = {}
    for status, response in responses.items():
        if PROBLEM_MEDIA in response.get("content", {}):
            digest = sha256(json.dumps(response, sort_keys=True).encode()).hexdigest()[:6]
            name = f"Problem{status}-{digest}"
            shared[name] = response
            response = {"$ref": f"#/components/responses/{name}"}
        found[status] = response
    return found


def _requirements(dependant: Dependant) -> Iterator[Required]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Required):
            yield inner.call
        yield from _requirements(inner)


def _access(required: Required) -> str:
    owner = "a key of a person" if required.person else "a key"
    scopes = " or ".join(f"`{scope}`" for scope in required.scopes)
    return f"Needs {owner}{f' with the scope {scopes}' if scopes else ''}."
