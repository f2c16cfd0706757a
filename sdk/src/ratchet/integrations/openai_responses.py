"""Requests and answers of OpenAI's responses API. Pure."""

from collections.abc import Mapping
from typing import Any

from ratchet.client.rendered_prompts import message_texts
from ratchet.integrations.answer_parts import Fields, answer_fields, member, parameters_of, recorded_messages
from ratchet.integrations.model_api import ModelRequest

_OUTPUT_EVENTS = frozenset({
    "response.output_text.delta", "response.refusal.delta", "response.function_call_arguments.delta",
    "response.custom_tool_call_input.delta", "response.reasoning_summary_text.delta", "response.reasoning_text.delta",
})  # fmt: skip
_LAST_EVENTS = frozenset({"response.completed", "response.incomplete", "response.failed"})


class Responses:
    """The API `POST /responses`."""

    name = "openai"

    def read_request(self, body: Mapping[str, Any]) -> ModelRequest:
        """Return the texts and fields of a request."""
        given, instructions = body.get("input"), body.get("instructions")
        texts = message_texts(given) + message_texts(instructions)
        shown = given if isinstance(given, str) else recorded_messages(_as_messages(given))
        return ModelRequest(texts, {"input": shown, "parameters": parameters_of(body), "model": body.get("model")})

    def read_answer(self, response: Any) -> Fields:
        """Return the fields of a response."""
        items = member(response, "output") or ()
        parts = [part for item in items if member(item, "type") == "message" for part in member(item, "content") or ()]
        refusals = [member(part, "refusal") for part in parts]
        reason = member(member(response, "incomplete_details"), "reason")
        fields = answer_fields(
            [member(part, "text") for part in parts] + refusals,
            [_tool(item) for item in items if member(item, "type") in ("function_call", "custom_tool_call")],
            model=member(response, "model"),
            usage=member(response, "usage"),
            refused=any(refusals) or reason == "content_filter",
            finish_reason=reason or member(response, "status"),
            response_id=member(response, "id"),
        )
        if member(response, "status") == "failed":
            fields["outcome"] = "error"
            fields["attributes"]["error_type"] = member(member(response, "error"), "code")
        return fields

    def new_stream(self) -> "ResponseEvents":
        """Return a collector of the events of one stream."""
        return ResponseEvents(self)


class ResponseEvents:
    """The events of a streamed response; the last one contains the whole."""

    def __init__(self, api: Responses) -> None:
        self._api = api
        self._texts: list[str] = []
        self._response: Any = None
        self.complete = False

    def add(self, event: Any) -> bool:
        """Add an event; return whether it has output."""
        kind = member(event, "type")
        if (response := member(event, "response")) is not None:
            self._response = response
        self.complete |= kind in _LAST_EVENTS
        if kind == "response.output_text.delta":
            self._texts.append(member(event, "delta") or "")
        return kind in _OUTPUT_EVENTS

    def fields(self) -> Fields:
        """Return the fields of the answer so far."""
        fields = self._api.read_answer(self._response)
        if not self.complete and self._texts:
            fields["output"] = "".join(self._texts)
        return fields


def _as_messages(items: Any) -> list[Any]:
    """Return input items as messages: calls of tools and their results too; thoughts are left out."""
    found: list[Any] = []
    for item in items if isinstance(items, list | tuple) else ():
        match member(item, "type"):
            case "function_call" | "custom_tool_call":
                found.append({"role": "assistant", "tool_calls": [_tool(item)]})
            case "function_call_output" | "custom_tool_call_output":
                found.append({"role": "tool", "content": member(item, "output")})
            case "reasoning":
                pass
            case _:
                found.append(item)
    return found


def _tool(item: Any) -> Fields:
    return {"name": member(item, "name"), "arguments": member(item, "arguments") or member(item, "input")}
