"""Validation of query parameters: an unknown one is an error, so that a typo does not change the result."""

from collections.abc import Iterator, Sequence
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from shared.problems import Problem, printable

_ANY_PARAMETERS = ("/metrics", "/health/")
"""Paths that scrapers and probes call with their own parameters."""
_MAX_NAMED = 20


async def refuse_unknown_parameters(request: Request) -> None:
    """Raise Problem 422, naming unknown query parameters and the known ones. A dependency of all routes."""
    route = request.scope.get("route")
    query = request.scope["query_string"]
    if query and isinstance(route, APIRoute) and not request.url.path.startswith(_ANY_PARAMETERS):
        check_names(query, tuple(known_parameters(route.dependant)))


def known_parameters(dependant: Dependant) -> Iterator[str]:
    """Yield the names of a route's query parameters, including those of its dependencies."""
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from known_parameters(inner)


def check_names(query: bytes, known: Sequence[str]) -> None:
    """Raise Problem 422 if a raw query string has names that are not `known`."""
    given = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    names = ", ".join(sorted(set(known)))
    reason = f"is not a parameter of this path; known parameters: {names or 'none'}"
    errors = [{"field": printable(name), "reason": reason} for name in given if name not in known][:_MAX_NAMED]
    if errors:
        detail = "; ".join(f"{error['field']}: {error['reason']}" for error in errors)
        raise Problem(422, "unknown-parameter", "The query has unknown parameters", detail, errors)
