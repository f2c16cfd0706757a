"""Query parameters that a route does not know are refused by name: a typo must not answer another question."""

from collections.abc import Iterator, Sequence
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from shared.problems import Problem, printable

_OPEN = ("/metrics", "/health/")
"""Paths that scrapers and probes ask with parameters of their own."""
_MOST_NAMED = 20


async def refuse_unknown_parameters(request: Request) -> None:
    """A dependency of all routes. Raises Problem 422 that names the unknown ones, and the known."""
    route = request.scope.get("route")
    query = request.scope["query_string"]
    if query and isinstance(route, APIRoute) and not request.url.path.startswith(_OPEN):
        check_names(query, tuple(known_parameters(route.dependant)))


def known_parameters(dependant: Dependant) -> Iterator[str]:
    """The names of a route's query parameters, those of its dependencies among them."""
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from known_parameters(inner)


def check_names(query: bytes, known: Sequence[str]) -> None:
    """Raises Problem 422 where a raw query string has names that are not `known`."""
    given = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    names = ", ".join(sorted(set(known)))
    reason = f"is no parameter of this path; it takes {names or 'none'}"
    errors = [{"field": printable(name), "reason": reason} for name in given if name not in known][:_MOST_NAMED]
    if errors:
        detail = "; ".join(f"{error['field']}: {error['reason']}" for error in errors)
        raise Problem(422, "unknown-parameter", "The query has unknown parameters", detail, errors)
