"""Bodies and lines of one request, and the items that they contain. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar

from collector.domain.model import IngestItem
from collector.domain.request_context import RequestContext, Route
from collector.domain.validation import parse_item, parse_object
from shared.problems import Problem, invalid

S = TypeVar("S", bound="SizedBody")


class SizedBody(Protocol):
    """A body as `POST /v1/<route>` would get it, and about its size in bytes."""

    @property
    def route(self) -> Route: ...
    @property
    def body(self) -> dict[str, Any]: ...
    @property
    def size(self) -> int: ...


class BodyLine(Protocol):
    """A line of a body. `content` is None if it is longer than a line may be."""

    @property
    def number(self) -> int: ...
    @property
    def content(self) -> bytes | None: ...


def grouped(bodies: Iterable[S], max_items: int, max_bytes: int) -> Iterator[list[S]]:
    """Yield the bodies in groups of at most `max_items` and, unless a single body has more, `max_bytes`."""
    group: list[S] = []
    size = 0
    for body in bodies:
        if group and (len(group) == max_items or size + body.size > max_bytes):
            yield group
            group, size = [], 0
        group.append(body)
        size += body.size
    if group:
        yield group


def parse_lines(route: Route, lines: Iterable[BodyLine], context: RequestContext) -> list[IngestItem | Problem]:
    """Return the item of each line, or why it is none."""
    return [_parse_line(route, line, context) for line in lines]


def _parse_line(route: Route, line: BodyLine, context: RequestContext) -> IngestItem | Problem:
    try:
        if line.content is None:
            raise invalid("body", "is too long for a line", 413)
        return parse_object(route, line.content, context, line.number)
    except Problem as problem:
        return problem


def parse_bodies(bodies: Iterable[SizedBody], context: RequestContext) -> list[IngestItem | Problem]:
    """Return the item of each body, or why it is none."""
    return [_item_or_problem(body, context) for body in bodies]


def _item_or_problem(body: SizedBody, context: RequestContext) -> IngestItem | Problem:
    try:
        return parse_item(body.route, body.body, context)
    except Problem as problem:
        return problem
