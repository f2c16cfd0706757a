"""Rendering of a prompt to messages for a model. Values and examples are not interpreted."""

from collections.abc import Mapping, Sequence
from typing import Any

from ratchet.prompt.canonical import canonical_bytes, exact_text, normal
from ratchet.prompt.document import Message, Placeholder, Prompt, SlotPlace, Variable
from ratchet.prompt.errors import PromptError, at
from ratchet.prompt.messages import message_json, with_texts
from ratchet.prompt.placeholders import fill

Examples = Mapping[str, Sequence[Mapping[str, str]]]
RenderedMessage = dict[str, Any]


def render(prompt: Prompt, variables: Mapping[str, object], examples: Examples | None = None) -> list[RenderedMessage]:
    """Return `[{"role", "content", …}, …]` with variables filled in and each slot's examples as turns.

    A string is inserted unchanged; a number, boolean or list as RFC 8785 JSON, so that an element of a list can't look
    like two. `examples` maps a slot to `{"input", "output"}` pairs, best first; a slot without examples renders
    nothing. Raises PromptError for an unknown, missing or mistyped variable, an unknown slot, or more examples than
    the slot allows.
    """
    values = _values(prompt.variables, variables)
    given = examples or {}
    for slot in given:
        if slot not in prompt.slots:
            raise PromptError(at("examples", slot), "is not a slot of this prompt")
    rendered: list[RenderedMessage] = []
    for message in prompt.messages:
        if isinstance(message, SlotPlace):
            rendered += _turns(given.get(message.slot, ()), message.slot, prompt.slots[message.slot].max)
        elif isinstance(message, Placeholder):
            rendered += _inserted(variables.get(message.name), at("variables", message.name))
        elif isinstance(message, Message):
            rendered.append({"role": message.role, "content": fill(message.content, values.__getitem__)})
        else:
            content = with_texts(message.content, lambda text: fill(text, values.__getitem__))
            rendered.append({**message_json(message), "content": content})
    return rendered


def _inserted(value: object, field: str) -> list[RenderedMessage]:
    """Return the messages of a placeholder unchanged; the app chooses their format."""
    given = value if isinstance(value, list | tuple) else ()
    for i, message in enumerate(given):
        if not isinstance(message, Mapping):
            raise PromptError(at(field, i), "must be a message: an object")
    return [dict(message) for message in given]


def _values(declared: Mapping[str, Variable], given: Mapping[str, object]) -> dict[str, str]:
    for name in given:
        if name not in declared:
            raise PromptError(at("variables", name), "is not a variable of this prompt")
    return {name: _written(given.get(name), variable, at("variables", name)) for name, variable in declared.items()}


def _written(value: object, variable: Variable, field: str) -> str:
    if value is None:
        if variable.required:
            raise PromptError(field, "is missing")
        return ""
    if not _fits(value, variable.type):
        raise PromptError(field, f"must be a {variable.type}")
    if variable.type == "messages":
        return ""  # messages: `_inserted` renders them
    if isinstance(value, str):
        return exact_text(value, field)
    return canonical_bytes(normal(value, field)).decode()


def _fits(value: object, kind: str) -> bool:
    match kind:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "list" | "messages":
            return isinstance(value, list | tuple)
        case _:
            return isinstance(value, int | float) and not isinstance(value, bool)


def _turns(examples: Sequence[Mapping[str, str]], slot: str, most: int) -> list[RenderedMessage]:
    field = at("examples", slot)
    if len(examples) > most:
        raise PromptError(field, f"has more than {most} examples")
    turns: list[RenderedMessage] = []
    for i, example in enumerate(examples):
        path = at(field, i)
        turns.append({"role": "user", "content": exact_text(example.get("input"), at(path, "input"))})
        turns.append({"role": "assistant", "content": exact_text(example.get("output"), at(path, "output"))})
    return turns
