"""Messages in the shapes of the conventions, as those of chat clients, which `chat_text` turns into text. Pure."""

from collections.abc import Mapping
from typing import Any

from collector.domain.otlp.flattened import indexed, parsed
from collector.domain.otlp.span import Attributes

_TOOL_RESULTS = ("tool_call_response", "server_tool_call_response", "tool_result", "tool-result")
_THOUGHTS = ("reasoning", "thinking", "redacted_thinking")
"""Parts that are left out: they are no part of the answer."""
_TEXTS = ("text", "input_text", "output_text", "refusal")


def messages_of(value: Any, role: str) -> Any:
    """Return messages as `{role, content, tool_calls}`, from an array of messages or one message, also as JSON text.

    `role` is that of messages without one. Another value is returned unchanged: text, or other JSON.
    """
    value = parsed(value)
    found = value if isinstance(value, list) else [value]
    if not found or not all(isinstance(message, Mapping) and _is_message(message) for message in found):
        return value
    return [_message(message, role) for message in found]


def _is_message(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("role", ""), str) and not {"role", "parts", "content", "tool_calls"}.isdisjoint(value)


def _message(message: Mapping[str, Any], role: str) -> dict[str, Any]:
    """Return a message of `gen_ai` (with `parts`), or of a provider's client (with `content`)."""
    content = message.get("parts", message.get("content"))
    if isinstance(content, str):
        content = _parts_in_text(content)
    if isinstance(content, Mapping):
        content = [content]
    if isinstance(content, list):
        content = [found for part in content if (found := _part(part)) is not None]
    own = message.get("role")
    found = {"role": own if isinstance(own, str) and own else role, "content": "" if content is None else content}
    calls = parsed(message.get("tool_calls"))
    return {**found, "tool_calls": calls} if isinstance(calls, list) and calls else found


def _parts_in_text(content: str) -> Any:
    """Return parts that are JSON in a string; text that is not an array of typed parts unchanged."""
    found = parsed(content)
    typed = isinstance(found, list) and found and all(isinstance(part, Mapping) and "type" in part for part in found)
    return found if typed else content


def _part(part: Any) -> Any:
    """Return a part of a content, None for thoughts. Of images, files and the like only the type is returned."""
    if not isinstance(part, Mapping):
        return part if isinstance(part, str) else None
    kind = part.get("type")
    if kind in _THOUGHTS:
        return None
    if "name" in part and ("arguments" in part or "input" in part):
        own = {"id": part["id"]} if part.get("id") else {}
        return {**own, "name": part["name"], "arguments": part.get("arguments", part.get("input"))}
    if "toolName" in part and kind == "tool-call":
        arguments = part.get("input", part.get("args", ""))
        return {"id": part.get("toolCallId"), "name": part["toolName"], "arguments": arguments}
    if kind in _TOOL_RESULTS:
        return _result(part)
    if kind is None or kind in _TEXTS:
        return next((part[name] for name in ("text", "content", "refusal") if isinstance(part.get(name), str)), None)
    return {"type": kind if isinstance(kind, str) else "unknown"}


def _result(part: Mapping[str, Any]) -> Any:
    """Return the result of a tool: a text, or JSON."""
    result = next(
        (part[name] for name in ("response", "result", "output", "content") if part.get(name) is not None), ""
    )
    if isinstance(result, list):
        texts = [found for inner in result if isinstance(found := _part(inner), str)]
        return "\n".join(texts) if len(texts) == len(result) else result
    return result


def flattened_messages(attributes: Attributes, name: str, role: str) -> list[dict[str, Any]]:
    """Return the messages of OpenInference (`name.0.message.content`), or of former OpenLLMetry (`name.0.content`)."""
    return [_flattened_message(_without_prefix(message), role) for message in indexed(attributes, name)]


def _without_prefix(message: Mapping[str, Any]) -> dict[str, Any]:
    return {member.removeprefix("message."): value for member, value in message.items()}


def _flattened_message(message: Mapping[str, Any], role: str) -> dict[str, Any]:
    contents = [_flattened_part(part) for part in indexed(message, "contents")]
    calls = [_call(call) for call in indexed(message, "tool_calls")]
    if "function_call_name" in message:
        calls.append(
            {"name": message["function_call_name"], "arguments": message.get("function_call_arguments_json", "")}
        )
    content = contents or message.get("content") or message.get("refusal")
    given = {"role": message.get("role"), "content": content, "tool_calls": calls}
    return _message({name: value for name, value in given.items() if value is not None}, role)


def _flattened_part(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part of OpenInference: `message_content.*`, or an ordered `tool_call.*`."""
    kind = part.get("message_content.type")
    if kind == "tool_use" or "tool_call.function.name" in part:
        return _call(part)
    return {"type": kind, "text": part.get("message_content.text")}


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool call: `tool_call.function.*` of OpenInference, or `name` and `arguments` of OpenLLMetry."""
    name = call.get("tool_call.function.name", call.get("name", ""))
    own = call.get("tool_call.id", call.get("id"))
    arguments = call.get("tool_call.function.arguments", call.get("arguments", ""))
    return {**({"id": own} if own else {}), "name": name, "arguments": arguments}
