"""Text of inputs and outputs: messages of chat models, in the shapes of their clients. Pure."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

_INSTRUCTIONS = frozenset({"system", "developer"})


def as_text(value: object) -> str:
    """Return a string unchanged, messages as text, any other JSON value as compact JSON.

    Messages of the roles system and developer are left out where there are others: they are the prompt, which an
    execution names by digest or version. A single message is its text; several are `role: text`, separated by blank
    lines.
    """
    if isinstance(value, str):
        return value
    messages: list[Any] = value if isinstance(value, list) else [value]
    if not messages or not all(_is_message(message) for message in messages):
        return to_json(value).decode()
    shown = [message for message in messages if message["role"] not in _INSTRUCTIONS] or messages
    if len(shown) == 1:
        return _content(shown[0])
    return "\n\n".join(f"{message['role']}: {_content(message)}" for message in shown)


def _is_message(value: object) -> bool:
    """Whether a value is a message of a chat model: a role, and a content or tool calls."""
    return isinstance(value, Mapping) and isinstance(value.get("role"), str) and bool(_CARRIERS & value.keys())


_CARRIERS = frozenset({"content", "parts", "tool_calls"})


def _content(message: Mapping[str, Any]) -> str:
    shown = message.get("content", message.get("parts"))
    parts = shown if isinstance(shown, list) else [] if shown is None else [shown]
    calls = message.get("tool_calls")
    texts = [_part(part) for part in parts] + [_call(call) for call in (calls if isinstance(calls, list) else ())]
    return "\n".join(text for text in texts if text)


def _part(part: object) -> str:
    """Return the text of a part, or its type such as `[image_url]`."""
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping):
        for name in ("text", "refusal", "content"):
            if isinstance(part.get(name), str):
                return str(part[name])
        if "name" in part and ("input" in part or "arguments" in part):
            return _call(part)
        if isinstance(part.get("type"), str):
            return f"[{part['type']}]"
    return to_json(part).decode()


def _call(call: object) -> str:
    """Return a tool call as `name(arguments)`."""
    inner = call.get("function") if isinstance(call, Mapping) else None
    found = inner if isinstance(inner, Mapping) else call
    if not isinstance(found, Mapping) or "name" not in found:
        return to_json(call).decode()
    arguments = found.get("arguments", found.get("input", found.get("args", "")))
    return f"{found['name']}({arguments if isinstance(arguments, str) else to_json(arguments).decode()})"
