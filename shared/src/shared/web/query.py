"""Validation of query parameters: what would be ignored is an error, so that no mistake changes the result."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import get_args, get_origin
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from shared.problems import Problem, invalid, printable

_ANY_PARAMETERS = ("/metrics", "/health/")
"""Paths that scrapers and probes call with their own parameters."""
_MAX_NAMED = 20


async def check_parameters(request: Request) -> None:
    """Raise Problem 422, naming query parameters that are unknown or repeated. A dependency of all routes."""
    route = request.scope.get("route")
    query = request.scope["query_string"]
    if query and isinstance(route, APIRoute) and not request.url.path.startswith(_ANY_PARAMETERS):
        known = dict(known_parameters(route.dependant))
        check_names(query, tuple(known))
        check_repeats(query, [name for name, repeatable in known.items() if not repeatable])


def known_parameters(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """Yield the names of a route's query parameters and whether each is a list, including those of dependencies."""
    yield from ((field.alias, _is_list(field.field_info.annotation)) for field in dependant.query_params)
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


def check_repeats(query: bytes, single: Collection[str]) -> None:
    """Raise Problem 422 if a raw query string has one of the names in `single` more than once."""
    counts = Counter(name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    for name in single:
        if counts[name] > 1:
            raise invalid(name, f"is given {counts[name]} times; it takes one value")


def check_period(since: datetime | None, until: datetime | None) -> None:
    """Raise Problem 422 that names `since` if no time is between it and `until`, which is excluded."""
    if since is not None and until is not None and since >= until:
        raise invalid("since", "must be before until")


def _is_list(annotation: object) -> bool:
    return get_origin(annotation) is list or any(map(_is_list, get_args(annotation)))
