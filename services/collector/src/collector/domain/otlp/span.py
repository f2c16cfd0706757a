"""A span as the mapping reads it, independent of the encoding in which it arrived."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

Attributes = Mapping[str, Any]
"""Values are strings, numbers, booleans, lists and objects with text keys, nested at most `MAX_VALUE_DEPTH` levels."""

NOTHING: Attributes = MappingProxyType({})

SpanStatus = Literal["unset", "ok", "error"]

MAX_VALUE_DEPTH = 32


class SpanKey(NamedTuple):
    """The ids of a span, in lower-case hexadecimal: 32 and 16 digits if they are valid."""

    trace_id: str
    span_id: str

    @property
    def is_valid(self) -> bool:
        """Whether both ids have their length and are not all zeros, as OTLP requires."""
        lengths = (len(self.trace_id), len(self.span_id))
        return lengths == (32, 16) and bool(self.trace_id.strip("0")) and bool(self.span_id.strip("0"))

    @property
    def execution_id(self) -> str:
        """The id of the span's execution."""
        return f"{self.trace_id}-{self.span_id}"


class SpanEvent(NamedTuple):
    """A named event of a span. `time` is in nanoseconds since 1970; 0 is unknown."""

    name: str
    attributes: Attributes
    time: int = 0


class ExportedSpan(NamedTuple):
    """A finished operation. `parent` is None for the root of a trace. Times are nanoseconds since 1970; 0 is unknown.

    `size` is the number of bytes that it takes as protobuf.
    """

    key: SpanKey
    parent: SpanKey | None
    start: int
    end: int
    status: SpanStatus
    attributes: Attributes
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanKey, ...] = ()
    resource: Attributes = NOTHING
    size: int = 0
