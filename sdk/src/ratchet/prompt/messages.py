"""Messages of a prompt document: validation, canonical JSON, and their texts."""

from collections.abc import Callable, Mapping

from ratchet.prompt.canonical import Json, exact_text, normal, normal_text
from ratchet.prompt.document import Entry, Message, Placeholder, Role, SlotPlace, StructuredMessage
from ratchet.prompt.errors import PromptError, at
from ratchet.prompt.fields import members, name, one_of
from ratchet.prompt.placeholders import tidy

_ROLES: tuple[Role, ...] = ("system", "user", "assistant", "developer", "tool")
_FIRST_ROLES = ("system", "user", "assistant")
"""Roles of `ratchet.prompt/1`."""
_EXTRAS = ("name", "tool_calls", "tool_call_id")


def parse_messages(value: object, field: str) -> tuple[Entry, ...]:
    """Return the messages of a document. Raises PromptError."""
    if not isinstance(value, list | tuple) or not value:
        raise PromptError(field, "must be a list of at least one message")
    return tuple(_message(item, at(field, i)) for i, item in enumerate(value))


def message_json(message: Entry) -> dict[str, Json]:
    """Return the canonical form of a message."""
    match message:
        case SlotPlace(slot):
            return {"slot": slot}
        case Placeholder(name):
            return {"type": "placeholder", "name": name}
        case Message(role, content):
            return {"role": role, "content": content}
        case StructuredMessage():
            return {"role": message.role, "content": normal(message.content, "content"), **message.extras}


def is_first_schema(message: Entry) -> bool:
    """Tell whether the message is valid in `ratchet.prompt/1`."""
    return isinstance(message, SlotPlace) or (isinstance(message, Message) and message.role in _FIRST_ROLES)


def texts(message: Entry) -> list[str]:
    """Return the texts of the content, in which variables are filled in."""
    if isinstance(message, Message):
        return [message.content]
    return texts_in(message.content) if isinstance(message, StructuredMessage) else []


def texts_in(content: object) -> list[str]:
    """Return the texts of a content, without keys and the `type` of parts."""
    match content:
        case str():
            return [content]
        case list():
            return [text for item in content for text in texts_in(item)]
        case dict():
            return [text for key, item in content.items() if key != "type" for text in texts_in(item)]
    return []


def with_texts(value: Json, change: Callable[[str], str]) -> Json:
    """Return a content with `change` applied to each of `texts_in`."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [with_texts(item, change) for item in value]
    if isinstance(value, dict):
        return {key: item if key == "type" else with_texts(item, change) for key, item in value.items()}
    return value


def _message(value: object, field: str) -> Entry:
    found = value if isinstance(value, Mapping) else {}
    if "slot" in found:
        entry = members(value, field, required=("slot",))
        return SlotPlace(name(entry["slot"], at(field, "slot")))
    if found.get("type") == "placeholder":
        entry = members(value, field, required=("type", "name"))
        return Placeholder(name(entry["name"], at(field, "name")))
    required = ("role",) if found.get("tool_calls") is not None else ("role", "content")
    message = members(value, field, required=required, optional=("content", *_EXTRAS))
    role = one_of(message["role"], _ROLES, at(field, "role"))
    content = _content(message.get("content"), at(field, "content"))
    extras = _extras(message, field)
    if isinstance(content, str) and not extras:
        return Message(role, content)
    return StructuredMessage(role, content, extras)


def _content(value: object, field: str) -> Json:
    """Return a text, null, or a list of parts with a type each. Raises PromptError."""
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        return tidy(normal_text(value, field))
    for i, part in enumerate(value):
        if not isinstance(part, Mapping) or not isinstance(part.get("type"), str):
            raise PromptError(at(field, i), "must be an object with a type, such as text or image_url")
    return with_texts(normal(value, field), lambda text: tidy(normal_text(text, field)))


def _extras(message: Mapping[str, object], field: str) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key in ("name", "tool_call_id"):
        if message.get(key) is not None:
            found[key] = exact_text(message[key], at(field, key))
    if message.get("tool_calls") is not None:
        calls = normal(message["tool_calls"], at(field, "tool_calls"))
        if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
            raise PromptError(at(field, "tool_calls"), "must be a list of objects")
        found["tool_calls"] = calls
    return found
