"""Conversion of retrieved documents, tool calls and token counts to the server's JSON. Pure.

The functions raise InvalidValue, or whatever a value's own code raises. A member that can't be converted is left out,
and recorded by `drop` with its name.
"""

from collections.abc import Callable, Mapping
from typing import Any, get_args

from ratchet.client.field_values import Outcome, latency
from ratchet.client.values import InvalidValue, identifier, number, plain, text

Drop = Callable[[str], None]
_CONTENTS = ("page_content", "text", "content")
_ARGUMENTS = ("arguments", "input", "args")
_CALL_MEMBERS = ("name", "arguments", "input", "function")
"""Attributes of the clients' objects for tools and calls."""


def context(value: Any, drop: Drop) -> Any:
    """Return a retrieved text, or `{id, text, score}` of a document that has more than its text."""
    found = plain(value)
    if not isinstance(found, dict):
        return text(found)
    content = next((found[name] for name in _CONTENTS if isinstance(found.get(name), str)), None)
    known = _converted(found, {"id": identifier, "score": number}, drop)
    if content is None:
        return known if "id" in known else text(found)
    return {**known, "text": content} if known else content


def tool_call(value: Any, drop: Drop) -> Any:
    """Return the name of a tool (given as a name, a declaration or a function), or a call of it with what is known."""
    if callable(value) and hasattr(value, "__name__"):
        return identifier(value.__name__)
    call = _members(value)
    function = _members(call.get("function"))
    name = _named(call.get("name") or function.get("name"))
    arguments = next((it[key] for it in (call, function) for key in _ARGUMENTS if it.get(key) is not None), None)
    given = {**call, "arguments": arguments, "result": call.get("result", call.get("output"))}
    readers = {"arguments": plain, "result": plain, "outcome": outcome, "latency_ms": latency}
    known = _converted(given, readers, drop)
    return {"name": name, **known} if known else name


def count(value: object) -> Any:
    """Return a whole number, or those in an object, of a provider's usage; None for its other details."""
    if type(value) is int and 0 <= value < 2**63:
        return value
    try:
        found = plain(value)
    except Exception:
        return None
    if isinstance(found, dict):
        return {name: whole for name, inner in found.items() if (whole := _whole(inner)) is not None} or None
    return _whole(found)


def outcome(value: object) -> str:
    """Return the outcome of a tool call."""
    found = plain(value)
    if found not in get_args(Outcome):
        raise InvalidValue(f"must be one of {', '.join(get_args(Outcome))}")
    return str(found)


def _whole(value: Any) -> int | None:
    is_whole = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value) and value >= 0
    return int(value) if is_whole else None


def _members(value: Any) -> Mapping[str, Any]:
    """Return the members of a call; a value without members is the tool's name."""
    if isinstance(value, Mapping):
        return value
    found = {name: given for name in _CALL_MEMBERS if (given := getattr(value, name, None)) is not None}
    if found or value is None:
        return found
    shown = plain(value)
    return shown if isinstance(shown, dict) else {"name": shown}


def _named(value: object) -> str:
    name = identifier(value)
    if name is None:
        raise InvalidValue("must name a tool")
    return name


def _converted(given: Mapping[str, Any], readers: Mapping[str, Callable[[Any], Any]], drop: Drop) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, read in readers.items():
        if given.get(name) is not None:
            try:
                found[name] = read(given[name])
            except Exception:  # a value's own code may raise anything
                drop(name)
    return {name: value for name, value in found.items() if value is not None}
