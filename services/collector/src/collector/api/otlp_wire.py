"""Count the spans of a protobuf request before it is parsed: parsing takes up to a hundred times its size in memory."""

from collections.abc import Iterator

_RESOURCE_SPANS = 1
_SCOPE_SPANS = 2
_SPANS = 2
_FIXED = {1: 8, 5: 4}
"""Wire type → bytes."""

Range = tuple[int, int]


def count_spans(content: bytes, limit: int) -> int:
    """Return the number of spans, at most `limit` + 1. Raises ValueError for what is not protobuf."""
    count = 0
    for resource in _messages(content, (0, len(content)), _RESOURCE_SPANS):
        for scope in _messages(content, resource, _SCOPE_SPANS):
            for _ in _messages(content, scope, _SPANS):
                count += 1
                if count > limit:
                    return count
    return count


def _messages(content: bytes, within: Range, field: int) -> Iterator[Range]:
    """Yield where the messages of a repeated field are in a message."""
    position, end = within
    while position < end:
        tag, position = _varint(content, position, end)
        kind = tag & 7
        if kind == 2:
            length, position = _varint(content, position, end)
            if position + length > end:
                raise ValueError("a field is cut off")
            if tag >> 3 == field:
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
