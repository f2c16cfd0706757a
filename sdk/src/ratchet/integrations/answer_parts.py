"""Parts of requests and answers that the APIs of model providers share. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

Fields = dict[str, Any]
"""Fields of an execution."""

_INSTRUCTIONS = ("system", "developer")
_KEPT = frozenset({
    "arguments", "call_id", "content", "function", "id", "input", "name", "output", "refusal", "role", "text",
    "tool_call_id", "tool_calls", "tool_use_id", "type",
})  # fmt: skip
"""Members of messages and their parts that are recorded: no images, files or audio, of which only the type is."""
_ANY_JSON = frozenset({"arguments", "input", "output"})
_NO_PARAMETERS = frozenset({
    "extra_body", "extra_headers", "extra_query", "functions", "input", "instructions", "messages", "metadata", "model",
    "prompt_cache_key", "safety_identifier", "system", "timeout", "tools", "user",
})  # fmt: skip
_LONGEST_PARAMETER = 500
_MAX_DEPTH = 8


def member(value: Any, name: str) -> Any:
    """Return a member of a mapping or an object; None where it is absent."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def as_dict(value: Any) -> dict[str, Any] | None:
    """Return a mapping or a pydantic model as a dictionary of built-in types."""
    if isinstance(value, Mapping):
        return dict(value)
    dump = getattr(value, "model_dump", None)
    found = dump(exclude_none=True) if callable(dump) else None
    return found if isinstance(found, dict) else None


def recorded_messages(messages: Any) -> Any:
    """Return messages without instructions, which the prompt contains, unless there are only those; or a text.

    None for an iterator, which only the model's client may read.
    """
    if not isinstance(messages, list | tuple):
        return messages if isinstance(messages, str) else None
    found = [shown for message in messages if (shown := _recorded(message)) is not None]
    users = [shown for shown in found if not (isinstance(shown, dict) and shown.get("role") in _INSTRUCTIONS)]
    return users or found or None


def _recorded(value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, list | tuple):
        return [_recorded(item, depth + 1) for item in value]
    members = as_dict(value)
    if members is None:
        return f"<{type(value).__name__}>"
    return {
        name: item if name in _ANY_JSON and not isinstance(item, list) else _recorded(item, depth + 1)
        for name, item in members.items()
        if name in _KEPT and item is not None
    }


def parameters_of(body: Mapping[str, Any]) -> Fields:
    """Return the parameters of a request: scalars, and other values if their JSON is short."""
    found: Fields = {}
    for name, value in body.items():
        if name in _NO_PARAMETERS or value is None:
            continue
        if isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= _LONGEST_PARAMETER):
            found[name] = value
        elif isinstance(value, Mapping | list | tuple):
            text = json.dumps(
                value, ensure_ascii=False, separators=(",", ":"), default=lambda item: type(item).__name__
            )
            if len(text) <= _LONGEST_PARAMETER:
                found[name] = text
    return found


def answer_fields(
    texts: Iterable[str | None],
    tools: list[Fields],
    *,
    model: Any = None,
    usage: Any = None,
    refused: bool = False,
    **attributes: Any,
) -> Fields:
    """Return the fields of an answer: its text, or a message with the tools that it calls."""
    text = "\n".join(filter(None, texts)) or None
    fields: Fields = {"outcome": "refused" if refused else "ok", "attributes": attributes}
    if tools:
        fields["tools"] = tools
        fields["output"] = {"role": "assistant", "content": text, "tool_calls": tools}
    elif text is not None:
        fields["output"] = text
    if isinstance(model, str) and model:
        fields["model"] = model
    if (counts := as_dict(usage)) is not None:
        fields["usage"] = counts
    return fields
