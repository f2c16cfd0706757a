"""Check the number of spans and of their parts in a request before it is parsed: parsing multiplies its size."""

from collections.abc import Iterator
from typing import Any, NamedTuple

_RESOURCE_SPANS = 1
_SCOPE_SPANS = 2
_SPANS = 2
_FIXED = {1: 8, 5: 4}
"""Wire type → bytes."""

Range = tuple[int, int]


class PartLimits(NamedTuple):
    """The maximum numbers in one request of spans, and of parts.

    Parts are resources, scopes, spans and their fields, and values of attributes; of a JSON document, half of its
    values.
    """

    spans: int = 10_000
    parts: int = 200_000


class TooManyParts(Exception):
    """The request exceeds the `PartLimits`."""


class PartCounter:
    """Counts parts of a request."""

    def __init__(self, limit: int) -> None:
        self._left = limit

    def count(self, parts: int = 1) -> None:
        """Add parts. Raises TooManyParts."""
        self._left -= parts
        if self._left < 0:
            raise TooManyParts


def check_protobuf(content: bytes, limits: PartLimits) -> None:
    """Check an export request. Raises TooManyParts, or ValueError for what is not protobuf."""
    parts, spans = PartCounter(limits.parts), PartCounter(limits.spans)
    for resource in _fields(content, (0, len(content)), _RESOURCE_SPANS):
        parts.count()
        for scope in _fields(content, resource, _SCOPE_SPANS):
            parts.count()
            for span in _fields(content, scope, _SPANS):
                spans.count()
                for _ in _fields(content, span, None):
                    parts.count()


def check_json(document: Any, limits: PartLimits) -> None:
    """Check a parsed JSON document. Raises TooManyParts."""
    parts = PartCounter(2 * limits.parts)
    level = [document]
    while level:
        parts.count(len(level))
        level = [inner for value in level for inner in _members(value)]


def _members(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _fields(content: bytes, within: Range, number: int | None) -> Iterator[Range]:
    """Yield where the fields of a message are that have a length: those with `number`, or all."""
    position, end = within
    while position < end:
        tag, position = _varint(content, position, end)
        kind = tag & 7
        if kind == 2:
            length, position = _varint(content, position, end)
            if position + length > end:
                raise ValueError("a field is cut off")
            if number is None or tag >> 3 == number:
                yield position, position + length
            position += length
        elif kind == 0:
            _, position = _varint(content, position, end)
        elif kind in _FIXED:
            position += _FIXED[kind]
        else:
            raise ValueError("groups are not part of OTLP")


def _varint(content: bytes, position: int, end: int) -> tuple[int, int]:
    """Return a variable-length integer, and the position after it."""
    value = shift = 0
    while position < end and shift < 70:
        byte = content[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
    raise ValueError("an integer is cut off")
