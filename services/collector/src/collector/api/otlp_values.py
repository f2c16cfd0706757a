"""Values of OTLP's protobuf messages as Python values."""

from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from collector.domain.otlp.span import MAX_VALUE_DEPTH

_PLAIN = frozenset({"bool_value", "int_value", "double_value"})


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Return attributes by name. Of a repeated name the last one counts; bytes and empty values are left out."""
    found = {}
    for pair in pairs:
        value = _value(pair.value, MAX_VALUE_DEPTH)
        if value is not None:
            found[_storable(pair.key)] = value
    return found


def _value(value: AnyValue, depth: int) -> Any:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return _storable(value.string_value)
    if kind in _PLAIN:
        return getattr(value, kind)
    if depth == 0:
        return None
    if kind == "array_value":
        return [_value(inner, depth - 1) for inner in value.array_value.values]
    if kind == "kvlist_value":
        return {_storable(pair.key): _value(pair.value, depth - 1) for pair in value.kvlist_value.values}
    return None


def _storable(text: str) -> str:
    """Return text with replacement characters for NUL, which PostgreSQL can't store."""
    return text.replace("\0", "\ufffd") if "\0" in text else text
