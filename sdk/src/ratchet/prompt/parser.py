"""Strict parsing of prompt documents into their canonical form.

Equal documents have equal bytes: key order, absent or explicit defaults, `1.0` or `1`, CRLF
or LF, composed or decomposed letters in messages, `{{ x }}` or `{{x}}` make no difference.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import NoReturn

from ratchet.prompt.canonical import DIGEST, Json, canonical_bytes, normal, normal_text
from ratchet.prompt.document import Entry, Placeholder, Prompt, Role, Slot, SlotPlace, Variable, VariableType
from ratchet.prompt.errors import PromptError, at, quoted
from ratchet.prompt.fields import members, named, one_of
from ratchet.prompt.messages import is_first_schema, message_json, parse_messages, texts
from ratchet.prompt.placeholders import names

SCHEMA = "ratchet.prompt/1"
SCHEMA_2 = "ratchet.prompt/2"
"""Adds the roles developer and tool, parts, tool calls and placeholders. The content decides which schema is used."""
MAX_BYTES = 128 * 1024  # canonical: one message of the bus carries a document several times
MAX_EXAMPLES = 5

_TYPES: tuple[VariableType, ...] = ("string", "number", "boolean", "list", "messages")
_OPTIONAL = ("variables", "model", "parameters", "tools", "response_format", "slots")


def parse(value: object, field: str = "") -> Prompt:
    """Return the prompt of a JSON object. `field` is the path of the object in error messages.

    Raises PromptError, which names the first invalid field.
    """
    root = members(value, field, required=("schema", "messages"), optional=_OPTIONAL)
    if root["schema"] not in (SCHEMA, SCHEMA_2):
        raise PromptError(at(field, "schema"), f"must be {SCHEMA} or {SCHEMA_2}")
    messages = parse_messages(root["messages"], at(field, "messages"))
    variables = {key: _variable(spec, path) for key, spec, path in _entries(root, "variables", field)}
    variables = _with_placeholders(variables, messages)
    slots = {key: _slot(spec, path) for key, spec, path in _entries(root, "slots", field)}
    _check_variables_declared(messages, variables, at(field, "messages"))
    _check_slots_placed_once(messages, slots, field)
    model = None if root.get("model") is None else _model(root["model"], at(field, "model"))
    canonical = canonical_bytes(
        {
            "schema": _schema(messages, variables),
            "messages": [message_json(message) for message in messages],
            "variables": {key: {"type": v.type, "required": v.required} for key, v in variables.items()},
            "model": model,
            "parameters": _json_object(root.get("parameters"), at(field, "parameters")) or {},
            "tools": _tools(root.get("tools"), at(field, "tools")),
            "response_format": _json_object(root.get("response_format"), at(field, "response_format")),
            "slots": {key: {"max": s.max, "set": s.set} for key, s in slots.items()},
        }
    )
    if len(canonical) > MAX_BYTES:
        raise PromptError(field or "document", f"is larger than {MAX_BYTES} bytes")
    return Prompt(messages, MappingProxyType(variables), model, MappingProxyType(slots), canonical)


def parse_json(text: str | bytes) -> Prompt:
    """Return the prompt of a JSON text. Raises PromptError, also for invalid JSON and duplicate keys."""
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise PromptError("document", "must be JSON") from None
    except PromptError:
        raise
    except ValueError:  # an integer with more digits than Python parses
        raise PromptError("document", "must have numbers that a double can represent") from None
    return parse(value)


def from_text(text: str, role: Role = "system") -> Prompt:
    """Return a document of one message; each `{{name}}` in it is a required string. Raises PromptError."""
    content = normal_text(text, "text")
    return parse(
        {
            "schema": SCHEMA,
            "messages": [{"role": role, "content": content}],
            "variables": {key: {"type": "string", "required": True} for key in names(content)},
        }
    )


def with_slot(prompt: Prompt, slot: str, set_digest: str | None) -> Prompt:
    """Return the prompt with another example set, or none, in a slot.

    Raises PromptError for an unknown slot or a malformed digest.
    """
    if slot not in prompt.slots:
        raise PromptError(at("slots", slot), "is not a slot of this prompt")
    slots = {**prompt.slots, slot: Slot(prompt.slots[slot].max, set_digest)}
    entries: dict[str, Json] = {key: {"max": s.max, "set": s.set} for key, s in slots.items()}
    return parse({**prompt.to_dict(), "slots": entries})


def _entries(root: Mapping[str, object], part: str, field: str) -> list[tuple[str, object, str]]:
    parent = at(field, part)
    return [(key, spec, at(parent, key)) for key, spec in named(root.get(part), parent)]


def _variable(value: object, field: str) -> Variable:
    spec = members(value, field, required=("type",), optional=("required",))
    required = spec.get("required", True)
    if not isinstance(required, bool):
        raise PromptError(at(field, "required"), "must be true or false")
    return Variable(one_of(spec["type"], _TYPES, at(field, "type")), required)


def _slot(value: object, field: str) -> Slot:
    spec = members(value, field, optional=("max", "set"))
    most, examples = spec.get("max", MAX_EXAMPLES), spec.get("set")
    if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= MAX_EXAMPLES:
        raise PromptError(at(field, "max"), f"must be a whole number from 1 to {MAX_EXAMPLES}")
    if examples is not None and not (isinstance(examples, str) and DIGEST.fullmatch(examples)):
        raise PromptError(at(field, "set"), "must be null or a digest: sha256: and 64 hexadecimal digits")
    return Slot(most, examples)


def _check_variables_declared(messages: tuple[Entry, ...], variables: Mapping[str, Variable], field: str) -> None:
    for i, message in enumerate(messages):
        if isinstance(message, Placeholder) and variables[message.name].type != "messages":
            raise PromptError(
                at(at(field, i), "name"), f"is the variable {message.name}, which is not of type messages"
            )
        for used in (used for text in texts(message) for used in names(text)):
            if used not in variables:
                raise PromptError(at(at(field, i), "content"), f"uses the undeclared variable {used}")
            if variables[used].type == "messages":
                raise PromptError(at(at(field, i), "content"), f"uses {used}, a variable of messages, in a text")


def _with_placeholders(variables: dict[str, Variable], messages: tuple[Entry, ...]) -> dict[str, Variable]:
    """Return the variables with those of placeholders, which are optional."""
    placed = {entry.name: Variable("messages", False) for entry in messages if isinstance(entry, Placeholder)}
    return {**placed, **variables}


def _schema(messages: tuple[Entry, ...], variables: Mapping[str, Variable]) -> str:
    """Return the first schema in which the document is valid."""
    first = all(map(is_first_schema, messages)) and all(v.type != "messages" for v in variables.values())
    return SCHEMA if first else SCHEMA_2


def _check_slots_placed_once(messages: tuple[Entry, ...], slots: Mapping[str, Slot], field: str) -> None:
    placed: set[str] = set()
    for i, message in enumerate(messages):
        if isinstance(message, SlotPlace):
            if message.slot not in slots or message.slot in placed:
                reason = "is placed twice" if message.slot in placed else "is not a declared slot"
                raise PromptError(at(at(at(field, "messages"), i), "slot"), reason)
            placed.add(message.slot)
    for slot in slots:
        if slot not in placed:
            raise PromptError(at(at(field, "slots"), slot), "is not placed among the messages")


def _model(value: object, field: str) -> str:
    model = normal_text(value, field)
    if not 1 <= len(model) <= 200:
        raise PromptError(field, "must be null or a text of 1 to 200 characters")
    return model


def _json_object(value: object, field: str) -> dict[str, Json] | None:
    if value is None:
        return None
    entry = normal(value, field)
    if not isinstance(entry, dict):
        raise PromptError(field, "must be an object")
    return entry


def _tools(value: object, field: str) -> list[Json]:
    tools = [] if value is None else normal(value, field)
    if not isinstance(tools, list):
        raise PromptError(field, "must be a list")
    for i, tool in enumerate(tools):
        if not isinstance(tool, dict):
            raise PromptError(at(field, i), "must be an object")
    return tools


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise PromptError("document", f"has the duplicate key {quoted(key)}")
        found[key] = value
    return found


def _no_constant(constant: str) -> NoReturn:
    raise PromptError("document", f"must not contain {constant}")
