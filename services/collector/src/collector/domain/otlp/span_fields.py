"""Fields of an execution from the attributes of its span. Pure."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import to_json

from collector.domain.otlp import conventions
from collector.domain.otlp.flattened import first, indexed, is_name, is_number, parsed
from collector.domain.otlp.span import ExportedSpan

MAX_ATTRIBUTES = 64
MAX_PARAMETERS = 64
MAX_TOOLS = 100
_MAX_TEXT = 20_000
_MAX_COUNT = 2**53


def field(span: ExportedSpan, name: str) -> Any:
    """Return the value of a field of `conventions.SOURCES`; None if the span has none."""
    return first(span.attributes, conventions.SOURCES[name])


def text_field(span: ExportedSpan, name: str) -> str | None:
    """Return a field that is a text or a whole number, as text."""
    value = field(span, name)
    return str(value) if isinstance(value, str) or type(value) is int else None


def count_field(span: ExportedSpan, name: str) -> int | None:
    """Return a field that is a count; None where it is none."""
    value = field(span, name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= _MAX_COUNT else None


def cost(span: ExportedSpan) -> float | None:
    """Return the cost, also as the sum of the parts that OpenInference names."""
    value = field(span, "cost")
    if value is None:
        parts = [span.attributes.get(f"llm.cost.{part}") for part in ("prompt", "completion")]
        value = sum(parts) if all(map(is_number, parts)) else None
    return float(value) if is_number(value) and value >= 0 else None


def parameters(span: ExportedSpan) -> dict[str, Any]:
    """Return the parameters of the call by name."""
    found: dict[str, Any] = {}
    invocation = parsed(span.attributes.get(conventions.INVOCATION_PARAMETERS))
    if isinstance(invocation, Mapping):
        found |= {name: value for name, value in invocation.items() if name not in conventions.NO_PARAMETERS}
    for name, value in span.attributes.items():
        if name.startswith(conventions.PARAMETERS):
            found[name.removeprefix(conventions.PARAMETERS)] = value
        elif name in conventions.FORMER_PARAMETERS:
            found[conventions.FORMER_PARAMETERS[name]] = value
    if offered := offered_tools(span):
        found["tools"] = offered
    return _limited(((name, value) for name, value in found.items() if name != "model"), MAX_PARAMETERS)


def attributes(span: ExportedSpan) -> dict[str, Any]:
    """Return the attributes of the span and of its resource that become no other field, as far as the limits allow."""
    return _limited(_attributes(span), MAX_ATTRIBUTES)


def _attributes(span: ExportedSpan) -> Iterator[tuple[str, Any]]:
    for name, value in span.attributes.items():
        if name not in conventions.NO_ATTRIBUTES and not name.startswith(conventions.NO_ATTRIBUTE_PREFIXES):
            yield _without_prefix(name), value
    for name in conventions.OBJECTS_OF_ATTRIBUTES:
        members = parsed(span.attributes.get(name))
        if isinstance(members, Mapping):
            yield from members.items()
    for name, value in span.resource.items():
        if not name.startswith(conventions.NO_RESOURCE_ATTRIBUTES):
            yield name, value


def _without_prefix(name: str) -> str:
    for prefix in conventions.PREFIXES_OF_ATTRIBUTES:
        name = name.removeprefix(prefix)
    return name


def _limited(members: Iterator[tuple[str, Any]], limit: int) -> dict[str, Any]:
    """Return the first `limit` members that the limits of names and values allow."""
    found: dict[str, Any] = {}
    for name, value in members:
        if len(found) == limit:
            break
        if name not in found and is_name(name) and (shown := _plain(value)) is not None:
            found[name] = shown
    return found


def _plain(value: Any) -> str | bool | int | float | None:
    """Return a value of an attribute, a list or an object as JSON; None for what can't be kept."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list | Mapping):
        value = to_json(value).decode()
    if isinstance(value, str):
        return value if len(value) <= _MAX_TEXT else None
    return value if isinstance(value, bool | int | float) else None


def offered_tools(span: ExportedSpan) -> list[str]:
    """Return the names of the tools that the model could call."""
    definitions = parsed(span.attributes.get(conventions.TOOL_DEFINITIONS))
    found = definitions if isinstance(definitions, list) else []
    found += [parsed(tool.get("tool.json_schema")) for tool in indexed(span.attributes, conventions.TOOLS)]
    found += indexed(span.attributes, conventions.FORMER_TOOLS)
    names = dict.fromkeys(name for tool in found if is_name(name := _tool_name(tool)))
    return list(names)[:MAX_TOOLS]


def _tool_name(tool: Any) -> Any:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    inner = function if isinstance(function, Mapping) else tool
    return inner.get("name") if isinstance(inner, Mapping) else None
