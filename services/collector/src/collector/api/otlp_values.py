"""Values of OTLP's protobuf messages as Python values."""

from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from collector.api.otlp_wire import PartCounter
from collector.domain.otlp.span import MAX_VALUE_DEPTH

_PLAIN = frozenset({"bool_value", "int_value", "double_value"})


class ValueReader:
    """Reads the attributes of one request."""

    def __init__(self, values: PartCounter) -> None:
        """`values` counts the values that are read."""
        self._values = values

    def attributes(self, pairs: Iterable[KeyValue]) -> dict[str, Any]:
        """Return attributes by name. Of a repeated name the last one counts; bytes and empty values are left out.

        Raises TooManyParts.
        """
        found = {}
        for pair in pairs:
            value = self._value(pair.value, MAX_VALUE_DEPTH)
            if value is not None:
                found[_storable(pair.key)] = value
        return found

    def _value(self, value: AnyValue, depth: int) -> Any:
        self._values.count()
        kind = value.WhichOneof("value")
        if kind == "string_value":
            return _storable(value.string_value)
        if kind in _PLAIN:
            return getattr(value, kind)
        if depth == 0:
            return None
        if kind == "array_value":
            return [self._value(inner, depth - 1) for inner in value.array_value.values]
        if kind == "kvlist_value":
            return {_storable(it.key): self._value(it.value, depth - 1) for it in value.kvlist_value.values}
        return None


def _storable(text: str) -> str:
    """Return text with replacement characters for NUL, which PostgreSQL can't store."""
    return text.replace("\0", "\ufffd") if "\0" in text else text
