"""What went into a model and what came out, from wherever a convention puts it. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from collector.domain.otlp.flattened import indexed, parsed
from collector.domain.otlp.messages import flattened_messages, messages_of
from collector.domain.otlp.span import Attributes, ExportedSpan, SpanEvent

Reader = Callable[[Attributes, Sequence[SpanEvent]], Any]
"""Returns what it finds, or something empty."""

_ROLES: Mapping[str, str] = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
"""Event of a message of the input (gen_ai 1.28 to 1.36) → its role."""
_CHOICE = "gen_ai.choice"
_BODY = "gen_ai.event.content"
"""The attribute with the body of such an event as JSON; else the fields of the body are attributes themselves."""


def _attribute(name: str, role: str) -> Reader:
    return lambda attributes, _: messages_of(attributes.get(name), role)


def _list(name: str, role: str) -> Reader:
    return lambda attributes, _: flattened_messages(attributes, name, role)


def _texts(name: str, member: str) -> Reader:
    """Return a reader of the texts of a completion model: one text, or several as a list."""

    def read(attributes: Attributes, _: Sequence[SpanEvent]) -> Any:
        texts = [found[member] for found in indexed(attributes, name) if member in found]
        return texts[0] if len(texts) == 1 else texts

    return read


def _content_event(part: str, role: str) -> Reader:
    """Return a reader of the event with the whole prompt or completion (gen_ai 1.26 and 1.27)."""
    event_name, name = f"gen_ai.content.{part}", f"gen_ai.{part}"

    def read(_: Attributes, events: Sequence[SpanEvent]) -> Any:
        found = (event.attributes.get(name) for event in events if event.name == event_name)
        return messages_of(next((value for value in found if value), None), role)

    return read


def _request(name: str) -> Reader:
    """Return a reader of a request's body, of which only the messages are returned: the rest names the user."""

    def read(attributes: Attributes, _: Sequence[SpanEvent]) -> Any:
        value = parsed(attributes.get(name))
        return messages_of(value["messages"] if isinstance(value, Mapping) and "messages" in value else value, "user")

    return read


def _response(attributes: Attributes, _: Sequence[SpanEvent]) -> Any:
    """Return the answer of the Vercel AI SDK: text, an object, and calls of tools."""
    found = attributes.get("ai.response.text") or attributes.get("ai.response.object")
    calls = parsed(attributes.get("ai.response.toolCalls"))
    if not isinstance(calls, list) or not calls:
        return found
    parts = [{"type": "tool-call", **call} for call in calls if isinstance(call, Mapping)]
    content = [{"type": "text", "text": found}, *parts] if found else parts
    return messages_of([{"role": "assistant", "content": content}], "assistant")


def _message_events(_: Attributes, events: Sequence[SpanEvent]) -> Any:
    return [_event_message(_event_body(event), _ROLES[event.name]) for event in events if event.name in _ROLES]


def _choice_events(_: Attributes, events: Sequence[SpanEvent]) -> Any:
    return [_choice(_event_body(event)) for event in events if event.name == _CHOICE]


def _event_body(event: SpanEvent) -> Attributes:
    body = parsed(event.attributes.get(_BODY))
    return body if isinstance(body, Mapping) else event.attributes


def _choice(body: Attributes) -> Any:
    """Return the message of a choice: an object, JSON, a text, or the fields of the choice itself."""
    message = parsed(body.get("message"))
    if isinstance(message, Mapping):
        return _event_message({**body, **message}, "assistant")
    return _event_message({**body, "content": body.get("content") if message is None else message}, "assistant")


def _event_message(body: Attributes, role: str) -> Any:
    fields = {name: body[name] for name in ("role", "content", "tool_calls") if body.get(name) is not None}
    found = messages_of({"content": "", **fields}, role)
    return found[0] if isinstance(found, list) else found


INPUTS: tuple[tuple[str, Reader], ...] = (
    ("gen_ai.input.messages", _attribute("gen_ai.input.messages", "user")),
    ("gen_ai.prompt.0.content", _list("gen_ai.prompt", "user")),
    ("llm.input_messages.0.message.content", _list("llm.input_messages", "user")),
    ("event gen_ai.user.message", _message_events),
    ("event gen_ai.content.prompt", _content_event("prompt", "user")),
    ("gen_ai.prompt", _attribute("gen_ai.prompt", "user")),
    ("llm.prompts.0.prompt.text", _texts("llm.prompts", "prompt.text")),
    ("ai.prompt.messages", _attribute("ai.prompt.messages", "user")),
    ("input.value", _request("input.value")),
    ("traceloop.entity.input", _attribute("traceloop.entity.input", "user")),
)
"""Where the input is looked for, in this order, and how; the first that is not empty counts."""

OUTPUTS: tuple[tuple[str, Reader], ...] = (
    ("gen_ai.output.messages", _attribute("gen_ai.output.messages", "assistant")),
    ("gen_ai.completion.0.content", _list("gen_ai.completion", "assistant")),
    ("llm.output_messages.0.message.content", _list("llm.output_messages", "assistant")),
    ("event gen_ai.choice", _choice_events),
    ("event gen_ai.content.completion", _content_event("completion", "assistant")),
    ("gen_ai.completion", _attribute("gen_ai.completion", "assistant")),
    ("llm.choices.0.completion.text", _texts("llm.choices", "completion.text")),
    ("ai.response.text", _response),
    ("output.value", _attribute("output.value", "assistant")),
    ("traceloop.entity.output", _attribute("traceloop.entity.output", "assistant")),
)
"""The same for the output."""


def read_transcript(span: ExportedSpan, sources: Sequence[tuple[str, Reader]]) -> Any:
    """Return the input or the output of a span as text, messages or other JSON; None if the span has none."""
    for _, read in sources:
        found = read(span.attributes, span.events)
        if isinstance(found, str | list | Mapping) and found:
            return found
    return None
